"""Makes the tables of published runs that tests/published.rs reads, from where they are published.

    python3 tests/published-data.py FOLDER [--from EPOCH_CLONE PORIAN_CLONE CHINCHILLA_CLONE]

writes three CSV tables into FOLDER. Without --from it clones the three repositories from GitHub into a
temporary directory. With --from it reads clones that are there already. Either way it reads the files of
the commits named here, and not what is checked out.

epoch_chinchilla.csv: 245 runs, read off a figure of Hoffmann et al. 2022 by its SVG.
    Repository  epoch-research/analyzing-chinchilla, commit 92258837425e1b5f2851d624287f0120583a3d0e
    File        data/svg_extracted_data.csv, copied byte for byte
    Licence     none stated
    Paper       Besiroglu et al. 2024, arXiv 2404.10102

porian_isoflops.csv: 1745 points of isoFLOP curves, in 15 configurations.
    Repository  formll/resolving-scaling-law-discrepancies,
                commit 0dc60d91b8a525858a3067fc9e4a46ff5374cc6f
    Files       data/summary_df.pickle.xz, and the same with _att, _kaplan_tuned_hparams and _owt2: tables
                with a row for each configuration, in which each budget C has lists of N, D and loss
    What is done  The lists are written out, one row for a point, in the order of the files. The columns
                are the file, the six settings of the configuration, C, N, D and loss. No number is
                changed. What N counts depends on `param_count`, and always C = 6 N D.
    Licence     MIT
    Paper       Porian et al. 2024, arXiv 2406.19146

chinchilla_pkg_llm.csv: 234 runs.
    Repository  kyo-takano/chinchilla, commit 75e5858f6e7c5b60d1fab69f66258132347b060c
    File        examples/llm/df.csv, copied byte for byte. These are the runs of epoch_chinchilla.csv that
                have fewer parameters than tokens, with N and D rounded to integers and the loss to six
                decimals: the two tables are not independent.
    Licence     Apache-2.0
    Paper       none; the software is the reference

It needs git and pandas. The pickles were written by pandas 1.5; pandas 1.5.1 and 3.1.1 read them and give
the same bytes. Reading a pickle can run code, which is one more reason why the commits are fixed.
"""

import argparse
import io
import subprocess
import tempfile
from pathlib import Path

import pandas

EPOCH = ("epoch-research/analyzing-chinchilla", "92258837425e1b5f2851d624287f0120583a3d0e")
PORIAN = ("formll/resolving-scaling-law-discrepancies", "0dc60d91b8a525858a3067fc9e4a46ff5374cc6f")
CHINCHILLA = ("kyo-takano/chinchilla", "75e5858f6e7c5b60d1fab69f66258132347b060c")

SUMMARIES = ["summary_df", "summary_df_att", "summary_df_kaplan_tuned_hparams", "summary_df_owt2"]
SETTINGS = ["dataset", "hparams", "warmup", "decay", "param_count", "val"]


def clone(repository, place):
    """Clones without a work tree and without contents: git gets those of a file when it is read."""
    url = f"https://github.com/{repository}"
    options = ["--quiet", "--no-checkout", "--filter=blob:none"]
    subprocess.run(["git", "clone", *options, url, place], check=True)


def read(place, commit, path):
    """The bytes of a file at a commit."""
    return subprocess.check_output(["git", "-C", place, "show", f"{commit}:{path}"])


def points(name, pickle):
    """A row for each point of each budget of each configuration of a summary."""
    for _, configuration in pandas.read_pickle(io.BytesIO(pickle), compression="xz").iterrows():
        settings = [configuration[setting] for setting in SETTINGS]
        for _, budget in configuration["optimal_pairs"].iterrows():
            for n, d, loss in zip(budget["n_vals"], budget["t_vals"], budget["loss_vals"]):
                yield [name, *settings, budget["flops"], n, d, loss]


def porian_isoflops(place, commit):
    rows = []
    for name in SUMMARIES:
        rows.extend(points(name, read(place, commit, f"data/{name}.pickle.xz")))
    table = pandas.DataFrame(rows, columns=["file", *SETTINGS, "C", "N", "D", "loss"])
    return table.to_csv(index=False, lineterminator="\n").encode()


def write_tables(folder, epoch, porian, chinchilla):
    """Writes the tables from clones of the three repositories."""
    tables = {
        "epoch_chinchilla.csv": read(epoch, EPOCH[1], "data/svg_extracted_data.csv"),
        "porian_isoflops.csv": porian_isoflops(porian, PORIAN[1]),
        "chinchilla_pkg_llm.csv": read(chinchilla, CHINCHILLA[1], "examples/llm/df.csv"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / name).write_bytes(table)


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    names = ("EPOCH_CLONE", "PORIAN_CLONE", "CHINCHILLA_CLONE")
    parser.add_argument("--from", dest="clones", nargs=3, metavar=names)
    arguments = parser.parse_args()
    if arguments.clones:
        write_tables(arguments.folder, *arguments.clones)
        return
    with tempfile.TemporaryDirectory() as place:
        clones = [f"{place}/{name}" for name in ("epoch", "porian", "chinchilla")]
        for (repository, _), target in zip((EPOCH, PORIAN, CHINCHILLA), clones):
            clone(repository, target)
        write_tables(arguments.folder, *clones)


if __name__ == "__main__":
    main()

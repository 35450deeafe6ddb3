//! What ships: suites that plan, and committed results that are still what they say. The tables are the
//! ground; fits, figures and every number of the README that comes from them must follow from them.

use std::fs;
use std::path::{Path, PathBuf};

use isoflop_ledger::{Columns, read_table};
use isoflop_suite::Definition;

use crate::support::{Place, Said, project};

#[test]
fn every_suite_is_planned() {
    let place = Place::new();
    let mut names = Vec::new();
    for entry in fs::read_dir(project().join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        place
            .isoflop(&format!("plan {} --json", path.display()))
            .code(0)
            .says("\"id\"");
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "backends",
            "data-constrained",
            "gpu",
            "isoflop",
            "kaplan",
            "known-entropy",
            "languages",
            "own-text",
            "quick",
            "width-depth"
        ]
    );
}

/// Folders of committed results, as they are named from the project's folder.
fn references() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let suites = fs::read_dir(project().join("results/reference")).unwrap();
    for suite in suites.map(|entry| entry.unwrap().path()) {
        for device in fs::read_dir(suite).unwrap() {
            let device = device.unwrap().path();
            if device.join("cells.parquet").exists() {
                found.push(device.strip_prefix(project()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    let names: Vec<String> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let expected = [
        "backends/flex",
        "backends/wgpu-0",
        "data-constrained/flex",
        "isoflop/flex",
        "kaplan/flex",
        "known-entropy/flex",
        "quick/flex",
        "width-depth/flex",
    ];
    assert_eq!(
        names,
        expected.map(|name| format!("results/reference/{name}"))
    );
    found
}

fn cells(reference: &Path) -> Columns {
    let table = read_table(&project().join(reference).join("cells.parquet"));
    Columns::new(table.unwrap().frame)
}

/// A place with a copy of a folder of committed results, under the same name.
fn copied(reference: &Path) -> Place {
    let place = Place::new();
    let folder = place.path(&reference.display().to_string());
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(project().join(reference)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    place
}

#[test]
fn committed_results_say_what_made_them() {
    for reference in references() {
        let cells = cells(&reference);
        for column in [
            "commit",
            "cargo_lock_sha256",
            "features",
            "command",
            "system",
            "processor",
            "environment",
            "precision",
            "device_check",
            "corpus_sha256",
        ] {
            let words = cells.words(column);
            let all = words.iter().all(|word| !word.is_empty());
            assert!(all, "{}: {column} is empty", reference.display());
        }
        for (column, expected) in [("dirty", "false"), ("planned", "true"), ("status", "done")] {
            let words = cells.words(column);
            let all = words.iter().all(|word| word == expected);
            assert!(all, "{}: {column} {words:?}", reference.display());
        }
        let commands = cells.words("command");
        let users = |command: &String| command.starts_with("isoflop run experiments/");
        assert!(commands.iter().all(users), "{commands:?}");
    }
}

/// The fit that a suite's `[[fit]]` asks for, by the command that gives it from the table alone.
fn fit_words(definition: &Definition, at: usize, folder: &Path) -> Vec<String> {
    let wanted = definition.fits[at].get_ref();
    let folder = folder.display().to_string();
    let form = wanted.form.get_ref().clone();
    let mut words = vec!["fit".to_owned(), folder, "--form".to_owned(), form];
    for (flag, column, usual) in [
        ("--n", &wanted.n, Some("params_total")),
        ("--d", &wanted.d, Some("tokens")),
        ("--x", &wanted.x, None),
        ("--loss", &wanted.loss, None),
        ("--group", &wanted.group, None),
    ] {
        if let Some(column) = column.as_ref().map(|it| it.get_ref().as_str()).or(usual) {
            words.extend([flag.to_owned(), column.to_owned()]);
        }
    }
    assert!(wanted.objective.is_none(), "no suite that ships names one");
    words
}

fn fitted(place: &Place, words: &[String], more: &[&str]) -> Said {
    let words = words.iter().map(String::as_str).chain(more.iter().copied());
    place.isoflop_words(&words.collect::<Vec<_>>()).code(0)
}

fn definition(reference: &Path) -> Definition {
    let suite = reference.parent().unwrap().file_name().unwrap();
    let path = format!("experiments/{}.toml", suite.to_string_lossy());
    Definition::read(&project().join(path)).unwrap()
}

#[test]
fn committed_tables_give_the_committed_fits() {
    for reference in references() {
        let (place, definition) = (copied(&reference), definition(&reference));
        let fits = (0..definition.fits.len()).map(|at| {
            let words = fit_words(&definition, at, &reference);
            let said = fitted(&place, &words, &["--json"]);
            said.stdout.trim_end().to_owned()
        });
        let fits = format!("[{}]\n", fits.collect::<Vec<_>>().join(","));
        let committed = fs::read_to_string(project().join(&reference).join("fits.json")).unwrap();
        assert!(fits == committed, "{}: other fits", reference.display());
    }
}

#[test]
fn committed_tables_give_the_committed_figures() {
    for reference in references() {
        check_figures(&reference);
    }
    check_figures(Path::new("results/reference/backends/compare"));
}

fn check_figures(reference: &Path) {
    let place = copied(reference);
    place
        .isoflop(&format!("plot {}", reference.display()))
        .code(0);
    let plots = reference
        .display()
        .to_string()
        .replacen("results", "plots", 1);
    let committed: Vec<PathBuf> = fs::read_dir(project().join(&plots))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!committed.is_empty(), "{plots}");
    for path in committed {
        let drawn = place.path(&plots).join(path.file_name().unwrap());
        let (drawn, committed) = (fs::read(drawn).unwrap(), fs::read(&path).unwrap());
        assert!(drawn == committed, "another {}", path.display());
    }
}

fn readme() -> String {
    fs::read_to_string(project().join("README.md")).unwrap()
}

/// Every line that a command says of committed results stands in the README.
fn stands_in_readme(said: &Said) {
    let readme = readme();
    for line in said.stdout.lines() {
        assert!(
            readme.contains(line.trim_end()),
            "the README has no line\n{line}"
        );
    }
}

/// What `quick` ends with: its first law, and what to train next for ten times the compute.
#[test]
fn the_readme_shows_what_quick_gives() {
    let reference = Path::new("results/reference/quick/flex");
    let place = copied(reference);
    let words = fit_words(&definition(reference), 0, reference);
    stands_in_readme(&fitted(&place, &words, &[]));
    let flops = cells(reference).numbers("flops_6n_total").unwrap();
    let most = flops.into_iter().flatten().fold(0.0, f64::max);
    let said = place.isoflop(&format!(
        "allocate {}/fits.json --flops {}",
        reference.display(),
        10.0 * most
    ));
    stands_in_readme(&said.code(0));
}

/// The README's answer of a suite, made of its committed fits.
#[test]
fn the_readme_gives_each_suites_answer() {
    let readme = readme();
    for reference in references() {
        let text = fs::read_to_string(project().join(&reference).join("fits.json")).unwrap();
        let fits: serde_json::Value = serde_json::from_str(&text).unwrap();
        for fit in fits.as_array().unwrap() {
            let answer = answer(fit);
            assert!(
                readme.contains(&answer),
                "{}: the README does not say {answer}",
                reference.display()
            );
        }
    }
}

/// Parameters with their intervals, three decimals each; of slices the exponents of N.
fn answer(fit: &serde_json::Value) -> String {
    let number = |value: &serde_json::Value| format!("{:.3}", value.as_f64().unwrap());
    let interval = |value: &serde_json::Value| match value.as_array() {
        Some(ends) => format!(" [{}, {}]", number(&ends[0]), number(&ends[1])),
        None => String::new(),
    };
    if let Some(approaches) = fit["approaches"].as_array() {
        let all = approaches.iter().map(|approach| {
            let a = number(&approach["a"]);
            format!(
                "{} a = {a}{}",
                approach["number"],
                interval(&approach["a_ci95"])
            )
        });
        return all.collect::<Vec<_>>().join("; ");
    }
    let params = fit["params"].as_object().unwrap();
    // Amplitudes say nothing by themselves.
    let telling = |name: &&String| !["A", "B", "G", "Nc", "Dc"].contains(&name.as_str());
    let all = params.keys().filter(telling).map(|name| {
        let value = number(&params[name]);
        format!("{name} = {value}{}", interval(&fit["ci95"][name]))
    });
    all.collect::<Vec<_>>().join(", ")
}

/// The README's speeds are those that were measured.
#[test]
fn the_readme_shows_the_speeds_measured() {
    let peer = project().join("results/reference/peer");
    let readme = readme();
    let rows = |name: &str| {
        let tables = ["", "zen3"].map(|processor| peer.join(processor).join(name));
        let tables = tables.map(|table| fs::read_to_string(table).unwrap());
        let lines = tables.iter().flat_map(|table| table.lines().skip(1));
        let cells = lines.map(|line| line.split(',').map(str::to_owned).collect());
        cells.collect::<Vec<Vec<String>>>()
    };
    let ratio = |cells: &[String]| {
        let number = |at: usize| cells[at].parse::<f64>().unwrap();
        format!("{:.2} [{:.2}, {:.2}]", number(6), number(7), number(8))
    };
    for cells in rows("steps.csv") {
        let (shape, ratio) = (cells[..4].to_vec(), ratio(&cells));
        let [width, depth, batch, sequence] = shape.try_into().unwrap();
        let shape = format!("| {width} x {depth}, {batch} x {sequence} |");
        let told = readme.lines().find(|line| line.starts_with(&shape));
        assert!(
            told.is_some_and(|line| line.contains(&ratio)),
            "{shape} {ratio}"
        );
    }
    for cells in rows("suites.csv") {
        let ratio = ratio(&cells);
        assert!(readme.contains(&ratio), "{ratio}");
    }
}

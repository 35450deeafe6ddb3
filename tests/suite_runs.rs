//! A small suite from its definition to its figures.

use std::fs;

use crate::support::{Place, Row};

/// Twelve cells of a few seconds in all.
const SUITE: &str = r#"
description = "for the tests"

[corpus.files]
paths = ["text.txt"]

[evaluation]
tokens = 8000

[[sweep]]
width = [8, 16, 32]
depth = 1
head_width = 8
sequence_length = 32
batch = 4
tokens = [2048, 4096, 8192, 16384]

[[fit]]
form = "chinchilla"
bootstrap = 50

[[fit]]
form = "power"
x = "flops_6n_total"
bootstrap = 50
"#;

/// Sentences made of few words: something to learn, and no two blocks alike.
pub fn text() -> String {
    let words = [
        "the", "loss", "falls", "with", "data", "and", "compute", "as", "a", "power", "law",
    ];
    let mut state = 1u64;
    let mut text = String::new();
    while text.len() < 500_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += words[(state >> 33) as usize % words.len()];
        text.push(if state >> 60 == 0 { '\n' } else { ' ' });
    }
    text
}

fn place() -> Place {
    Place::new()
        .with("tiny.toml", SUITE)
        .with("text.txt", &text())
}

/// A text of other words, and the corpus's own: each a column of losses, to which a law is fitted as to any.
#[test]
fn validation_sets_are_columns() {
    let other = text()
        .replace("the loss", "zebras")
        .replace("data", "quartz");
    let suite = SUITE.replace(
        "form = \"power\"",
        "form = \"power\"\nloss = \"loss_other\"\nse = \"loss_other_se_own\"",
    );
    let sets = "[validation.other.files]\npaths = [\"other.txt\"]\n[validation.same.files]\npaths = [\"text.txt\"]\n";
    let place = Place::new()
        .with("tiny.toml", &format!("{suite}{sets}"))
        .with("text.txt", &text())
        .with("other.txt", &other);
    place
        .isoflop("plan tiny.toml")
        .code(0)
        .says("validation set other: ")
        .says("validation set same: ")
        .says("% of it lies in runs of 50 bytes that are trained on as well");
    place.isoflop("run tiny.toml").code(0).says("loss_other");
    place.isoflop("table results/tiny/flex").code(0);
    for row in place.csv("results/tiny/flex/cells.csv") {
        let (loss, other, same) = (
            row.number("loss"),
            row.number("loss_other"),
            row.number("loss_same"),
        );
        // Mostly the text that was trained on, and words that never were.
        assert!((same - loss).abs() < 0.05, "{row:?}");
        assert!(other > loss, "{row:?}");
        let bits = other / std::f64::consts::LN_2;
        assert!((row.number("bits_per_byte_other") - bits).abs() < 1e-12);
        assert!(row.number("loss_other_se") > 0.0 && row.number("loss_other_se_own") > 0.0);
        assert!((7000.0..=8000.0).contains(&row.number("scored_tokens_other")));
    }
    let documents = place.csv("results/tiny/flex/documents.csv");
    let of = |set: &str| {
        documents
            .iter()
            .filter(|row| row.word("set") == set)
            .count()
    };
    assert_eq!(of("") + of("other") + of("same"), documents.len());
    assert!(of("other") > 12 && of("") > 12);
    let wrong = sets.replace("other.txt", "gone.txt");
    place
        .with("tiny.toml", &format!("{suite}{wrong}"))
        .isoflop("plan tiny.toml")
        .code(1)
        .complains("the validation set `other`: gone.txt");
}

fn losses(place: &Place, results: &str) -> Vec<(String, String)> {
    place.isoflop(&format!("table {results}/tiny/flex")).code(0);
    let rows = place.csv(&format!("{results}/tiny/flex/cells.csv"));
    rows.iter()
        .map(|row| (row.word("cell").to_owned(), row.word("loss").to_owned()))
        .collect()
}

#[test]
fn a_suite_is_trained_tabled_fitted_and_drawn() {
    let place = place();
    place
        .isoflop("run tiny.toml")
        .code(0)
        .complains("12 cells, 0 done, 12 to train")
        .says("12 of 12 cells done")
        .says("L = E + A N^-alpha + B D^-beta")
        .says("for ten times the compute");

    place.isoflop("table results/tiny/flex").code(0);
    let rows = place.csv("results/tiny/flex/cells.csv");
    assert_eq!(rows.len(), 12);
    for row in &rows {
        assert_eq!(row.word("status"), "done");
        // An untrained model scores ln 256 = 5.55; the letters' own entropy is near 2.8.
        assert!(row.number("loss") < 5.0, "{row:?}");
        assert!(row.number("loss_se") > 0.0);
        let bits = row.number("loss") / std::f64::consts::LN_2;
        assert!((row.number("bits_per_byte") - bits).abs() < 1e-12);
        assert_eq!(
            row.number("flops_6n_total"),
            6.0 * row.number("params_total") * row.number("tokens")
        );
    }
    let of = |width: f64, tokens: f64| -> &Row {
        let found = |row: &&Row| row.number("width") == width && row.number("tokens") == tokens;
        rows.iter().find(found).expect("a row")
    };
    assert!(
        of(32.0, 16384.0).number("loss") < of(32.0, 2048.0).number("loss"),
        "loss falls with data"
    );
    assert!(
        of(32.0, 16384.0).number("loss") < of(8.0, 16384.0).number("loss"),
        "loss falls with size"
    );

    let curves = place.csv("results/tiny/flex/curves.csv");
    let ends = curves
        .iter()
        .filter(|row| row.word("tokens") == row.word("tokens_of_run"))
        .count();
    assert_eq!(ends, 12, "every curve goes to its run's end");

    let fits = fs::read_to_string(place.path("results/tiny/flex/fits.json")).unwrap();
    assert!(fits.contains("\"form\":\"chinchilla\"") && fits.contains("\"form\":\"power\""));
    for figure in [
        "loss-vs-parameters",
        "loss-vs-tokens",
        "loss-vs-compute",
        "training-curves",
    ] {
        let svg = fs::read_to_string(place.path(&format!("plots/tiny/flex/{figure}.svg"))).unwrap();
        assert!(
            svg.contains("isoflop plot results/tiny/flex"),
            "a figure says where it is from"
        );
        assert!(!svg.contains("<text"), "a figure needs no font");
        let png = fs::read(place.path(&format!("plots/tiny/flex/{figure}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
    }
}

#[test]
fn done_cells_are_not_trained_again_and_missing_ones_are() {
    let place = place();
    place.isoflop("run tiny.toml").code(0);
    let before = losses(&place, "results");
    place
        .isoflop("run tiny.toml")
        .code(0)
        .complains("12 done, 0 to train")
        .says("12 of 12");
    let (cell, _) = &before[5];
    fs::remove_file(place.path(&format!("results/tiny/flex/runs/{cell}/result.json"))).unwrap();
    place
        .isoflop("run tiny.toml")
        .code(0)
        .complains("11 done, 1 to train");
    assert_eq!(
        losses(&place, "results"),
        before,
        "trained again, a cell has the same loss to the bit"
    );
    assert!(
        place
            .path(&format!("results/tiny/flex/runs/{cell}/attempt-0002"))
            .is_dir()
    );
}

#[test]
fn workers_and_threads_do_not_change_a_loss() {
    let place = place();
    place
        .isoflop("run tiny.toml --results one --workers 1")
        .code(0);
    place
        .isoflop("run tiny.toml --results three --workers 3")
        .code(0);
    assert_eq!(losses(&place, "one"), losses(&place, "three"));
}

#[test]
fn the_same_table_gives_the_same_bytes() {
    let place = place();
    place.isoflop("run tiny.toml").code(0);
    let bytes = |plots: &str| {
        place
            .isoflop(&format!("plot results/tiny/flex --plots {plots}"))
            .code(0);
        [
            "loss-vs-tokens.svg",
            "loss-vs-compute.png",
            "training-curves.svg",
        ]
        .map(|file| fs::read(place.path(&format!("{plots}/tiny/flex/{file}"))).unwrap())
    };
    assert_eq!(bytes("a"), bytes("b"));
    let table = || fs::read(place.path("results/tiny/flex/cells.parquet")).unwrap();
    let before = table();
    place.isoflop("table results/tiny/flex").code(0);
    assert_eq!(table(), before, "a table is made anew from the runs");
}

/// A rate of 10 with hardly any clipping and a strong decay throws the weights about until the loss is
/// not a number.
#[test]
fn a_run_that_diverges_is_a_row_and_the_rest_go_on() {
    let suite = "[corpus.grammar]\nwords = 50\nzipf = 1.0\ntokens = 60000\nvalidation_tokens = 20000\n\
                 [training]\ngradient_clip = 1e30\nwarmup = 0.0\nweight_decay = 100.0\n\
                 [evaluation]\ntokens = 2048\n\
                 [[sweep]]\nwidth = [8, 16]\ndepth = 1\nhead_width = 8\nsequence_length = 32\n\
                 batch = 4\ntokens = 12800\nlearning_rate = [0.01, 10.0]\n";
    let place = Place::new().with("wild.toml", suite);
    place
        .isoflop("run wild.toml")
        .code(3)
        .says("2 of 4 cells done")
        .says("rate 1.00e1: diverged");
    place.isoflop("table results/wild/flex").code(0);
    let rows = place.csv("results/wild/flex/cells.csv");
    for row in &rows {
        if row.number("learning_rate") < 1.0 {
            assert_eq!(row.word("status"), "done");
        } else {
            assert_eq!(row.word("status"), "diverged");
            assert!(row.word("reason").contains("no longer finite"), "{row:?}");
            assert_eq!(row.word("loss"), "");
        }
    }
    // The step at which it happened is in the curve, by the same word as in every file.
    let curves = place.csv("results/wild/flex/curves.csv");
    let last = |cell: &str| curves.iter().rfind(|row| row.word("cell") == cell).unwrap();
    for row in rows.iter().filter(|row| row.word("status") == "diverged") {
        let last = last(row.word("cell"));
        let words = [last.word("loss"), last.word("gradient_norm")];
        assert!(
            words.iter().any(|word| ["NaN", "inf"].contains(word)),
            "{words:?}"
        );
    }
    place
        .isoflop("status wild.toml")
        .code(3)
        .says("2 done, 2 diverged");
    place.isoflop("plot results/wild/flex").code(0);
}

/// A step whose gradient overflows in 16-bit floats is skipped and counted. Far too large a rate makes
/// overflows; it is the loss that tells whether the run has diverged.
#[test]
fn steps_that_overflow_in_16_bits_are_counted() {
    let suite = "[corpus.grammar]\nwords = 50\nzipf = 1.0\ntokens = 60000\nvalidation_tokens = 20000\n\
                 [training]\ngradient_clip = 1e6\nwarmup = 0.0\n\
                 [evaluation]\ntokens = 2048\n\
                 [[sweep]]\nwidth = 16\ndepth = 1\nhead_width = 8\nsequence_length = 32\n\
                 batch = 4\ntokens = 12800\nprecision = \"f16\"\nlearning_rate = [0.01, 3.0]\n";
    let place = Place::new().with("half.toml", suite);
    place.isoflop("run half.toml");
    place.isoflop("table results/half/flex").code(0);
    let rows = place.csv("results/half/flex/cells.csv");
    let find = |rate: f64| rows.iter().find(|row| row.number("learning_rate") == rate);
    let (good, wild) = (find(0.01).unwrap(), find(3.0).unwrap());
    assert_eq!(
        (good.word("status"), good.word("skipped_steps")),
        ("done", "0")
    );
    assert!(wild.number("skipped_steps") > 0.0, "{wild:?}");
}

/// The training loss is the mean over all of the last steps, not over those that are logged.
#[test]
fn every_step_counts_in_the_training_loss() {
    let suite = SUITE
        .replace("width = [8, 16, 32]", "width = 8")
        .replace("[2048, 4096, 8192, 16384]", "400_000")
        .replace("form = \"chinchilla\"\nbootstrap = 50\n\n[[fit]]\n", "")
        .replace(
            "[[fit]]\nform = \"power\"\nx = \"flops_6n_total\"\nbootstrap = 50\n",
            "",
        );
    let place = Place::new()
        .with("tiny.toml", &suite)
        .with("text.txt", &text());
    place.isoflop("run tiny.toml").code(0);
    place.isoflop("table results/tiny/flex").code(0);
    let cell = &place.csv("results/tiny/flex/cells.csv")[0];
    let curve = place.csv("results/tiny/flex/curves.csv");
    let steps = cell.number("steps");
    assert!(steps > 2.0 * curve.len() as f64, "not every step is logged");
    // 3125 steps, every thirteenth logged: the last twentieth of what is logged, by its means.
    let last = curve.len().div_ceil(20);
    let (mut sum, mut count) = (0.0, 0.0);
    for at in curve.len() - last..curve.len() {
        let weight = curve[at].number("step") - curve[at - 1].number("step");
        sum += weight * curve[at].number("mean_loss");
        count += weight;
    }
    assert!((cell.number("train_loss") / (sum / count) - 1.0).abs() < 1e-12);
    // A mean of thirteen batches scatters less than one batch does.
    let rough = |column: &str| {
        let half = &curve[curve.len() / 2..];
        let pairs = half.windows(2);
        pairs
            .map(|pair| (pair[1].number(column) - pair[0].number(column)).powi(2))
            .sum::<f64>()
    };
    assert!(rough("mean_loss") < 0.3 * rough("loss"));
}

/// An edited suite asks for other cells; what it asked for before stays in the tables and out of the law.
#[test]
fn cells_that_a_suite_no_longer_asks_for_are_in_no_law() {
    let place = place();
    place.isoflop("run tiny.toml").code(0).says("12 points");
    let place = place.with("tiny.toml", &SUITE.replace("batch = 4", "batch = 8"));
    let said = place
        .isoflop("run tiny.toml")
        .code(0)
        .complains("12 cells, 0 done, 12 to train")
        .says("12 of 12 cells done")
        .says("12 runs of cells that the definition does not ask for any more")
        .says("12 points");
    assert!(!said.stdout.contains("24 points"), "{}", said.stdout);
    place.isoflop("table results/tiny/flex").code(0);
    let rows = place.csv("results/tiny/flex/cells.csv");
    assert_eq!(rows.len(), 24);
    for row in &rows {
        let planned = if row.number("batch") == 8.0 {
            "true"
        } else {
            "false"
        };
        assert_eq!(row.word("planned"), planned);
    }
    place
        .isoflop("fit results/tiny/flex --form chinchilla --bootstrap 0")
        .code(0)
        .says("12 points")
        .says("left out 12 rows");
    let fits = fs::read_to_string(place.path("results/tiny/flex/fits.json")).unwrap();
    assert!(fits.contains("\"points\":12"), "{fits}");
    // Asked for again, they are all there.
    let place = place.with("tiny.toml", SUITE);
    place
        .isoflop("run tiny.toml")
        .code(0)
        .complains("12 done, 0 to train");
}

#[test]
fn a_renamed_suite_trains_nothing_again() {
    let place = place();
    place.isoflop("run tiny.toml").code(0);
    let before = losses(&place, "results");
    let place = place.with("other.toml", SUITE);
    place
        .isoflop("run other.toml")
        .code(0)
        .complains("12 cells of other suites' results taken over")
        .complains("12 done, 0 to train");
    place.isoflop("table results/other/flex").code(0);
    let rows = place.csv("results/other/flex/cells.csv");
    let after: Vec<_> = rows
        .iter()
        .map(|row| (row.word("cell").to_owned(), row.word("loss").to_owned()))
        .collect();
    assert_eq!(after, before);
    let curve =
        |suite: &str| fs::read(place.path(&format!("results/{suite}/flex/curves.csv"))).unwrap();
    place.isoflop("table results/tiny/flex").code(0);
    assert_eq!(curve("other"), curve("tiny"));
    // One that the user runs again is trained here, and one left out there is not taken over.
    place
        .isoflop(&format!("rerun other.toml --cell {}", before[0].0))
        .code(0)
        .complains("11 done, 1 to train");
    let excluded = format!(
        "[[exclude]]\ncell = \"{}\"\nreason = \"hot\"\n",
        before[1].0
    );
    let place = place
        .with("results/tiny/flex/excluded.toml", &excluded)
        .with("third.toml", SUITE);
    fs::remove_dir_all(place.path("results/other")).unwrap();
    place
        .isoflop("run third.toml")
        .code(0)
        .complains("11 done, 1 to train");
}

/// A model that no machine has memory for is refused before anything is allocated.
#[test]
fn a_model_larger_than_the_machine_is_refused() {
    let suite = SUITE
        .replace("width = [8, 16, 32]", "width = [8, 65536]")
        .replace("depth = 1", "depth = 200")
        .replace("[2048, 4096, 8192, 16384]", "[2048, 4096, 8192]")
        .replace("form = \"chinchilla\"\nbootstrap = 50\n\n[[fit]]\n", "");
    let place = Place::new()
        .with("tiny.toml", &suite)
        .with("text.txt", &text());
    place
        .isoflop("plan tiny.toml")
        .code(0)
        .says("`run` refuses it");
    place
        .isoflop("run tiny.toml")
        .code(4)
        .complains("3 cells are too large")
        .complains("--force");
    assert!(!place.path("results/tiny/flex/runs").exists());
}

/// What the system refuses is told by the worker itself: the cell is out of memory, and the others go on.
#[test]
#[cfg(target_os = "linux")]
fn a_cell_without_memory_is_a_row_and_the_rest_go_on() {
    let suite = SUITE
        .replace("width = [8, 16, 32]", "width = [8, 12288]")
        .replace("[2048, 4096, 8192, 16384]", "2048")
        .replace("form = \"chinchilla\"\nbootstrap = 50\n\n[[fit]]\n", "")
        .replace(
            "[[fit]]\nform = \"power\"\nx = \"flops_6n_total\"\nbootstrap = 50\n",
            "",
        );
    let place = Place::new()
        .with("tiny.toml", &suite)
        .with("text.txt", &text());
    let command = format!(
        "ulimit -v 4000000; exec {} run tiny.toml --workers 1",
        env!("CARGO_BIN_EXE_isoflop")
    );
    let run = |command: &str| {
        let output = std::process::Command::new("sh")
            .args(["-c", command])
            .current_dir(place.path("."))
            .env("XDG_CACHE_HOME", place.path("cache"))
            .output()
            .expect("a shell");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    // The limit is known, and what is beyond it is not tried.
    let (code, said) = run(&command);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("of memory, and there is 4.10 GB"), "{said}");
    let (code, said) = run(&format!("{command} --force"));
    assert_eq!(code, Some(3), "{said}");
    place
        .isoflop("status tiny.toml")
        .code(3)
        .says("1 done, 1 out-of-memory");
}

#[test]
fn budgets_in_flops_are_drawn_as_slices() {
    let budgets = SUITE.replace("tokens = [2048, 4096, 8192, 16384]", "flops = [5e8, 1e9]");
    let place = Place::new()
        .with("tiny.toml", &budgets)
        .with("text.txt", &text());
    place
        .isoflop("run tiny.toml")
        .code(0)
        .says("6 of 6 cells done");
    place.isoflop("table results/tiny/flex").code(0);
    for row in place.csv("results/tiny/flex/cells.csv") {
        let met = row.number("flops_6n_total") / row.number("flops_budget");
        // Steps are whole.
        assert!(
            (met - 1.0).abs() <= 0.5 / row.number("steps") + 1e-9,
            "{row:?}"
        );
    }
    assert!(place.path("plots/tiny/flex/isoflop.svg").exists());
}

/// One budget gives no minimum that a law could go through: the runs, tables and figures are there all the
/// same, and the exit code says that a law was refused.
#[test]
fn a_law_that_the_losses_do_not_give_is_refused_at_the_end() {
    let suite = SUITE
        .replace("tokens = [2048, 4096, 8192, 16384]", "flops = 2e8")
        .replace(
            "form = \"power\"\nx = \"flops_6n_total\"",
            "form = \"isoflop\"",
        )
        .replace("form = \"chinchilla\"\nbootstrap = 50\n\n[[fit]]\n", "");
    let place = Place::new()
        .with("tiny.toml", &suite)
        .with("text.txt", &text());
    place
        .isoflop("run tiny.toml")
        .code(4)
        .complains("no fit of `isoflop`")
        .says("3 of 3 cells done");
    assert!(place.path("plots/tiny/flex/training-curves.svg").exists());
}

/// The command in a figure's foot works where the figure was made.
#[test]
fn a_figure_names_the_folder_it_was_drawn_from() {
    let place = place();
    place
        .isoflop("run tiny.toml --results some/where --plots pictures")
        .code(0);
    let path = place.path("pictures/tiny/flex/loss-vs-tokens.svg");
    let svg = fs::read_to_string(path).unwrap();
    let command = "isoflop plot some/where/tiny/flex";
    assert!(svg.contains(command));
    place
        .isoflop(command.trim_start_matches("isoflop "))
        .code(0)
        .says("some/where/tiny/flex/plots/loss-vs-tokens.svg");
}

#[test]
fn a_missing_text_is_named() {
    let place = Place::new().with("tiny.toml", SUITE);
    place.isoflop("run tiny.toml").code(1).complains("text.txt");
}

//! A small suite from its definition to its figures.

use std::fs;

use crate::support::{Place, Row};

/// Twelve cells of a few seconds in all.
const SUITE: &str = r#"
description = "for the tests"

[corpus.files]
paths = ["text.txt"]

[evaluation]
tokens = 2000

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
fn text() -> String {
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
        .map(|file| fs::read(place.path(&format!("{plots}/{file}"))).unwrap())
    };
    assert_eq!(bytes("a"), bytes("b"));
    let table = || fs::read(place.path("results/tiny/flex/cells.parquet")).unwrap();
    let before = table();
    place.isoflop("table results/tiny/flex").code(0);
    assert_eq!(table(), before, "a table is made anew from the runs");
}

#[test]
fn a_run_that_diverges_is_a_row_and_the_rest_go_on() {
    let suite = SUITE
        .replace(
            "tokens = [2048, 4096, 8192, 16384]",
            "tokens = 4096\nlearning_rate = [1e-3, 10.0]",
        )
        .replace(
            "[evaluation]",
            "[training]\ngradient_clip = 1e30\nwarmup = 0.0\n\n[evaluation]",
        );
    let place = Place::new()
        .with("tiny.toml", &suite)
        .with("text.txt", &text());
    let said = place.isoflop("run tiny.toml");
    place.isoflop("table results/tiny/flex").code(0);
    let rows = place.csv("results/tiny/flex/cells.csv");
    assert_eq!(rows.len(), 6);
    let diverged: Vec<_> = rows
        .iter()
        .filter(|row| row.word("status") == "diverged")
        .collect();
    for row in &diverged {
        assert!(row.word("reason").contains("no longer finite"), "{row:?}");
        assert_eq!(row.word("loss"), "");
    }
    for row in rows.iter().filter(|row| row.number("learning_rate") < 1.0) {
        assert_eq!(row.word("status"), "done");
    }
    let expected = if diverged.is_empty() { 0 } else { 3 };
    said.code(expected);
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

#[test]
fn a_missing_text_is_named() {
    let place = Place::new().with("tiny.toml", SUITE);
    place.isoflop("run tiny.toml").code(1).complains("text.txt");
}

//! What people see, kept word by word: tables, summaries, errors and help. `cargo insta review`, or
//! `INSTA_UPDATE=always cargo test --release --test program looks`, takes a change over.

use std::fs;
use std::path::Path;

use crate::support::{Place, project};

/// A place with copies of committed results, under the same names.
fn with_results() -> Place {
    let place = Place::new();
    for suite in ["isoflop", "known-entropy", "quick"] {
        let folder = format!("results/reference/{suite}/flex");
        fs::create_dir_all(place.path(&folder)).unwrap();
        for entry in fs::read_dir(project().join(&folder)).unwrap() {
            let from = entry.unwrap().path();
            let name = from.file_name().unwrap().to_owned();
            fs::copy(&from, place.path(&folder).join(name)).unwrap();
        }
    }
    place
}

fn looks(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(project().join("tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn fits_and_answers() {
    let place = with_results();
    for (name, words) in [
        (
            "fit-law",
            "fit results/reference/quick/flex --form chinchilla",
        ),
        (
            "fit-slices",
            "fit results/reference/isoflop/flex --form isoflop",
        ),
        (
            "fit-forms",
            "fit results/reference/isoflop/flex --form chinchilla,kaplan --holdout 6",
        ),
        (
            "fit-tables",
            "fit results/reference/quick/flex results/reference/isoflop/flex --form power --x tokens",
        ),
        (
            "fit-fixed",
            "fit results/reference/quick/flex --form chinchilla --fix E=0.4 --where loss<1.6",
        ),
        (
            "fit-replicates",
            "fit results/reference/known-entropy/flex --form chinchilla --group replicate --fix beta=0.3333333",
        ),
        (
            "allocate",
            "allocate results/reference/isoflop/flex/fits.json --flops 1e14",
        ),
    ] {
        looks(name, &place.isoflop(words).code(0).stdout);
    }
    let said = place
        .isoflop("predict results/reference/quick/flex/fits.json results/reference/isoflop/flex");
    looks("predict", &said.code(0).stderr);
}

const SMALL: &str = r#"
description = "Three cells."

[corpus.grammar]
words = 50
zipf = 1.0
tokens = 60_000
validation_tokens = 8_000

[evaluation]
tokens = 4096

[[sweep]]
width = [16, 32]
depth = 1
sequence_length = 32
batch = 4
seed = [0, 1]
tokens = 6_400
"#;

#[test]
fn a_suite_before_it_is_run() {
    let place = Place::new().with("small.toml", SMALL);
    let plan = place.isoflop("plan small.toml").code(0).stdout;
    // What follows is measured on this machine.
    let kept = plan.split("\nabout ").next().unwrap_or_default();
    looks("plan", kept);
    looks("status", &place.isoflop("status small.toml").code(3).stdout);
}

#[test]
fn errors() {
    let mistakes = [
        ("key", "depht = 1"),
        ("range", "depth = 0"),
        ("number", "depth = \"two\""),
        ("list", "depth = []"),
    ];
    let mut all = String::new();
    for (name, line) in mistakes {
        let text = SMALL.replace("depth = 1", line);
        let place = Place::new().with("small.toml", &text);
        let said = place.isoflop("plan small.toml").code(2);
        all += &format!("{name}\n{}\n", said.stderr);
    }
    looks("errors", &all);
}

#[test]
fn help() {
    let place = Place::new();
    let commands = [
        "",
        "allocate",
        "compare",
        "completions",
        "devices",
        "fit",
        "man",
        "schema",
        "plan",
        "plot",
        "predict",
        "rerun",
        "run",
        "status",
        "table",
    ];
    for command in commands {
        let said = place.isoflop(&format!("{command} --help")).code(0);
        let name = if command.is_empty() { "all" } else { command };
        looks(&format!("help-{name}"), &said.stdout);
    }
}

/// Every column of the tables has its row in docs/FORMAT.md, and no other has one.
#[test]
fn the_format_lists_every_column() {
    let text = fs::read_to_string(Path::new(project()).join("docs/FORMAT.md")).unwrap();
    let part = text.split("## `cells.parquet`").nth(1).unwrap();
    let part = part.split("\n`curves.parquet`").next().unwrap();
    let rows: Vec<&str> = part
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = isoflop_ledger::cell_columns()
        .map(|it| format!("| `{}` | {} | {} |", it.name, it.unit, it.meaning))
        .collect();
    assert_eq!(rows, expected);
}

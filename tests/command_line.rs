//! The command line as people know it: settings changed, several folders, JSON, quiet, completions, a
//! manual.

use std::fs;

use serde_json::Value;

use crate::suite_runs::text;
use crate::support::{Place, Said, project};

/// Eight cells, and laws that choose their rows.
const SUITE: &str = r#"
[corpus.files]
paths = ["text.txt"]

[evaluation]
tokens = 2000

[[sweep]]
width = [8, 16]
depth = 1
head_width = 8
sequence_length = 32
batch = 4
tokens = [2048, 4096, 8192, 16384]

[[fit]]
form = "power"
x = "tokens"
by = "width"
group = "tokens"
bootstrap = 0

[[fit]]
form = "power"
x = "flops_6n_total"
where = "width = 16 and loss < 100"
holdout = 1
bootstrap = 0
"#;

fn place() -> Place {
    Place::new()
        .with("small.toml", SUITE)
        .with("text.txt", &text())
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.stdout))
}

#[test]
fn every_command_has_json_and_can_be_quiet() {
    let place = place();
    let run = place.isoflop("run small.toml --json --quiet").code(0);
    assert_eq!(run.stderr, "");
    let run = json(&run);
    assert_eq!(run["cells"].as_array().unwrap().len(), 8);
    assert!(
        run["cells"]
            .as_array()
            .unwrap()
            .iter()
            .all(|cell| cell["status"] == "done")
    );
    assert!(place.path(run["fits"].as_str().unwrap()).exists());
    for command in ["plan small.toml", "status small.toml"] {
        let cells = json(&place.isoflop(&format!("{command} --json")).code(0));
        assert_eq!(cells.as_array().unwrap().len(), 8, "{command}");
    }
    for command in ["table", "plot"] {
        let said = place.isoflop(&format!("{command} results/small/flex --json"));
        let files = json(&said.code(0));
        for file in files.as_array().unwrap() {
            assert!(place.path(file.as_str().unwrap()).exists(), "{file}");
        }
    }
    let id = run["cells"][0]["cell"].as_str().unwrap();
    let again = json(
        &place
            .isoflop(&format!("rerun small.toml --cell {id} --json"))
            .code(0),
    );
    assert_eq!(again["cells"], run["cells"]);
}

/// What a definition says of rows: a fit for each width, rows that a filter keeps, runs that are hidden.
#[test]
fn a_definition_chooses_the_rows_of_its_laws() {
    let place = place();
    place
        .isoflop("run small.toml")
        .code(0)
        .says("width = 8")
        .says("width = 16");
    let text = fs::read_to_string(place.path("results/small/flex/fits.json")).unwrap();
    let fits: Value = serde_json::from_str(&text).unwrap();
    let fits = fits.as_array().unwrap();
    assert_eq!(fits.len(), 3);
    assert_eq!(fits[0]["by"], serde_json::json!(["width", "8"]));
    assert_eq!(fits[1]["by"], serde_json::json!(["width", "16"]));
    assert_eq!(fits[2]["where"], "width = 16 and loss < 100");
    assert_eq!(fits[2]["holdout"]["hidden"].as_array().unwrap().len(), 1);
}

#[test]
fn a_law_of_rows_that_cannot_be_is_refused_before_training() {
    let mistakes = [
        ("by = \"width\"", "by = \"widht\"", "did you mean `width`?"),
        (
            "group = \"tokens\"",
            "group = \"token\"",
            "did you mean `tokens`?",
        ),
        (
            "where = \"width = 16",
            "where = \"width = = 16",
            "small.toml:",
        ),
        ("where = \"width", "where = \"breadth", "breadth"),
    ];
    for (right, wrong, words) in mistakes {
        let place = Place::new()
            .with("small.toml", &SUITE.replace(right, wrong))
            .with("text.txt", &text());
        place.isoflop("run small.toml").code(2).complains(words);
        assert!(!place.path("results").exists(), "{wrong}");
    }
}

#[test]
fn a_setting_is_changed_on_the_command_line() {
    let place = place();
    let plan = |words: &str| {
        json(
            &place
                .isoflop(&format!("plan small.toml --json {words}"))
                .code(0),
        )
    };
    let changed = plan("--set sweep.width=32 --set model.feed_forward=gelu --set sweep.seed=[1,2]");
    let cells = changed.as_array().unwrap();
    assert_eq!(cells.len(), 8);
    for cell in cells {
        assert_eq!(cell["cell"]["model"]["width"], 32);
        assert_eq!(cell["cell"]["model"]["feed_forward"], "gelu");
    }
    // The same cells as if the file said so.
    let text = SUITE.replace("width = [8, 16]", "width = 32\nseed = [1, 2]");
    let text = format!("{text}\n[model]\nfeed_forward = \"gelu\"\n");
    fs::write(place.path("written.toml"), text).unwrap();
    let written = json(&place.isoflop("plan written.toml --json").code(0));
    assert_eq!(written, changed);

    place
        .isoflop("plan small.toml --set sweep.widht=32")
        .code(2)
        .complains("widht");
    place
        .isoflop("plan small.toml --set width")
        .code(2)
        .complains("KEY=VALUE");
    place
        .isoflop("plan small.toml --set corpus.files.paths.first=3")
        .code(2)
        .complains("no table");
}

#[test]
fn several_folders_are_taken_at_once() {
    let place = Place::new()
        .with("small.toml", SUITE.split("[[fit]]").next().unwrap())
        .with("text.txt", &text());
    place
        .isoflop("run small.toml --results a --set sweep.width=8")
        .code(0);
    place
        .isoflop("run small.toml --results b --set sweep.width=16")
        .code(0);
    place
        .isoflop("table a/small/flex b/small/flex")
        .code(0)
        .says("a/small/flex/cells.csv")
        .says("b/small/flex/cells.csv");
    place
        .isoflop("plot a/small/flex b/small/flex --plots p")
        .code(0)
        .says("p/small/flex/loss-vs-tokens.svg");
    let said = place.isoflop("fit a/small/flex b/small/flex --form power --x tokens --json");
    let fits = json(&said.code(0));
    assert_eq!(fits.as_array().unwrap().len(), 2);
    assert_ne!(fits[0]["table_hash"], fits[1]["table_hash"]);
    place
        .isoflop("fit a/small/flex b/small/flex --form power --x tokens")
        .code(0)
        .says("a/small/flex\nL = B x^-c")
        .says("b/small/flex\nL = B x^-c");
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        place
            .isoflop(&format!("completions {shell}"))
            .code(0)
            .says("allocate")
            .says("isoflop");
    }
    place.isoflop("man pages").code(0);
    let page = fs::read_to_string(place.path("pages/isoflop-fit.1")).unwrap();
    assert!(page.contains("chinchilla"), "{page}");
}

#[test]
fn the_version_has_a_commit() {
    // Sources from an archive have none.
    if !project().join(".git").exists() {
        return;
    }
    let said = Place::new().isoflop("--version").code(0);
    let commit = said
        .stdout
        .split(['(', ',', ')'])
        .nth(1)
        .unwrap_or_default();
    assert_eq!(commit.len(), 12, "{}", said.stdout);
}

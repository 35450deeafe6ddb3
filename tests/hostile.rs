//! Files that others have written or damaged, and readers that go away.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use isoflop_files::sealed;
use serde_json::Value;

use crate::suite_runs::text;
use crate::support::Place;

const SUITE: &str = r#"
[corpus.files]
paths = ["text.txt"]

[evaluation]
tokens = 2000

[[sweep]]
width = 8
depth = 1
head_width = 8
sequence_length = 32
batch = 4
tokens = [2048, 4096]

[retry]
failed = 0
"#;

fn place() -> Place {
    Place::new()
        .with("small.toml", SUITE)
        .with("text.txt", &text())
}

/// The folders of the suite's runs.
fn runs(place: &Place) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(place.path("results/small/flex/runs")).unwrap();
    let mut runs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    runs
}

/// Writes a record again with one field changed, and a seal that fits it.
fn forge(path: &Path, field: &str, value: &str) {
    let mut record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let fields = record.as_object_mut().unwrap();
    fields.remove("sha256");
    fields.insert(field.to_owned(), value.into());
    fs::write(path, sealed(&record)).unwrap();
}

#[test]
fn an_id_that_is_a_path_removes_nothing_outside() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    // What `tidy` would take away if it followed the path.
    let victim = place.path("victim");
    for name in [".hidden", "attempt-0001", "attempt-0000"] {
        fs::create_dir_all(victim.join(name)).unwrap();
    }
    let result = runs(&place)[0].join("result.json");
    for id in ["../../../../victim", "..", "/", "", "0123456789abcdeg"] {
        forge(&result, "id", id);
        for command in [
            "run small.toml",
            "status small.toml",
            "table results/small/flex",
        ] {
            let said = place.isoflop(command);
            said.code(1)
                .complains("result.json")
                .complains("16 hexadecimal digits");
        }
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 3, "{id}");
    }
    // The id of another cell.
    let other = runs(&place)[1]
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    forge(&result, "id", &other);
    place
        .isoflop("table results/small/flex")
        .code(1)
        .complains("it is the result of the cell");
}

#[test]
fn a_suite_s_name_is_a_folder_s() {
    for name in [
        "...toml",
        ".hidden.toml",
        "a\u{1b}[31m.toml",
        "two words.toml",
        "a:b.toml",
    ] {
        let place = Place::new().with(name, SUITE).with("text.txt", &text());
        let said = place.isoflop_words(&["run", name]).code(2);
        said.complains("letters, digits");
        assert!(!place.path("results").exists(), "{name}");
    }
}

/// A look that fails is no absence: the file system refuses to follow a link that leads to itself.
#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_is_an_error() {
    use std::os::unix::fs::symlink;
    let place = place();
    place.isoflop("run small.toml").code(0);
    let flex = place.path("results/small/flex");
    let commands = [
        "table results/small/flex",
        "status small.toml",
        "run small.toml",
    ];
    for path in [
        flex.join("excluded.toml"),
        runs(&place)[0].join("result.json"),
    ] {
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        symlink(&path, &path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for command in commands {
            place.isoflop(command).code(1).complains(&name);
        }
        fs::remove_file(&path).unwrap();
        if let Some(kept) = kept {
            fs::write(&path, kept).unwrap();
        }
    }
    for command in commands {
        place.isoflop(command).code(0);
    }
}

/// `isoflop run ... | head` ends no training, and no other command says more than that.
#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let place = place();
    let alone = |words: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
            .args(words.split_whitespace())
            .current_dir(place.path(""))
            .env("XDG_CACHE_HOME", place.path("cache"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().unwrap().code()
    };
    assert_eq!(alone("run small.toml"), Some(0));
    assert_eq!(runs(&place).len(), 2);
    for words in [
        "plan small.toml --json",
        "status small.toml",
        "table results/small/flex",
        "plot results/small/flex",
        "completions zsh",
        "--help",
    ] {
        assert_eq!(alone(words), Some(0), "{words}");
    }
    assert_eq!(alone("table nowhere"), Some(1));
}

/// A word that a spreadsheet would run is no formula in a CSV; numbers stay numbers.
#[test]
fn words_of_a_table_are_no_formulas() {
    let place = Place::new().with(
        "runs.csv",
        "params,tokens,loss,note\n1e6,1e8,4.0,=cmd()\n1e7,1e8,3.5,-1.5\n1e8,1e8,3.2,@a\n\
         1e6,1e9,3.6,plain\n1e7,1e9,3.1,+b\n1e8,1e9,2.8,-c\n",
    );
    let fitted = place.isoflop("fit runs.csv --form power --x params --bootstrap 0 --json");
    fs::write(place.path("fits.json"), fitted.code(0).stdout).unwrap();
    let said = place
        .isoflop("predict fits.json runs.csv --x params")
        .code(0);
    for (cell, expected) in [
        ("=cmd()", ",'=cmd(),"),
        ("-1.5", ",-1.5,"),
        ("@a", ",'@a,"),
        ("+b", ",'+b,"),
        ("-c", ",'-c,"),
    ] {
        assert!(said.stdout.contains(expected), "{cell}: {}", said.stdout);
    }
}

/// Losses that no model has are not fitted, and no figure of them takes all memory.
#[test]
fn absurd_losses_are_not_believed() {
    let place = place();
    place.isoflop("run small.toml").code(0);
    let path = runs(&place)[0].join("result.json");
    for loss in [1e300, 5e-324] {
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        record.as_object_mut().unwrap().remove("sha256");
        record["outcome"]["loss"] = loss.into();
        fs::write(&path, sealed(&record)).unwrap();
        place.isoflop("table results/small/flex").code(0);
        place
            .isoflop("plot results/small/flex")
            .code(1)
            .complains("not believed");
    }
    let rows: String = (1..9)
        .map(|i| format!("{i}e6,{i}e8,{}\n", 2.0 + 1.0 / f64::from(i)))
        .collect();
    let text = format!("params,tokens,loss\n{rows}1e6,2e8,1e300\n1e6,3e8,5e-324\n");
    let place = Place::new().with("runs.csv", &text);
    let said = place.isoflop("fit runs.csv --form power --x params --bootstrap 0");
    said.code(0)
        .says("8 points")
        .says("a loss of 1e300, and none below 1e-9 or above 1e9 is believed (row 9)")
        .says("5e-324");
}

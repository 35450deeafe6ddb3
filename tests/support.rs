//! A folder to run the program in, and what it said.

// Shared by test programs that each use a part of it.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder of its own, with a corpus cache of its own.
pub struct Place(TempDir);

/// What a run of the program left.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Place(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns this place.
    pub fn with(self, name: &str, content: &str) -> Self {
        fs::write(self.path(name), content).expect("a file is written");
        self
    }

    /// Runs `isoflop` here with these words.
    pub fn isoflop(&self, words: &str) -> Said {
        self.isoflop_words(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `isoflop` here with these words, of which some have spaces in them.
    pub fn isoflop_words(&self, words: &[&str]) -> Said {
        self.isoflop_where(&[], words)
    }

    /// Runs `isoflop` here with these words, where these variables have other values.
    pub fn isoflop_where(&self, variables: &[(&str, &str)], words: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
            .args(words)
            .current_dir(self.0.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .envs(variables.iter().copied())
            .output()
            .expect("the program starts");
        Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A CSV file of this place, row by row, as a map from its headings.
    pub fn csv(&self, name: &str) -> Vec<Row> {
        let text = fs::read_to_string(self.path(name)).expect("a table");
        let mut lines = text.lines().map(fields);
        let headings = lines.next().expect("headings");
        lines
            .map(|cells| Row(headings.iter().cloned().zip(cells).collect()))
            .collect()
    }
}

/// The fields of a line of CSV; those in quotes may hold commas.
fn fields(line: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = line.split(|letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    });
    parts
        .map(|part| part.trim_matches('"').replace("\"\"", "\""))
        .collect()
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(std::collections::HashMap<String, String>);

impl Row {
    pub fn word(&self, column: &str) -> &str {
        self.0
            .get(column)
            .unwrap_or_else(|| panic!("a column {column}"))
    }

    pub fn number(&self, column: &str) -> f64 {
        self.word(column)
            .parse()
            .unwrap_or_else(|_| panic!("a number in {column}"))
    }
}

impl Said {
    /// Expects this exit code, and shows what was said where it is another.
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Expects these words on stderr.
    pub fn complains(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "no {words:?} in:\n{}",
            self.stderr
        );
        self
    }

    /// Expects these words on stdout.
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.stdout.contains(words),
            "no {words:?} in:\n{}",
            self.stdout
        );
        self
    }
}

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Cell, loss, and every logged loss and gradient norm, to the last digit.
pub fn trained(place: &Place, results: &str) -> Vec<(String, String, Vec<String>)> {
    place
        .isoflop(&format!("table {results}/small/flex"))
        .code(0);
    let curves = place.csv(&format!("{results}/small/flex/curves.csv"));
    place
        .csv(&format!("{results}/small/flex/cells.csv"))
        .iter()
        .map(|row| {
            let cell = row.word("cell").to_owned();
            let logged = curves.iter().filter(|step| step.word("cell") == cell);
            let logged = logged.map(|step| {
                let words = ["step", "loss", "mean_loss", "gradient_norm"];
                words.map(|name| step.word(name)).join(" ")
            });
            let losses = [row.word("loss"), row.word("train_loss")].join(" ");
            (cell.clone(), losses, logged.collect())
        })
        .collect()
}

/// Files that only processes at work have.
pub fn stray(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        let at_work = ["checkpoint", "lock", "lease.json"].contains(&name.as_str());
        if name.starts_with('.') || name.ends_with(".lost") || at_work {
            found.push(entry.path().display().to_string());
        }
        if entry.path().is_dir() {
            stray(&entry.path(), found);
        }
    }
}

//! A suite of nine cells that trains in about a second, and what must be the same of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::Place;

pub const SUITE: &str = r#"
figures = ["loss-vs-tokens"]

[corpus.grammar]
words = 50
zipf = 1.0
tokens = 60_000
validation_tokens = 8_000

[evaluation]
tokens = 2048

[[sweep]]
width = [8, 16, 24]
depth = 1
head_width = 8
sequence_length = 64
batch = 4
tokens = [4096, 8192, 16384]

[[fit]]
form = "power"
x = "tokens"
where = "width = 8"
bootstrap = 0
"#;

/// Longer than any command takes on a disk that answers.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn place() -> Place {
    Place::new().with("tiny.toml", SUITE)
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// This program as `isoflop` in a folder.
fn isoflop(folder: &Path, words: &str, trouble: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(words.split_whitespace())
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env(crate::trouble::TOLD, trouble)
        .stdin(Stdio::null());
    command
}

/// Runs this program as `isoflop` in a folder, on a disk with the trouble told, or none.
pub fn run(folder: &Path, words: &str, trouble: &str) -> Ended {
    run_in(folder, "it", words, trouble)
}

/// As [`run`], where several run at a time.
pub fn run_in(folder: &Path, who: &str, words: &str, trouble: &str) -> Ended {
    let said = |name: &str| folder.join(format!("{who}.{name}"));
    let file = |name: &str| fs::File::create(said(name)).expect("a file");
    let mut process = isoflop(folder, words, trouble)
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        .spawn()
        .expect("this program starts");
    let begin = Instant::now();
    let code = loop {
        if let Some(status) = process.try_wait().expect("a status") {
            break status.code();
        }
        if begin.elapsed() > PATIENCE {
            process.kill().expect("it is ended");
            panic!("{words} with {trouble:?} waits without end");
        }
        sleep(Duration::from_millis(2));
    };
    let read = |name: &str| {
        let bytes = fs::read(said(name)).expect("what it said");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ended {
        code,
        stdout: read("stdout"),
        stderr: read("stderr"),
    }
}

/// Runs this program as `isoflop` until some cells are done and others are begun, and kills it and its
/// workers.
pub fn killed(folder: &Path, words: &str, trouble: &str) {
    let mut process = isoflop(folder, words, trouble)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts");
    let runs = folder.join("results/tiny/flex/runs");
    let begin = Instant::now();
    loop {
        let runs: Vec<_> = fs::read_dir(&runs)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let done = |run: &&fs::DirEntry| run.path().join("result.json").exists();
        let kept = |run: &fs::DirEntry| run.path().join("attempt-0001/checkpoint").exists();
        let open = runs.iter().filter(|run| !done(run));
        if runs.iter().any(|run| done(&run)) && open.clone().any(kept) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "no cell is begun");
        sleep(Duration::from_millis(1));
    }
    process.kill().expect("it is ended");
    process.wait().expect("a status");
    // Its workers see that it is gone, and stop.
    let held = || {
        let runs = fs::read_dir(&runs).into_iter().flatten().flatten();
        runs.into_iter().any(|run| {
            let lock = fs::File::options()
                .write(true)
                .open(run.path().join("attempt-0001/lock"));
            lock.is_ok_and(|lock| lock.try_lock().is_err())
        })
    };
    while held() {
        assert!(begin.elapsed() < PATIENCE, "its workers go on");
        sleep(Duration::from_millis(5));
    }
}

/// What is the same however often a suite was disturbed: every loss and every logged step to the last
/// digit, and the law.
#[derive(Debug, PartialEq)]
pub struct Trained {
    cells: Vec<String>,
    curves: Vec<String>,
    law: String,
}

/// What a folder holds once it is trained and its tables are made.
pub fn trained(place: &Place) -> Trained {
    let made = run(&place.path(""), "table results/tiny/flex", "");
    assert_eq!(made.code, Some(0), "{made:?}");
    let table = |name: &str, columns: &[&str]| {
        let rows = place.csv(&format!("results/tiny/flex/{name}.csv"));
        let words = |row: &crate::support::Row| {
            let words = columns.iter().map(|column| row.word(column).to_owned());
            words.collect::<Vec<_>>().join(" ")
        };
        rows.iter().map(words).collect()
    };
    let law = run(
        &place.path(""),
        "fit results/tiny/flex --form power --x tokens --n params_total --bootstrap 0",
        "",
    );
    assert_eq!(law.code, Some(0), "{law:?}");
    Trained {
        cells: table("cells", &["cell", "status", "loss", "train_loss"]),
        curves: table(
            "curves",
            &["cell", "step", "loss", "mean_loss", "gradient_norm"],
        ),
        law: law.stdout,
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy(&entry.path(), &name);
        } else {
            fs::copy(entry.path(), name).expect("a copy");
        }
    }
}

//! Every call to the disk fails once, in every way that the system has: the command names the file, or
//! does what it does undisturbed; it never panics, waits without end or leaves a row out. A `run` after
//! it gives the undisturbed results.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::chosen;
use crate::journal::{self, Entry};
use crate::support::Place;
use crate::tiny::{self, Ended, Trained, copy, run, trained};
use crate::trouble::{How, Trouble};

/// A command that is tried.
pub struct Command {
    pub name: &'static str,
    words: &'static str,
    /// Whether the suite is trained before.
    trained: bool,
    /// How many of all cases are tried by default.
    some: usize,
}

pub const COMMANDS: [Command; 6] = [
    Command {
        name: "run",
        words: "run tiny.toml --workers 1 --checkpoint 0.03",
        trained: false,
        some: 24,
    },
    Command {
        name: "table",
        words: "table results/tiny/flex",
        trained: true,
        some: 24,
    },
    Command {
        name: "fit",
        words: "fit results/tiny/flex --form power --x tokens --bootstrap 0",
        trained: true,
        some: 12,
    },
    Command {
        name: "plot",
        words: "plot results/tiny/flex",
        trained: true,
        some: 12,
    },
    Command {
        name: "status",
        words: "status tiny.toml --device flex",
        trained: true,
        some: 12,
    },
    Command {
        name: "rerun",
        words: "rerun tiny.toml --device flex --status done --workers 1",
        trained: true,
        some: 12,
    },
];

/// What a command leaves that must be the same whenever it says that it has done its work.
#[derive(Debug, PartialEq)]
struct Left {
    code: Option<i32>,
    stdout: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

pub fn try_all(command: &Command) {
    let before = tiny::place();
    let whole = {
        let place = tiny::place();
        let ended = run(&place.path(""), "run tiny.toml --workers 1", "");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        if command.trained {
            copy(&place.path(""), &before.path(""));
        }
        trained(&place)
    };
    let undisturbed = {
        let place = copied(&before);
        let ended = run(&place.path(""), command.words, "");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        left(command, &place, &ended)
    };
    let calls = written_down(&before, command.words);
    let all: Vec<(&Entry, How)> = calls
        .iter()
        .flat_map(|call| How::ALL.map(|how| (call, how)))
        .filter(|(call, how)| how.suits(&call.what))
        .collect();
    let (many, cases) = (all.len(), chosen(all, command.some));
    let (failed, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    crate::at_once(&cases, |(call, how)| {
        let place = copied(&before);
        if !attempt(command, &place, call, *how, &undisturbed) {
            told.fetch_add(1, Ordering::Relaxed);
        }
        if place.path("failed").exists() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        recovers(&place, &whole, &format!("{how:?} at {call:?}"));
    });
    let (failed, told) = (failed.into_inner(), told.into_inner());
    println!(
        "{}: {} of {many} failures of {} calls tried, {failed} came about; {told} were told, the others \
         cost nothing",
        command.name,
        cases.len(),
        calls.len()
    );
    // Workers have not the same calls each time.
    assert!(2 * failed > cases.len(), "most are to come about");
}

/// The calls of each kind of process, once each.
fn written_down(before: &Place, words: &str) -> Vec<Entry> {
    let place = copied(before);
    let journal = place.path("journal");
    let trouble = serde_json::to_string(&Trouble::Write(journal.clone())).expect("plain data");
    let ended = run(&place.path(""), words, &trouble);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut all = journal::read(&journal);
    // What is written is not needed here, and there may be much of it.
    all.sort_by_key(|call| (call.worker, call.number, call.process));
    all.dedup_by_key(|call| (call.worker, call.number));
    all
}

/// Runs a command with one call that fails. Returns whether it did its work all the same.
fn attempt(command: &Command, place: &Place, call: &Entry, how: How, undisturbed: &Left) -> bool {
    let trouble = Trouble::Fail {
        worker: call.worker,
        call: call.number,
        how,
        mark: place.path("failed"),
    };
    let trouble = serde_json::to_string(&trouble).expect("plain data");
    let ended = run(&place.path(""), command.words, &trouble);
    let of = format!("{} with {how:?} at {call:?}: {ended:?}", command.name);
    assert!(!ended.stderr.contains("panicked"), "{of}");
    assert!(ended.code.is_some(), "{of}");
    if ended.code == undisturbed.code {
        let left = left(command, place, &ended);
        assert_eq!(left.stdout, undisturbed.stdout, "{of}");
        let names = |left: &Left| left.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&left), names(undisturbed), "{of}");
        for (name, bytes) in &left.files {
            assert!(
                *bytes == undisturbed.files[name],
                "{} of {of}",
                name.display()
            );
        }
        return true;
    }
    assert!(names(&ended, place, &call.path), "no file is named: {of}");
    false
}

/// Whether what was said on stderr names a file, or the whole path of its folder. Drafts go by the names
/// of what they are to be.
fn names(ended: &Ended, place: &Place, path: &Path) -> bool {
    let inside = path.strip_prefix(place.path("")).unwrap_or(path);
    let file = inside.file_name().unwrap_or_default().to_string_lossy();
    let file = file.strip_prefix('.').map_or(&*file, |draft| {
        draft.rsplit_once('.').map_or(draft, |(name, _)| name)
    });
    // A draft of a folder is named as it is for now; the folder that it is made in is told with it.
    let drafted = |folder: &&Path| {
        folder
            .components()
            .any(|it| it.as_os_str().to_string_lossy().starts_with('.'))
    };
    let folder = inside.ancestors().skip(1).find(|it| !drafted(it));
    let folder = folder.unwrap_or(inside).display().to_string();
    let said = &ended.stderr;
    said.contains(file) || (!folder.is_empty() && said.contains(&folder))
}

fn recovers(place: &Place, whole: &Trained, of: &str) {
    let ended = run(&place.path(""), "run tiny.toml --workers 1", "");
    assert_eq!(ended.code, Some(0), "a run after {of}: {ended:?}");
    assert_eq!(trained(place), *whole, "after {of}");
}

fn copied(from: &Place) -> Place {
    let place = Place::new();
    copy(&from.path(""), &place.path(""));
    place
}

/// What a command leaves, but for times, which never are the same.
fn left(command: &Command, place: &Place, ended: &Ended) -> Left {
    let mut files = BTreeMap::new();
    let kept: &[&str] = match command.name {
        "table" => &[
            "results/tiny/flex/cells.parquet",
            "results/tiny/flex/curves.csv",
        ],
        "plot" => &["plots/tiny/flex"],
        _ => &[],
    };
    for name in kept {
        let path = place.path(name);
        let paths = if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder").flatten();
            entries.map(|entry| entry.path()).collect()
        } else {
            vec![path]
        };
        for path in paths {
            let bytes = fs::read(&path).expect("what was made");
            let name = path.strip_prefix(place.path("")).expect("of this place");
            files.insert(name.to_owned(), bytes);
        }
    }
    let told = matches!(command.name, "fit" | "status" | "table");
    Left {
        code: ended.code,
        stdout: if told {
            ended.stdout.clone()
        } else {
            String::new()
        },
        files,
    }
}

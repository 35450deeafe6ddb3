//! The folders of a run's attempts: their names, and what of them is kept.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use isoflop_files::{FileError, disk, entries, exists};
use isoflop_suite::Status;

pub const CHECKPOINT: &str = "checkpoint";
pub const STEPS: &str = "steps.jsonl";
pub const RESULT: &str = "result.json";

/// An attempt's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    pub number: u32,
    /// Whether it has been moved away from its holder.
    pub lost: bool,
    pub path: PathBuf,
}

pub fn attempt_name(number: u32) -> String {
    format!("attempt-{number:04}")
}

/// The number in the name of an attempt's folder, and whether it has been moved away.
fn attempt_number(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix("attempt-")?;
    let digits = rest.strip_suffix(".lost").unwrap_or(rest);
    let plain = digits.bytes().all(|it| it.is_ascii_digit());
    // There is room for those to come.
    let number = digits
        .parse()
        .ok()
        .filter(|it| plain && *it < u32::MAX / 2)?;
    Some((number, rest.len() > digits.len()))
}

/// A run's attempts, oldest first.
pub fn attempts(run: &Path) -> Result<Vec<Folder>, FileError> {
    let mut found = Vec::new();
    for path in entries(run)? {
        if let Some((number, lost)) = attempt_number(&name_of(&path)) {
            found.push(Folder { number, lost, path });
        }
    }
    found.sort_by_key(|folder| folder.number);
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Moves an attempt's folder back that was moved away, unless another process has done so.
pub fn put_back(folder: &Path) -> io::Result<()> {
    match disk().rename(&folder.with_extension("lost"), folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// The newest attempt with a checkpoint and the log that goes with it: without its log a checkpoint has
/// no curve to go on with.
pub fn newest_checkpoint(run: &Path) -> Result<Option<PathBuf>, FileError> {
    for old in attempts(run)?.into_iter().rev() {
        if exists(&old.path.join(CHECKPOINT))? && exists(&old.path.join(STEPS))? {
            return Ok(Some(old.path));
        }
    }
    Ok(None)
}

/// Earlier attempts whose logs are kept.
const LOGS: u32 = 3;

/// Takes away what a new attempt needs no more of those before it, and the drafts of processes that
/// died. The logs of the last ones stay: on a disk whose looks are stale a holder may yet publish the
/// end of one. The attempt whose end is published stays as it is.
pub fn leave_logs(run: &Path, mine: u32, published: u32) {
    remove_if(run, |name| name.starts_with('.'));
    let all = attempts(run).unwrap_or_default();
    let earlier = all.iter().filter(|it| it.number < mine);
    for old in earlier.filter(|it| it.number != published) {
        if old.number + LOGS < mine {
            let _ = disk().remove(&old.path);
        } else {
            remove_if(&old.path, |name| ![STEPS, RESULT].contains(&name));
        }
    }
}

/// Takes away what an attempt that has published its end needs no more, and what others left before
/// it; one that is not done keeps its checkpoint.
pub fn put_away(run: &Path, attempt: u32, status: Status) {
    remove_if(&run.join(attempt_name(attempt)), |name| {
        let needless = ["lease.json", "lock", RESULT].contains(&name);
        let done = status == Status::Done && name == CHECKPOINT;
        needless || done || name.starts_with('.')
    });
    remove_if(run, |name| {
        name.starts_with('.') || attempt_number(name).is_some_and(|(number, _)| number < attempt)
    });
}

/// Removes the files and folders in a folder whose names are unwanted. One that stays costs its bytes.
fn remove_if(folder: &Path, unwanted: impl Fn(&str) -> bool) {
    for path in entries(folder).unwrap_or_default() {
        if unwanted(&name_of(&path)) {
            let _ = disk().remove(&path);
        }
    }
}

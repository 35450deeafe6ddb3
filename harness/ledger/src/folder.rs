//! The folder of one suite on one device, and how files are written in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use isoflop_suite::{CellId, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::FORMAT;
use crate::sums::read_checked;
use crate::{CellRecord, LedgerError, RunRecord};

/// `results/SUITE/DEVICE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteFolder(PathBuf);

impl SuiteFolder {
    /// The folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SuiteFolder(path.into())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder of a cell's run.
    pub fn run(&self, id: &CellId) -> PathBuf {
        self.0.join("runs").join(id.as_str())
    }

    /// The published result of a cell, if there is one.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn result(&self, id: &CellId) -> Result<Option<RunRecord>, LedgerError> {
        let path = self.run(id).join("result.json");
        if !path.exists() {
            return Ok(None);
        }
        read_sealed(&path).map(Some)
    }

    /// Every run with a published result, in the order of the cells' identities.
    ///
    /// # Errors
    /// If a file cannot be read; it is named.
    pub fn finished(&self) -> Result<Vec<Finished>, LedgerError> {
        let runs = self.0.join("runs");
        if !runs.is_dir() {
            return Ok(Vec::new());
        }
        let mut folders = Vec::new();
        for entry in fs::read_dir(&runs).map_err(LedgerError::io(&runs))? {
            folders.push(entry.map_err(LedgerError::io(&runs))?.path());
        }
        folders.sort();
        let (excluded, asked) = (self.exclusions([])?, self.asked()?);
        let mut all = Vec::new();
        for folder in folders {
            let path = folder.join("cell.json");
            if !path.exists() || !folder.join("result.json").exists() {
                continue;
            }
            let mut cell: CellRecord = read_sealed(&path)?;
            if cell.cell.id() != cell.id {
                return Err(LedgerError::Damaged {
                    path,
                    message: "the cell is not the one its id names".to_owned(),
                });
            }
            if let Some(mut run) = self.result(&cell.id)? {
                if let Some(reason) = excluded.reason(&cell.id) {
                    run.outcome.status = Status::Excluded;
                    run.outcome.reason = Some(reason.to_owned());
                }
                cell.flops_budget = asked.budget(&cell.id, cell.flops_budget);
                all.push(Finished {
                    planned: asked.has(&cell.id),
                    cell,
                    run,
                });
            }
        }
        Ok(all)
    }
}

/// A run with a published result.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its cell.
    pub cell: CellRecord,
    /// How it ended.
    pub run: RunRecord,
    /// Whether the present definition asks for it.
    pub planned: bool,
}

fn check_format(path: &Path, found: u32) -> Result<(), LedgerError> {
    if found == FORMAT {
        return Ok(());
    }
    Err(LedgerError::Format {
        path: path.to_owned(),
        found,
        known: FORMAT,
    })
}

/// Reads a JSON file.
///
/// # Errors
/// If it cannot be read or is not what is asked for.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    let bytes = read_checked(path)?;
    serde_json::from_slice(&bytes).map_err(|error| LedgerError::Damaged {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// Writes a file that is either the old one or the whole new one, whatever happens, in a folder that
/// is made where there is none.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(LedgerError::io(folder))?;
    replace(path, content).map_err(LedgerError::io(path))
}

/// Writes a file in a folder that is there: to a name of its own first, to the disk, then by rename.
/// What writers that died left of the same file goes away.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    remove_drafts(folder, &name);
    let draft = folder.join(draft(&name));
    let write = || {
        let mut file = File::create_new(&draft)?;
        // Who clears drafts leaves one alone whose writer lives. A disk without locks has only the
        // tries below.
        let _ = file.try_lock();
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    let mut written = write();
    for _ in 0..TRIES {
        // Another writer took the draft for one that was left behind: before it was locked, or where
        // locks are not seen. If the folder itself is gone, so is every try.
        match &written {
            Err(error) if error.kind() == io::ErrorKind::NotFound => written = write(),
            _ => break,
        }
    }
    written.inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// How often a write is tried again whose draft another writer took away.
const TRIES: u32 = 3;

/// A name to draft a file under: at random, for no other writer to have it, on whatever machine.
pub(crate) fn draft(name: &str) -> String {
    format!(".{name}.{:016x}", RandomState::new().hash_one(name))
}

/// Removes the drafts of a file whose writers are dead.
fn remove_drafts(folder: &Path, name: &str) {
    let start = format!(".{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&start) {
            continue;
        }
        let draft = OpenOptions::new().write(true).open(entry.path());
        if draft.is_ok_and(|draft| !matches!(draft.try_lock(), Err(TryLockError::WouldBlock))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

const SEAL: &str = ",\n  \"sha256\": \"";

/// A record as it is written to a file of its own: JSON with, as its last field, the SHA-256 of all
/// before it, so that a changed digit is found.
pub(crate) fn sealed<T: Serialize>(value: &T) -> Vec<u8> {
    let text = String::from_utf8(json(value)).expect("JSON is UTF-8");
    let body = text.trim_end().trim_end_matches('}').trim_end();
    format!("{body}{SEAL}{}\"\n}}\n", hex_sha256(body.as_bytes())).into_bytes()
}

/// Reads a sealed record; one without a seal, of an earlier version, is taken as it is.
pub(crate) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    let damaged = |message: String| LedgerError::Damaged {
        path: path.to_owned(),
        message,
    };
    let bytes = fs::read(path).map_err(LedgerError::io(path))?;
    let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    // Before all else: another version may be sealed in another way.
    if let Ok(Version { format }) = serde_json::from_str(&text) {
        check_format(path, format)?;
    }
    if let Some((body, seal)) = text.rsplit_once(SEAL)
        && !seal.starts_with(&hex_sha256(body.as_bytes()))
    {
        return Err(damaged("its content is not what was written".to_owned()));
    }
    serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// SHA-256 in hexadecimal.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON as it is written to files.
pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records are plain data");
    text.push(b'\n');
    text
}

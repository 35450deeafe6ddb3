//! The folder of one suite on one device, and how files are written in it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use isoflop_suite::CellId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::FORMAT;
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
        let record: RunRecord = read_json(&path)?;
        check_format(&path, record.format)?;
        Ok(Some(record))
    }

    /// Every run with a published result, in the order of the cells' identities.
    ///
    /// # Errors
    /// If a file cannot be read; it is named.
    pub fn finished(&self) -> Result<Vec<(CellRecord, RunRecord)>, LedgerError> {
        let runs = self.0.join("runs");
        if !runs.is_dir() {
            return Ok(Vec::new());
        }
        let mut folders = Vec::new();
        for entry in fs::read_dir(&runs).map_err(LedgerError::io(&runs))? {
            folders.push(entry.map_err(LedgerError::io(&runs))?.path());
        }
        folders.sort();
        let mut all = Vec::new();
        for folder in folders {
            let path = folder.join("cell.json");
            if !path.exists() || !folder.join("result.json").exists() {
                continue;
            }
            let cell: CellRecord = read_json(&path)?;
            check_format(&path, cell.format)?;
            if let Some(result) = self.result(&cell.id)? {
                all.push((cell, result));
            }
        }
        Ok(all)
    }
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
    let text = fs::read_to_string(path).map_err(LedgerError::io(path))?;
    serde_json::from_str(&text).map_err(|error| LedgerError::Damaged {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// Writes a file that is either the old one or the whole new one, whatever happens: to a name of
/// its own first, to the disk, then by rename.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(LedgerError::io(folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&draft, path));
    renamed.map_err(|error| {
        let _ = fs::remove_file(&draft);
        LedgerError::io(path)(error)
    })
}

/// JSON as it is written to files.
pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records are plain data");
    text.push(b'\n');
    text
}

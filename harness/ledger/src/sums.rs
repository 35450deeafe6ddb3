//! `sums.json`: the SHA-256 of every table and of the fits, so that a damaged one is not read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use isoflop_files::{
    FileError, exists, file_sha256, read_sealed, sealed, sha256, write_atomically,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::record::FORMAT;
use crate::{LedgerError, SuiteFolder};

const NAME: &str = "sums.json";

#[derive(Debug, Serialize, Deserialize)]
struct Sums {
    format: u32,
    files: BTreeMap<String, String>,
}

impl SuiteFolder {
    /// Notes what these files of the folder hold now.
    ///
    /// # Errors
    /// If one cannot be read, or the disk refuses.
    pub fn note_sums(&self, files: &[&str]) -> Result<(), LedgerError> {
        let path = self.file(NAME);
        // Sums that cannot be read are of no use to anyone.
        let mut sums = read_sealed(&path, FORMAT).unwrap_or(Sums {
            format: FORMAT,
            files: BTreeMap::new(),
        });
        for name in files {
            let hash = file_sha256(&self.file(name))?;
            sums.files.insert((*name).to_owned(), hash);
        }
        Ok(write_atomically(&path, &sealed(&sums))?)
    }
}

/// Reads a file whole. One that is noted in the sums beside it holds what was noted.
pub(crate) fn read_checked(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let bytes = fs::read(path).map_err(LedgerError::io(path))?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(bytes);
    };
    let noted = folder.join(NAME);
    if !exists(&noted)? {
        return Ok(bytes);
    }
    let sums: Sums = read_sealed(&noted, FORMAT)?;
    match sums.files.get(&*name.to_string_lossy()) {
        Some(sum) if *sum != sha256(&bytes) => Err(FileError::damaged(
            path,
            "its content is not what was written\n  help: `isoflop table` makes tables anew from \
             the runs, and `isoflop run` the fits",
        )
        .into()),
        _ => Ok(bytes),
    }
}

/// Reads a JSON file, whose content is what was noted of it where that was.
///
/// # Errors
/// If it cannot be read or is not what is asked for.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    let bytes = read_checked(path)?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| FileError::damaged(path, error))?)
}

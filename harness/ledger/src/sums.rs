//! `sums.json`: the SHA-256 of every table and of the fits, so that a damaged one is not read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::folder::{hex_sha256, read_sealed, sealed};
use crate::record::FORMAT;
use crate::{LedgerError, SuiteFolder, write_atomically};

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
        let mut sums = read_sealed(&path).unwrap_or(Sums {
            format: FORMAT,
            files: BTreeMap::new(),
        });
        for name in files {
            let file = self.file(name);
            let bytes = fs::read(&file).map_err(LedgerError::io(&file))?;
            sums.files.insert((*name).to_owned(), hex_sha256(&bytes));
        }
        write_atomically(&path, &sealed(&sums))
    }
}

/// Reads a file whole. One that is noted in the sums beside it holds what was noted.
pub(crate) fn read_checked(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let bytes = fs::read(path).map_err(LedgerError::io(path))?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(bytes);
    };
    let noted = folder.join(NAME);
    if !noted.exists() {
        return Ok(bytes);
    }
    let sums: Sums = read_sealed(&noted)?;
    match sums.files.get(&*name.to_string_lossy()) {
        Some(sum) if *sum != hex_sha256(&bytes) => Err(LedgerError::Damaged {
            path: path.to_owned(),
            message: "its content is not what was written\n  help: `isoflop table` makes tables \
                      anew from the runs, and `isoflop run` the fits"
                .to_owned(),
        }),
        _ => Ok(bytes),
    }
}

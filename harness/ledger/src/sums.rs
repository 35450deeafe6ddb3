//! `sums.json`: the SHA-256 of every table and of the fits, so that a damaged one is not read.
//!
//! Files and their sums cannot change at one moment. So the sums of those to come are noted first, beside
//! those that are; then the files are replaced; then the sums to come are those that are. Whenever it is
//! looked, and wherever a writer died, a file is one that is noted.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use isoflop_files::{
    FileError, OpenFile, Opening, create_folders, disk, exists, file_sha256, read_sealed_if_there,
    replace, sealed, sha256, write_atomically,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::record::FORMAT;
use crate::{LedgerError, SuiteFolder};

const NAME: &str = "sums.json";
/// Looks at a file that is not what is noted before it is called damaged: on a disk without locks
/// writers may overtake each other.
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// How often a writer asks for its turn before it takes the one before it for stopped.
const TURNS: u32 = 200;

#[derive(Debug, Serialize, Deserialize)]
struct Sums {
    format: u32,
    files: BTreeMap<String, String>,
    /// Sums of files that are about to be replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    coming: BTreeMap<String, String>,
}

impl Sums {
    fn none() -> Self {
        Sums {
            format: FORMAT,
            files: BTreeMap::new(),
            coming: BTreeMap::new(),
        }
    }

    /// Whether a file may hold this: what it was is not noted, or it is one of those noted.
    fn allow(&self, name: &str, bytes: &[u8]) -> bool {
        let Some(before) = self.files.get(name) else {
            return true;
        };
        let sum = sha256(bytes);
        *before == sum || self.coming.get(name) == Some(&sum)
    }
}

impl SuiteFolder {
    /// Writes files of the folder and notes what they hold. A reader finds the old file or the new one,
    /// and either is noted.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_noted(&self, files: &[(&str, &[u8])]) -> Result<(), LedgerError> {
        create_folders(self.path())?;
        let turn = Turn::take(self.path());
        let path = self.file(NAME);
        let mut sums = match read_sealed_if_there(&path, FORMAT) {
            // Damaged ones are of no use to anyone.
            Err(FileError::Damaged { .. }) => Sums::none(),
            read => read?.unwrap_or(Sums::none()),
        };
        self.finish(&mut sums)?;
        let coming = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)));
        sums.coming.extend(coming);
        write_atomically(&path, &sealed(&sums))?;
        for (name, bytes) in files {
            let file = self.file(name);
            replace(&file, bytes).map_err(LedgerError::io(&file))?;
        }
        disk()
            .sync_folder(self.path())
            .map_err(LedgerError::io(self.path()))?;
        let mut coming = std::mem::take(&mut sums.coming);
        if !turn.alone {
            // Another writer may have been the last.
            for (name, sum) in &mut coming {
                *sum = file_sha256(&self.file(name))?;
            }
        }
        sums.files.extend(coming);
        Ok(write_atomically(&path, &sealed(&sums))?)
    }

    /// A writer died before it could say which of its files it had replaced: those that are what it was to
    /// write.
    fn finish(&self, sums: &mut Sums) -> Result<(), LedgerError> {
        for (name, sum) in std::mem::take(&mut sums.coming) {
            let file = self.file(&name);
            if exists(&file)? && file_sha256(&file)? == sum {
                sums.files.insert(name, sum);
            }
        }
        Ok(())
    }
}

/// A writer's turn at a folder, until it is dropped.
struct Turn {
    /// Whether no other process writes to it.
    alone: bool,
    _folder: Option<Box<dyn OpenFile>>,
}

impl Turn {
    /// Waits until no other process writes to the folder, where its disk knows locks.
    fn take(folder: &Path) -> Self {
        let opened = disk().open(folder, Opening::Lock).ok();
        let mut alone = false;
        for _ in 0..TURNS {
            match opened.as_ref().map(|it| it.lock()) {
                Some(Ok(false)) => thread::sleep(BETWEEN_LOOKS),
                locked => {
                    alone = matches!(locked, Some(Ok(true)));
                    break;
                }
            }
        }
        Turn {
            alone,
            _folder: opened,
        }
    }
}

/// Reads a file whole. One that is noted in the sums beside it holds what was noted.
pub(crate) fn read_checked(path: &Path) -> Result<Vec<u8>, LedgerError> {
    for look in 0..LOOKS {
        let bytes = disk().read(path).map_err(LedgerError::io(path))?;
        if is_noted(path, &bytes)? {
            return Ok(bytes);
        }
        // A writer that was between the two is done at the second look.
        if look > 0 {
            thread::sleep(BETWEEN_LOOKS);
        }
    }
    let message = "its content is not what was written\n  help: `isoflop table` makes tables anew from \
                   the runs, and `isoflop run` the fits";
    Err(FileError::damaged(path, message).into())
}

fn is_noted(path: &Path, bytes: &[u8]) -> Result<bool, LedgerError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(true);
    };
    let sums: Option<Sums> = read_sealed_if_there(&folder.join(NAME), FORMAT)?;
    let name = name.to_string_lossy();
    Ok(sums.is_none_or(|sums| sums.allow(&name, bytes)))
}

/// Reads a JSON file, whose content is what was noted of it where that was.
///
/// # Errors
/// If it cannot be read or is not what is asked for.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    let bytes = read_checked(path)?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| FileError::damaged(path, error))?)
}

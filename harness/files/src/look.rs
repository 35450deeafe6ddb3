//! What is there. An error of the system is an error, and never taken for absence.

use std::io;
use std::path::{Path, PathBuf};

use crate::{FileError, disk};

/// Whether there is a file or a folder.
///
/// # Errors
/// If the system does not tell.
pub fn exists(path: &Path) -> Result<bool, FileError> {
    match disk().kind(path) {
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(FileError::io(path)(error)),
        Ok(_) => Ok(true),
    }
}

/// The paths in a folder, in their order; none where there is no such folder, or a
/// file in its place.
///
/// # Errors
/// If the folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let names = match disk().list(folder) {
        Err(error) if is_absence(&error) => return Ok(Vec::new()),
        listed => listed.map_err(FileError::io(folder))?,
    };
    let mut paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    paths.sort();
    Ok(paths)
}

/// What a file of text holds.
///
/// # Errors
/// If it cannot be read, or is no UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let bytes = disk().read(path).map_err(FileError::io(path))?;
    String::from_utf8(bytes).map_err(|error| FileError::damaged(path, error))
}

/// Whether an error says that there is nothing; also where a file lies in the place of a folder of the
/// path.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind())
}

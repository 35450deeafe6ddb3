//! What is there. An error of the system is an error, and never taken for absence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::FileError;

/// Whether there is a file or a folder.
///
/// # Errors
/// If the system does not tell.
pub fn exists(path: &Path) -> Result<bool, FileError> {
    match path.try_exists() {
        // A file lies where a folder of the path should be.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        looked => looked.map_err(FileError::io(path)),
    }
}

/// The paths in a folder, in their order; none where there is no such folder, or a
/// file in its place.
///
/// # Errors
/// If the folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let read = match fs::read_dir(folder) {
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) =>
        {
            return Ok(Vec::new());
        }
        read => read.map_err(FileError::io(folder))?,
    };
    let paths: io::Result<Vec<PathBuf>> = read.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(FileError::io(folder))?;
    paths.sort();
    Ok(paths)
}

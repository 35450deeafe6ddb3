//! What can go wrong with a file, always with its name.

use std::path::{Path, PathBuf};

/// A file that cannot be read or written, or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file does not hold what its name says.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file of another version of its format.
    #[error("{}: format {found}, and this version of isoflop reads {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version known.
        known: u32,
    },
}

impl FileError {
    /// Makes an error of the system one of this file, for `map_err`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| FileError::Io {
            path: path.to_owned(),
            error,
        }
    }

    /// A file whose content is wrong.
    pub fn damaged(path: &Path, message: impl ToString) -> Self {
        FileError::Damaged {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }
}

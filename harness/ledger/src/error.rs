//! What can go wrong with the store, always with the file's name.

use std::path::{Path, PathBuf};

/// The store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The lease ran out and another process trains the cell.
    #[error("another process has taken {} over", path.display())]
    Lost {
        /// The attempt's folder.
        path: PathBuf,
    },
    /// A file that is not what its name says.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file of another version of the format.
    #[error("{}: format {found}, and this version of isoflop reads {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// A table without a column.
    #[error("the table has no column `{column}` of numbers; it has {}", present.join(", "))]
    NoColumn {
        /// The column.
        column: String,
        /// Columns there are.
        present: Vec<String>,
    },
    /// A column that a table does not take.
    #[error("{0}")]
    Column(String),
    /// A table could not be made, read or written.
    #[error("{}: {message}", path.display())]
    Table {
        /// The table's file.
        path: PathBuf,
        /// What Polars said.
        message: String,
    },
    /// Nothing to make a table of.
    #[error("{} has no finished runs", path.display())]
    NoRuns {
        /// The folder of a suite's results on a device.
        path: PathBuf,
    },
}

impl LedgerError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| LedgerError::Io {
            path: path.to_owned(),
            error,
        }
    }

    pub(crate) fn table<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self + '_ {
        move |error| LedgerError::Table {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}

//! What can go wrong with the store, always with the file's name.

use std::path::{Path, PathBuf};

use isoflop_files::FileError;

/// The store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file cannot be read or written, or is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lease ran out and another process trains the cell.
    #[error("another process has taken {} over", path.display())]
    Lost {
        /// The attempt's folder.
        path: PathBuf,
    },
    /// A table without a column.
    #[error("the table has no column `{column}`; it has {}", some(present))]
    NoColumn {
        /// The column.
        column: String,
        /// Columns there are.
        present: Vec<String>,
    },
    /// A column that holds no number.
    #[error("the column `{column}` is no column of numbers: it holds {holds}")]
    NoNumbers {
        /// The column.
        column: String,
        /// What it holds.
        holds: String,
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

/// The first of many names.
fn some(names: &[String]) -> String {
    const MANY: usize = 40;
    let shown = names[..names.len().min(MANY)].join(", ");
    match names.len().saturating_sub(MANY) {
        0 => shown,
        others => format!("{shown} and {others} others"),
    }
}

impl LedgerError {
    /// What the system said, where it was the system.
    pub(crate) fn io_kind(&self) -> Option<std::io::ErrorKind> {
        match self {
            LedgerError::File(FileError::Io { error, .. }) => Some(error.kind()),
            _ => None,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| LedgerError::File(FileError::io(path)(error))
    }

    pub(crate) fn table<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self + '_ {
        move |error| LedgerError::Table {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}

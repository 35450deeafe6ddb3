//! What can go wrong with corpora and training, and what to do about it.

use std::path::{Path, PathBuf};

/// A corpus that cannot be prepared or opened.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file or folder could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A package that is not locked.
    #[error("the corpus names the package `{0}`, which Cargo.lock does not have")]
    NotLocked(String),
    /// A package whose sources are not on this machine.
    #[error(
        "the sources of {package} are in none of {}\n  help: `cargo fetch --locked` in the project's folder brings them",
        searched.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoSources {
        /// Package and version.
        package: String,
        /// Folders searched.
        searched: Vec<PathBuf>,
    },
    /// No text at all, or too little to hold some of it out.
    #[error(
        "the corpus has {bytes} bytes of text, too few to split into training and validation parts"
    )]
    TooSmall {
        /// Bytes read.
        bytes: u64,
    },
    /// A grammar that cannot be.
    #[error("[corpus.grammar] {0}")]
    Grammar(String),
    /// A cached corpus that cannot be understood.
    #[error("{}: {message}\n  help: remove the folder, and it is made again", path.display())]
    Cache {
        /// The cached corpus.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl CorpusError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| CorpusError::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// A run that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A device's name that names nothing.
    #[error("there is no device `{name}`\n  help: {help}")]
    NoDevice {
        /// As given.
        name: String,
        /// What there is.
        help: String,
    },
    /// A cell made for another corpus.
    #[error("the cell is of corpus {wanted}, and the corpus opened is {opened}")]
    OtherCorpus {
        /// Hash in the cell.
        wanted: String,
        /// Hash of the corpus.
        opened: String,
    },
    /// The model built has another number of parameters than the formula says.
    #[error("the model built has {built} parameters, and the formula says {formula}")]
    ParameterCount {
        /// Counted on the module.
        built: u64,
        /// By formula.
        formula: u64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A checkpoint that a run cannot go on from.
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(String),
    /// The run was asked to stop, and left a checkpoint.
    #[error("stopped, with a checkpoint to go on from")]
    Stopped,
    /// A step could not be recorded.
    #[error("a step could not be recorded")]
    Record(#[from] std::io::Error),
}

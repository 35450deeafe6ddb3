//! What can go wrong with corpora, and what to do about it.

use std::path::{Path, PathBuf};

use isoflop_files::FileError;

use crate::Census;

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
    /// There is no folder to keep corpora in.
    #[error("this user has no home folder to keep corpora in\n  help: name one with `--cache DIR`")]
    NoHome,
    /// A file cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
    /// A cache folder of another user.
    #[error(
        "{} belongs to another user (number {owner}), who may have put any corpus there\n  help: name \
         a folder of your own with `--cache DIR`",
        path.display()
    )]
    NotOurs {
        /// The cache folder.
        path: PathBuf,
        /// The number of the user that owns it.
        owner: u32,
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
    /// A packed file that cannot be unpacked.
    #[error(
        "{} cannot be unpacked: {error}\n  help: is the file whole? A download that was cut off ends so; fetch it again",
        path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// A row without a text.
    #[error("{}, {row}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Which line or row.
        row: String,
        /// What is wrong with it.
        message: String,
    },
    /// A table or shard that cannot be read.
    #[error("{}: {message}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A pattern that names no files.
    #[error("`{pattern}` in [corpus]'s paths: {message}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
    /// A dataset of the hub that cannot be had.
    #[error("the dataset {dataset}, revision {revision}: {message}")]
    Hub {
        /// Its name.
        dataset: String,
        /// Its revision.
        revision: String,
        /// Why it cannot be had, and what to do.
        message: String,
    },
    /// No text at all, or too little to hold some of it out.
    #[error(
        "the corpus has {bytes} bytes of text, too few to split into training and validation parts"
    )]
    TooSmall {
        /// Bytes read.
        bytes: u64,
    },
    /// Too few documents to hold some of them out.
    #[error(
        "the corpus has {} documents in {} groups that share no passage, of which {} could be held out: too few to say how \
         sure a loss is{}\n  help: add files, or say what lies between the documents of a file: \
         `separator = \"\\n\\n\"` in [corpus.files], and of shards `end`, the token that ends a document",
        census.documents, census.groups, census.held_out, skipped(census)
    )]
    TooFewDocuments {
        /// What became of the documents.
        census: Census,
    },
    /// A tokenizer that cannot be read, cannot be trained, or refuses a text.
    #[error("the tokenizer: {0}")]
    Tokenizer(String),
    /// A file that changed between two looks at it.
    #[error("{name} changed while it was read: try again when nobody writes to it")]
    Changed {
        /// The file.
        name: String,
    },
    /// A grammar that cannot be.
    #[error("[corpus.grammar] {0}")]
    Grammar(String),
    /// A validation set that cannot be prepared.
    #[error("the validation set `{name}`: {error}")]
    Set {
        /// Its name.
        name: String,
        /// Why not.
        error: Box<CorpusError>,
    },
    /// A cached corpus that cannot be understood.
    #[error("{}: {message}\n", path.display())]
    Cache {
        /// The cached corpus.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// Files that hold no text, in words.
fn skipped(census: &Census) -> String {
    let each = census.skipped.iter();
    let each: Vec<String> = each
        .map(|(why, (count, first))| format!("; {count} {why}, the first {first}"))
        .collect();
    each.concat()
}

impl CorpusError {
    /// Of a file that is unpacked while it is read.
    pub(crate) fn packed(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| CorpusError::Packed {
            path: path.to_owned(),
            error,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| CorpusError::Io {
            path: path.to_owned(),
            error,
        }
    }
}

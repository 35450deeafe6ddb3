//! The cache of prepared corpora. A corpus is made in a folder of its own and published by
//! rename, so a half-made one is never read, and two processes that make the same one agree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use etcetera::{BaseStrategy, choose_base_strategy};
use isoflop_files::{create_folders, disk, draft, exists, sha256, write_atomically};
use isoflop_suite::{CorpusFacts, Nats, Tokenizer, ValidationFacts};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::documents::Census;
use crate::held_out::{HeldOut, ValidationSet};
use crate::part::of_parts;
use crate::stream::Width;
use crate::{CorpusError, TokenStream};

/// A corpus, ready to be read.
#[derive(Debug)]
pub struct Corpus {
    /// What a plan needs to know of it.
    pub facts: CorpusFacts,
    /// The exact entropy rate, where the language is known, in nats per token.
    pub entropy_rate: Option<Nats>,
    /// Of a text, what became of its documents.
    pub census: Option<Census>,
    /// The documents held out, in their order in the stream.
    pub held_out: Vec<HeldOut>,
    /// Tokens to train on.
    pub train: TokenStream,
    /// Tokens held out.
    pub validation: TokenStream,
    /// Further texts that models are scored on.
    pub sets: Vec<ValidationSet>,
    /// Where it is kept.
    pub(crate) folder: PathBuf,
}

impl Corpus {
    /// Adds a text to score models on, which was prepared as a corpus of its own.
    pub(crate) fn add_set(&mut self, name: &str, text: Corpus) {
        self.facts.sets.push(ValidationFacts {
            name: name.to_owned(),
            sha256: text.facts.sha256.clone(),
            tokens: text.facts.validation_tokens,
            documents: text.facts.held_out,
        });
        self.sets.push(ValidationSet {
            name: name.to_owned(),
            census: text.census.expect("a text is made of documents"),
            documents: text.held_out,
            tokens: text.validation,
        });
    }

    /// The validation set of this name.
    pub fn set(&self, name: &str) -> Option<&ValidationSet> {
        self.sets.iter().find(|set| set.name == name)
    }
}

/// Changes whenever the same sources would be prepared, or recorded, differently.
pub const FORMAT: u32 = 7;

/// Where corpora are kept unless told otherwise: the user's cache folder.
///
/// # Errors
/// If the system names no home of this user: a folder that others can write to is not trusted.
pub fn default_cache() -> Result<PathBuf, CorpusError> {
    let folders = choose_base_strategy().map_err(|_| CorpusError::NoHome)?;
    Ok(folders.cache_dir().join("isoflop").join("corpora"))
}

/// `corpus.json`: what a cached corpus is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    pub sha256: String,
    pub tokenizer: Tokenizer,
    pub vocabulary: u64,
    /// Bytes that a token is kept in.
    pub width: Width,
    pub bytes_per_token: Option<f64>,
    pub entropy_rate: Option<Nats>,
    pub census: Option<Census>,
    pub held_out: Vec<HeldOut>,
    /// The SHA-256 of all the above.
    pub seal: String,
}

impl Record {
    fn sealed(mut self) -> Self {
        self.seal.clear();
        let text = serde_json::to_vec(&self).expect("a record is plain data");
        self.seal = sha256(&text);
        self
    }
}

/// A corpus of this key, from the cache or made anew in a folder of its own.
pub fn open_or_make(
    cache: &Path,
    key: &str,
    make: impl FnOnce(&Path) -> Result<Record, CorpusError>,
) -> Result<Corpus, CorpusError> {
    create_folders(cache)?;
    refuse_others(cache)?;
    let folder = cache.join(&key[..32]);
    if exists(&folder.join("corpus.json"))? {
        match open(&folder) {
            // What a full disk or a power cut has left is of no use to anybody.
            Err(CorpusError::Cache { .. }) => take_away(cache, &folder)?,
            opened => return opened,
        }
    }
    let draft = cache.join(draft(&key[..32]));
    disk()
        .create_folder(&draft)
        .map_err(CorpusError::io(&draft))?;
    let made = make(&draft).and_then(|record| {
        let text = serde_json::to_vec_pretty(&record.sealed()).expect("a record is plain data");
        write_atomically(&draft.join("corpus.json"), &text)?;
        // It was hashed while it was written.
        note_checked(&draft);
        publish(cache, &draft, &folder)
    });
    // Of a draft that was published nothing is left; any other is of no use to anybody.
    let _ = disk().remove(&draft);
    made?;
    open(&folder)
}

fn publish(cache: &Path, draft: &Path, folder: &Path) -> Result<(), CorpusError> {
    if disk().rename(draft, folder).is_err() {
        if exists(&folder.join("corpus.json"))? {
            // Another process was first, with the same tokens.
            return Ok(());
        }
        take_away(cache, folder)?;
        disk()
            .rename(draft, folder)
            .map_err(CorpusError::io(folder))?;
    }
    disk().sync_folder(cache).map_err(CorpusError::io(cache))
}

/// Removes a folder, so that nobody finds a part of it.
fn take_away(cache: &Path, folder: &Path) -> Result<(), CorpusError> {
    let away = cache.join(draft("damaged"));
    match disk().rename(folder, &away) {
        // Another process was first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => {
            moved.map_err(CorpusError::io(folder))?;
            disk().remove(&away).map_err(CorpusError::io(&away))
        }
    }
}

/// Refuses a cache of another user, who could have planted a corpus in it.
#[cfg(target_os = "linux")]
fn refuse_others(cache: &Path) -> Result<(), CorpusError> {
    use std::os::unix::fs::MetadataExt;
    let owner = |path: &Path| {
        let facts = fs::metadata(path).map_err(CorpusError::io(path))?;
        Ok::<u32, CorpusError>(facts.uid())
    };
    let (theirs, mine) = (owner(cache)?, owner(Path::new("/proc/self"))?);
    if theirs == mine || theirs == 0 {
        return Ok(());
    }
    Err(CorpusError::NotOurs {
        path: cache.to_owned(),
        owner: theirs,
    })
}

/// Elsewhere the system keeps users' folders apart.
#[cfg(not(target_os = "linux"))]
fn refuse_others(_: &Path) -> Result<(), CorpusError> {
    Ok(())
}

fn open(folder: &Path) -> Result<Corpus, CorpusError> {
    let damaged = |message: String| CorpusError::Cache {
        path: folder.to_owned(),
        message,
    };
    let path = folder.join("corpus.json");
    let text = disk().read(&path).map_err(CorpusError::io(&path))?;
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if record.format != FORMAT {
        return Err(damaged(format!("format {} is not {FORMAT}", record.format)));
    }
    let part = |name: &str| match TokenStream::open(&folder.join(name), record.width) {
        // Gone, or too short to be mapped.
        Err(CorpusError::Io { error, .. })
            if [io::ErrorKind::NotFound, io::ErrorKind::InvalidInput].contains(&error.kind()) =>
        {
            Err(damaged(format!("{name}: {error}")))
        }
        opened => opened,
    };
    let [train, validation] = PARTS.map(part);
    let (train, validation) = (train?, validation?);
    // Training on other tokens than the cell names would give a wrong number in good order.
    let seal = record.seal.clone();
    let record = record.sealed();
    let is_whole = || {
        let hashes = [&train, &validation].map(|part| Sha256::digest(part.bytes()));
        record.sha256 == of_parts(hashes)
    };
    if record.seal != seal || !(is_checked(folder) || is_whole()) {
        return Err(damaged("its content is not what was prepared".to_owned()));
    }
    note_checked(folder);
    Ok(Corpus {
        facts: CorpusFacts {
            sha256: record.sha256,
            tokenizer: record.tokenizer,
            vocabulary: record.vocabulary,
            train_tokens: train.len() as u64,
            validation_tokens: validation.len() as u64,
            bytes_per_token: record.bytes_per_token,
            held_out: record.held_out.iter().map(|it| it.tokens).collect(),
            sets: Vec::new(),
        },
        entropy_rate: record.entropy_rate,
        census: record.census,
        held_out: record.held_out,
        train,
        validation,
        sets: Vec::new(),
        folder: folder.to_owned(),
    })
}

/// The files of both parts.
pub const PARTS: [&str; 2] = ["train.tokens", "validation.tokens"];
/// A corpus of more bytes is not hashed each time that it is opened, as long as its files are those that were hashed.
const LARGE: u64 = 256 << 20;
/// Where it is kept which files these are.
const CHECKED: &str = "checked";

/// Sizes and times of the parts of a large corpus.
fn stamp(folder: &Path) -> Option<String> {
    let facts = PARTS.map(|name| fs::metadata(folder.join(name)).ok());
    let mut bytes = 0;
    let mut stamp = String::new();
    for facts in facts {
        let facts = facts?;
        let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        bytes += facts.len();
        stamp += &format!("{} {}\n", facts.len(), changed.as_nanos());
    }
    (bytes > LARGE).then_some(stamp)
}

/// Whether the files of a large corpus are those whose hash was right before.
fn is_checked(folder: &Path) -> bool {
    stamp(folder).is_some_and(|stamp| {
        disk()
            .read(&folder.join(CHECKED))
            .is_ok_and(|kept| kept == stamp.as_bytes())
    })
}

/// Keeps that the files' hash is right. A note that cannot be kept costs another look.
fn note_checked(folder: &Path) {
    if let Some(stamp) = stamp(folder).filter(|_| !is_checked(folder)) {
        let _ = write_atomically(&folder.join(CHECKED), stamp.as_bytes());
    }
}

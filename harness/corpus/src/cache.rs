//! The cache of prepared corpora. A corpus is made in a folder of its own and published by
//! rename, so a half-made one is never read, and two processes that make the same one agree.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use etcetera::{BaseStrategy, choose_base_strategy};
use isoflop_files::{
    OpenFile, Opening, create_folders, disk, draft, exists, sha256, write_atomically,
};
use isoflop_suite::{CorpusFacts, GrammarCorpus, Nats, Tokenizer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::split::Splitter;
use crate::text::TextFile;
use crate::{CorpusError, Grammar, TokenStream};

/// A corpus, ready to be read.
#[derive(Debug)]
pub struct Corpus {
    /// What a plan needs to know of it.
    pub facts: CorpusFacts,
    /// The exact entropy rate, where the language is known, in nats per token.
    pub entropy_rate: Option<Nats>,
    /// Tokens to train on.
    pub train: TokenStream,
    /// Tokens held out.
    pub validation: TokenStream,
}

/// Changes whenever the same sources would be prepared, or recorded, differently.
const FORMAT: u32 = 2;

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
struct Record {
    format: u32,
    sha256: String,
    tokenizer: Tokenizer,
    vocabulary: u64,
    bytes_per_token: f64,
    entropy_rate: Option<Nats>,
    /// The SHA-256 of all the above.
    seal: String,
}

impl Record {
    fn sealed(mut self) -> Self {
        self.seal.clear();
        let text = serde_json::to_vec(&self).expect("a record is plain data");
        self.seal = sha256(&text);
        self
    }
}

/// A corpus of text files: tokens are bytes.
pub fn text(cache: &Path, files: &[TextFile]) -> Result<Corpus, CorpusError> {
    let key = text_key(files)?;
    open_or_make(cache, &key, |folder| {
        let mut splitter = Splitter::new(part(folder, "train")?, part(folder, "validation")?);
        for file in files {
            let read = File::open(&file.path).and_then(|text| splitter.document(text));
            read.map_err(CorpusError::io(&file.path))?;
        }
        let (train, validation) = splitter.finish().map_err(CorpusError::io(folder))?;
        let sha256 = finish(folder, train, validation)?;
        Ok(Record {
            format: FORMAT,
            sha256,
            tokenizer: Tokenizer::Bytes,
            vocabulary: 256,
            bytes_per_token: 1.0,
            entropy_rate: None,
            seal: String::new(),
        })
    })
}

/// A corpus of a grammar: tokens are its symbols, and the parts are two separate texts.
pub fn grammar(cache: &Path, definition: &GrammarCorpus) -> Result<Corpus, CorpusError> {
    let grammar = Grammar::new(definition)?;
    let recipe = serde_json::to_vec(&(FORMAT, definition)).expect("a definition is plain data");
    open_or_make(cache, &sha256(&recipe), |folder| {
        let mut parts = Vec::new();
        for (stream, (name, tokens)) in [
            ("train", definition.tokens),
            ("validation", definition.validation_tokens),
        ]
        .into_iter()
        .enumerate()
        {
            let mut out = part(folder, name)?;
            grammar
                .write(stream as u64, tokens, &mut out)
                .map_err(CorpusError::io(folder))?;
            parts.push(out);
        }
        let validation = parts.pop().expect("two parts");
        let train = parts.pop().expect("two parts");
        Ok(Record {
            format: FORMAT,
            sha256: finish(folder, train, validation)?,
            tokenizer: Tokenizer::Symbols,
            vocabulary: grammar.vocabulary(),
            bytes_per_token: 1.0,
            entropy_rate: Some(grammar.entropy_rate()),
            seal: String::new(),
        })
    })
}

/// What decides a text corpus's tokens, without reading them: names, sizes and times of the files.
fn text_key(files: &[TextFile]) -> Result<String, CorpusError> {
    let mut digest = Sha256::new();
    digest.update(FORMAT.to_le_bytes());
    for file in files {
        let facts = fs::metadata(&file.path).map_err(CorpusError::io(&file.path))?;
        let changed = facts
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = changed.map_or(0, |since| since.as_nanos());
        digest.update(format!(
            "{}\0{}\0{}\0{nanoseconds}\n",
            file.name,
            file.path.display(),
            facts.len()
        ));
    }
    Ok(hex::encode(digest.finalize()))
}

fn open_or_make(
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
    let part = |name: &str| match TokenStream::open(&folder.join(name)) {
        // Gone, or too short to be mapped.
        Err(CorpusError::Io { error, .. })
            if [io::ErrorKind::NotFound, io::ErrorKind::InvalidInput].contains(&error.kind()) =>
        {
            Err(damaged(format!("{name}: {error}")))
        }
        opened => opened,
    };
    let (train, validation) = (part("train.tokens")?, part("validation.tokens")?);
    // Training on other tokens than the cell names would give a wrong number in good order.
    let seal = record.seal.clone();
    let record = record.sealed();
    let hashes = [&train, &validation].map(|part| Sha256::digest(part.tokens(0..part.len())));
    if record.seal != seal || record.sha256 != of_parts(hashes) {
        return Err(damaged("its content is not what was prepared".to_owned()));
    }
    Ok(Corpus {
        facts: CorpusFacts {
            sha256: record.sha256,
            tokenizer: record.tokenizer,
            vocabulary: record.vocabulary,
            train_tokens: train.len() as u64,
            validation_tokens: validation.len() as u64,
            bytes_per_token: record.bytes_per_token,
        },
        entropy_rate: record.entropy_rate,
        train,
        validation,
    })
}

/// One part's file, hashed as it is written.
fn part(folder: &Path, name: &str) -> Result<Hashed<Part>, CorpusError> {
    let path = folder.join(format!("{name}.tokens"));
    let file = disk().open(&path, Opening::New);
    let file = file.map_err(CorpusError::io(&path))?;
    Ok(Hashed {
        inner: BufWriter::new(file),
        digest: Sha256::new(),
        bytes: 0,
    })
}

/// Closes both parts and gives the corpus's hash.
fn finish(
    folder: &Path,
    train: Hashed<Part>,
    validation: Hashed<Part>,
) -> Result<String, CorpusError> {
    if train.bytes == 0 || validation.bytes == 0 {
        return Err(CorpusError::TooSmall {
            bytes: train.bytes + validation.bytes,
        });
    }
    let mut hashes = Vec::new();
    for mut part in [train, validation] {
        let written = part.flush().and_then(|()| part.inner.get_mut().sync());
        written.map_err(CorpusError::io(folder))?;
        hashes.push(part.digest.finalize());
    }
    Ok(of_parts(hashes))
}

/// A corpus's hash, from those of its parts.
fn of_parts(hashes: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut all = Sha256::new();
    for hash in hashes {
        all.update(hash);
    }
    hex::encode(all.finalize())
}

/// A part's file.
type Part = BufWriter<Box<dyn OpenFile>>;

struct Hashed<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, tokens: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(tokens)?;
        self.digest.update(&tokens[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

//! The cache of prepared corpora. A corpus is made in a folder of its own and published by
//! rename, so a half-made one is never read, and two processes that make the same one agree.

use std::fs;
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

use crate::documents::{self, Documents, FEW, Skipped};
use crate::groups::{Groups, Part};
use crate::leak::leak;
use crate::{CorpusError, Grammar, TokenStream};

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
}

/// What became of the documents of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Census {
    /// Documents with a text of their own.
    pub documents: u64,
    /// Others, which are copies of these and left out.
    pub copies: u64,
    /// Groups of documents that share a passage, and go the same way.
    pub groups: u64,
    /// Bytes of a passage that makes a group.
    pub passage: u64,
    /// Bytes of the sections that documents were cut into, where there are few of them.
    pub section: Option<u64>,
    /// Documents held out.
    pub held_out: u64,
    /// Files that hold no text, by the reason, each with how many and the first of them.
    pub skipped: Skipped,
    /// The share of the held-out bytes in runs of [`RUN`](crate::RUN) bytes that stand in the training part as well.
    pub leak: f64,
}

/// A document of the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// A hash of its text: the same wherever its file lies.
    pub id: String,
    /// The name of its file; of a generated text nothing.
    pub name: String,
    /// Its first token in the stream.
    pub start: u64,
    /// Its tokens, with the one that ends it.
    pub tokens: u64,
    /// What the exact language loses on all its tokens together, where the language is known.
    pub oracle: Option<Nats>,
}

/// Changes whenever the same sources would be prepared, or recorded, differently.
const FORMAT: u32 = 3;

/// The share of a text that is held out.
const HELD_OUT: f64 = 0.05;

/// The token that ends a document, and begins every part.
const END: u8 = 0;

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
    census: Option<Census>,
    held_out: Vec<HeldOut>,
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
pub fn text(cache: &Path, documents: &Documents) -> Result<Corpus, CorpusError> {
    let key = text_key(documents)?;
    open_or_make(cache, &key, |folder| {
        let bytes = documents.bytes()?;
        let (mut groups, mut skipped) = grouped(documents, bytes)?;
        let mut section = None;
        let cut;
        let mut documents = documents;
        if groups.documents() < FEW {
            // One large file is a corpus as well, though none of it is told from the rest.
            section = Some(documents::section(bytes));
            cut = Documents {
                section,
                ..documents.clone()
            };
            documents = &cut;
            (groups, skipped) = grouped(documents, bytes)?;
        }
        let passage = groups.passage() as u64;
        let parts = groups.split(HELD_OUT);
        let count = |part: Part| parts.of.iter().filter(|it| **it == part).count() as u64;
        let census = Census {
            documents: count(Part::Train) + count(Part::HeldOut),
            copies: count(Part::Copy),
            groups: parts.groups,
            passage,
            section: section.map(|bytes| bytes as u64),
            held_out: count(Part::HeldOut),
            skipped,
            leak: 0.0,
        };
        if census.held_out < LEAST_HELD_OUT || count(Part::Train) == 0 {
            return Err(CorpusError::TooFewDocuments { census });
        }
        let (sha256, held_out) = write_text(folder, documents, &parts.of)?;
        let part = |name: &str| TokenStream::open(&folder.join(name));
        let (train, validation) = (part("train.tokens")?, part("validation.tokens")?);
        Ok(Record {
            format: FORMAT,
            sha256,
            tokenizer: Tokenizer::Bytes,
            vocabulary: 256,
            bytes_per_token: 1.0,
            entropy_rate: None,
            census: Some(Census {
                leak: leak(
                    train.tokens(0..train.len()),
                    validation.tokens(0..validation.len()),
                ),
                ..census
            }),
            held_out,
            seal: String::new(),
        })
    })
}

/// Documents, and what they share.
fn grouped(documents: &Documents, bytes: u64) -> Result<(Groups, Skipped), CorpusError> {
    let mut groups = Groups::new(bytes);
    let skipped = documents.each(|document| {
        groups.add(document.text);
        Ok(())
    })?;
    Ok((groups, skipped))
}

/// Documents that tell how sure a loss is, at least.
const LEAST_HELD_OUT: u64 = 2;

/// Writes both parts, and gives the corpus's hash. Documents held out stand in the order of their hashes, so that the
/// first of them are as good a sample as any.
fn write_text(
    folder: &Path,
    documents: &Documents,
    parts: &[Part],
) -> Result<(String, Vec<HeldOut>), CorpusError> {
    let refused = |folder: &Path| {
        let folder = folder.to_owned();
        move |error| CorpusError::Io {
            path: folder.clone(),
            error,
        }
    };
    let unordered = folder.join("unordered");
    let mut train = part(folder, "train")?;
    let mut aside = part(folder, "unordered")?;
    train.write_all(&[END]).map_err(refused(folder))?;
    let mut held_out: Vec<HeldOut> = Vec::new();
    let mut number = 0;
    documents.each(|document| {
        let part = parts.get(number).ok_or_else(|| changed(document.name))?;
        number += 1;
        let to = match part {
            Part::Copy => return Ok(()),
            Part::Train => &mut train,
            Part::HeldOut => {
                held_out.push(HeldOut {
                    id: sha256(document.text)[..12].to_owned(),
                    name: document.name.to_owned(),
                    start: aside.bytes,
                    tokens: document.text.len() as u64 + 1,
                    oracle: None,
                });
                &mut aside
            }
        };
        let written = to
            .write_all(document.text)
            .and_then(|()| to.write_all(&[END]));
        written.map_err(refused(folder))
    })?;
    aside.flush().map_err(refused(folder))?;
    let texts = TokenStream::open(&folder.join("unordered.tokens"))?;
    held_out.sort_by(|a, b| (&a.id, a.start).cmp(&(&b.id, b.start)));
    let mut validation = part(folder, "validation")?;
    validation.write_all(&[END]).map_err(refused(folder))?;
    for document in &mut held_out {
        let from = document.start as usize;
        document.start = validation.bytes;
        let tokens = texts.tokens(from..from + document.tokens as usize);
        validation.write_all(tokens).map_err(refused(folder))?;
    }
    drop((texts, aside));
    let unordered = unordered.with_extension("tokens");
    disk().remove(&unordered).map_err(refused(folder))?;
    Ok((finish(folder, train, validation)?, held_out))
}

/// A file that is another one than a moment ago.
fn changed(name: &str) -> CorpusError {
    CorpusError::Changed {
        name: name.to_owned(),
    }
}

/// A corpus of a grammar: tokens are its symbols, and the parts are two separate texts.
pub fn grammar(cache: &Path, definition: &GrammarCorpus) -> Result<Corpus, CorpusError> {
    let grammar = Grammar::new(definition)?;
    let recipe = serde_json::to_vec(&(FORMAT, definition)).expect("a definition is plain data");
    open_or_make(cache, &sha256(&recipe), |folder| {
        let mut train = part(folder, "train")?;
        let written = grammar.write(0, definition.tokens, &mut train);
        written.map_err(CorpusError::io(folder))?;
        let mut validation = part(folder, "validation")?;
        let texts = grammar.write(1, definition.validation_tokens, &mut validation);
        let texts = texts.map_err(CorpusError::io(folder))?;
        // After the space that every part begins with.
        let mut start = 1;
        let held_out = texts.into_iter().map(|text| {
            start += text.symbols;
            HeldOut {
                id: text.id,
                name: String::new(),
                start: start - text.symbols,
                tokens: text.symbols,
                oracle: Some(text.surprise),
            }
        });
        Ok(Record {
            format: FORMAT,
            held_out: held_out.collect(),
            sha256: finish(folder, train, validation)?,
            tokenizer: Tokenizer::Symbols,
            vocabulary: grammar.vocabulary(),
            bytes_per_token: 1.0,
            entropy_rate: Some(grammar.entropy_rate()),
            census: None,
            seal: String::new(),
        })
    })
}

/// What decides a text corpus's tokens, without reading them: names, sizes and times of the files.
fn text_key(documents: &Documents) -> Result<String, CorpusError> {
    let mut digest = Sha256::new();
    digest.update(FORMAT.to_le_bytes());
    digest.update(format!("{:?}\n", documents.separator));
    for file in &documents.files {
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
            held_out: record.held_out.iter().map(|it| it.tokens).collect(),
        },
        entropy_rate: record.entropy_rate,
        census: record.census,
        held_out: record.held_out,
        train,
        validation,
    })
}

/// One part's file, hashed as it is written.
fn part(folder: &Path, name: &str) -> Result<Hashed<PartFile>, CorpusError> {
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
    train: Hashed<PartFile>,
    validation: Hashed<PartFile>,
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
type PartFile = BufWriter<Box<dyn OpenFile>>;

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

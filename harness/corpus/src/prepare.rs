//! From sources to a corpus: which documents go where, what they share, and their tokens.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use isoflop_files::{disk, sha256};
use isoflop_suite::{GrammarCorpus, Tokenizer};
use sha2::{Digest, Sha256};

use crate::cache::{FORMAT, PARTS, Record, open_or_make};
use crate::documents::{self, Census, Content, Documents, FEW};
use crate::encode::Encoding;
use crate::grouped::grouped;
use crate::groups::{Groups, Part, Parts};
use crate::leak::{leak, run};
use crate::part::{Encoded, PartFile, finish};
use crate::stream::{Coding, Width};
use crate::text::TextFile;
use crate::vocabulary::Vocabulary;
use crate::{Corpus, CorpusError, Grammar, HeldOut, TokenStream};

/// The share of a text that is held out.
const HELD_OUT: f64 = 0.05;

/// A corpus of files, prepared under a folder of the cache.
pub fn files(
    folder: &Path,
    documents: &Documents,
    encoding: &Encoding,
) -> Result<Record, CorpusError> {
    let parted = parted(documents, |groups| groups.split(HELD_OUT))?;
    let census = &parted.census;
    if census.held_out < LEAST_HELD_OUT || census.held_out == census.documents {
        return Err(CorpusError::TooFewDocuments {
            census: parted.census,
        });
    }
    let coding = parted.documents.coding();
    let text = Written::new(folder, &parted, *encoding == Encoding::Bytes)?;
    let leak = leak(&text.paths[0], text.validation.bytes(), coding);
    let leak = leak.map_err(CorpusError::io(&text.paths[0]))?;
    let vocabulary = match (&parted.documents.content, encoding) {
        (Content::Shards { .. }, Encoding::File(path)) => Some(Vocabulary::read(path)?),
        (Content::Shards { .. }, _) => None,
        (Content::Text { .. }, encoding) => encoding.vocabulary(&text.train)?,
    };
    let census = Census {
        leak,
        ..parted.census
    };
    let content = &parted.documents.content;
    text.record(folder, content, encoding, vocabulary.as_ref(), census)
}

/// A text of which all documents are held out, in the tokens of a corpus, prepared under a folder of the cache.
pub fn set(
    folder: &Path,
    documents: &Documents,
    encoding: &Encoding,
    corpus: &Corpus,
) -> Result<Record, CorpusError> {
    let parted = parted(documents, Groups::all)?;
    if parted.census.held_out == 0 {
        return Err(CorpusError::TooFewDocuments {
            census: parted.census,
        });
    }
    let vocabulary = match encoding {
        Encoding::Bytes => None,
        Encoding::BytePairs(_) => Some(Vocabulary::trained_before(&corpus.folder)?),
        Encoding::File(path) => Some(Vocabulary::read(path)?),
    };
    let text = Written::new(folder, &parted, *encoding == Encoding::Bytes)?;
    let content = &parted.documents.content;
    let record = text.record(
        folder,
        content,
        encoding,
        vocabulary.as_ref(),
        parted.census,
    )?;
    // The corpus's text is gone where tokens are no bytes, and so these are compared.
    let coding = match (content, vocabulary) {
        (Content::Text { .. }, Some(vocabulary)) => Coding {
            width: record.width,
            end: vocabulary.end(),
            is_text: false,
        },
        _ => parted.documents.coding(),
    };
    let train = corpus.folder.join(PARTS[0]);
    let tokens = TokenStream::open(&folder.join(PARTS[1]), record.width)?;
    let leak = leak(&train, tokens.bytes(), coding).map_err(CorpusError::io(&train))?;
    let census = record.census.map(|census| Census {
        leak,
        run: run(coding) as u64,
        ..census
    });
    Ok(Record { census, ..record })
}

/// Documents, where each goes, and what became of them.
struct Parted {
    documents: Documents,
    parts: Vec<Part>,
    census: Census,
}

fn parted(documents: &Documents, split: impl Fn(Groups) -> Parts) -> Result<Parted, CorpusError> {
    let mut documents = documents.clone();
    let bytes = documents.bytes()?;
    let (mut groups, mut skipped) = grouped(&documents, bytes)?;
    let coding = documents.coding();
    // Of shards, each of which is one document, the end was never met.
    let are_whole = !coding.is_text && groups.documents() <= documents.files.len() as u64;
    if groups.documents() < FEW || are_whole {
        // One large file is a corpus as well, though none of it is told from the rest.
        documents.section = Some(documents::section(groups.bytes()));
        (groups, skipped) = grouped(&documents, bytes)?;
    }
    let passage = groups.passage() as u64;
    let parts = split(groups);
    let count = |part: Part| parts.of.iter().filter(|it| **it == part).count() as u64;
    let census = Census {
        documents: count(Part::Train) + count(Part::HeldOut),
        copies: count(Part::Copy),
        groups: parts.groups,
        passage,
        section: documents.section.map(|bytes| bytes as u64),
        held_out: count(Part::HeldOut),
        skipped,
        run: run(coding) as u64,
        leak: 0.0,
    };
    Ok(Parted {
        documents,
        parts: parts.of,
        census,
    })
}

/// Both parts as they were read: tokens already, or their text.
struct Written {
    sha256: String,
    held_out: Vec<HeldOut>,
    paths: [PathBuf; 2],
    train: TokenStream,
    validation: TokenStream,
}

impl Written {
    fn new(folder: &Path, parted: &Parted, are_bytes: bool) -> Result<Self, CorpusError> {
        let documents = &parted.documents;
        let names = if are_bytes || !documents.coding().is_text {
            ["train", "validation"]
        } else {
            ["train-text", "validation-text"]
        };
        let (sha256, held_out) = write_parts(folder, names, documents, &parted.parts)?;
        let paths = names.map(|name| folder.join(format!("{name}.tokens")));
        let width = documents.coding().width;
        let [train, validation] = [&paths[0], &paths[1]].map(|it| TokenStream::open(it, width));
        Ok(Written {
            sha256,
            held_out,
            train: train?,
            validation: validation?,
            paths,
        })
    }

    /// Makes tokens of what is none yet. A vocabulary is that of the text, or what made the tokens of shards.
    fn record(
        self,
        folder: &Path,
        content: &Content,
        encoding: &Encoding,
        vocabulary: Option<&Vocabulary>,
        census: Census,
    ) -> Result<Record, CorpusError> {
        let (encoded, tokenizer) = match (content, vocabulary) {
            (
                Content::Shards {
                    vocabulary: size, ..
                },
                vocabulary,
            ) => {
                let held_out = match vocabulary {
                    Some(vocabulary) => with_bytes(self.held_out, &self.validation, vocabulary)?,
                    None => self.held_out,
                };
                let encoded = Encoded {
                    sha256: self.sha256,
                    vocabulary: *size,
                    held_out,
                };
                (encoded, Tokenizer::Shards)
            }
            (Content::Text { .. }, None) => {
                let encoded = Encoded {
                    sha256: self.sha256,
                    vocabulary: 256,
                    held_out: self.held_out,
                };
                (encoded, Tokenizer::Bytes)
            }
            (Content::Text { .. }, Some(vocabulary)) => {
                let encoded =
                    vocabulary.encode(folder, &self.train, &self.validation, self.held_out)?;
                drop((self.train, self.validation));
                for path in &self.paths {
                    disk().remove(path).map_err(CorpusError::io(path))?;
                }
                (encoded, encoding.tokenizer())
            }
        };
        let sums = encoded.held_out.iter().map(|it| (it.bytes, it.tokens));
        let (bytes, tokens) = sums.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
        Ok(Record {
            format: FORMAT,
            sha256: encoded.sha256,
            tokenizer,
            vocabulary: encoded.vocabulary,
            width: Width::of(encoded.vocabulary),
            bytes_per_token: (bytes > 0).then_some(bytes as f64 / tokens as f64),
            entropy_rate: None,
            census: Some(census),
            held_out: encoded.held_out,
            seal: String::new(),
        })
    }
}

/// Shards' documents with the bytes of their text, as their tokenizer tells them.
fn with_bytes(
    mut held_out: Vec<HeldOut>,
    validation: &TokenStream,
    vocabulary: &Vocabulary,
) -> Result<Vec<HeldOut>, CorpusError> {
    for document in &mut held_out {
        let last = document.start + document.tokens - 1;
        let tokens: Vec<u32> = validation
            .tokens(document.start as usize..last as usize)
            .collect();
        // As of a text, the end counts for one.
        document.bytes = vocabulary.text_bytes(&tokens)? + 1;
    }
    Ok(held_out)
}

/// Documents that tell how sure a loss is, at least.
const LEAST_HELD_OUT: u64 = 2;

/// Writes both parts under these names, each beginning with the end, and each document ending with it, and gives
/// the hash of both. Documents held out stand in the order of their hashes, so that the first of them are as good a sample
/// as any.
fn write_parts(
    folder: &Path,
    names: [&str; 2],
    documents: &Documents,
    parts: &[Part],
) -> Result<(String, Vec<HeldOut>), CorpusError> {
    let coding = documents.coding();
    let (end, width) = (coding.end(), coding.width as u64);
    let unordered = folder.join("unordered");
    let mut train = PartFile::new(folder, names[0])?;
    let mut aside = PartFile::new(folder, "unordered")?;
    train.write_all(&end).map_err(CorpusError::io(folder))?;
    let mut held_out: Vec<HeldOut> = Vec::new();
    let mut number = 0;
    documents.each(|document| {
        let part = parts.get(number).ok_or_else(|| changed(document.name))?;
        number += 1;
        let to = match part {
            Part::Copy => return Ok(()),
            Part::Train => &mut train,
            Part::HeldOut => {
                let tokens = document.text.len() as u64 / width + 1;
                held_out.push(HeldOut {
                    id: sha256(document.text)[..12].to_owned(),
                    name: document.place(),
                    start: aside.bytes / width,
                    tokens,
                    bytes: if coding.is_text { tokens } else { 0 },
                    oracle: None,
                });
                &mut aside
            }
        };
        let written = to
            .write_all(document.text)
            .and_then(|()| to.write_all(&end));
        written.map_err(CorpusError::io(folder))
    })?;
    if number < parts.len() {
        return Err(changed("a file of the corpus"));
    }
    aside.finish().map_err(CorpusError::io(folder))?;
    let texts = TokenStream::open(&folder.join("unordered.tokens"), coding.width)?;
    held_out.sort_by(|a, b| (&a.id, a.start).cmp(&(&b.id, b.start)));
    let mut validation = PartFile::new(folder, names[1])?;
    validation
        .write_all(&end)
        .map_err(CorpusError::io(folder))?;
    for document in &mut held_out {
        let from = (document.start * width) as usize;
        document.start = validation.bytes / width;
        let text = &texts.bytes()[from..from + (document.tokens * width) as usize];
        validation
            .write_all(text)
            .map_err(CorpusError::io(folder))?;
    }
    drop(texts);
    let unordered = unordered.with_extension("tokens");
    disk().remove(&unordered).map_err(CorpusError::io(folder))?;
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
        let mut train = PartFile::new(folder, "train")?;
        let written = grammar.write(0, definition.tokens, &mut train);
        written.map_err(CorpusError::io(folder))?;
        let mut validation = PartFile::new(folder, "validation")?;
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
                bytes: text.symbols,
                oracle: Some(text.surprise),
            }
        });
        Ok(Record {
            format: FORMAT,
            held_out: held_out.collect(),
            sha256: finish(folder, train, validation)?,
            tokenizer: Tokenizer::Symbols,
            vocabulary: grammar.vocabulary(),
            width: Width::One,
            bytes_per_token: Some(1.0),
            entropy_rate: Some(grammar.entropy_rate()),
            census: None,
            seal: String::new(),
        })
    })
}

/// What decides the tokens of a corpus of files, without reading them: names, sizes and times of the files.
pub fn key(documents: &Documents, encoding: &Encoding) -> Result<String, CorpusError> {
    let fact = |file: &TextFile| {
        let facts = fs::metadata(&file.path).map_err(CorpusError::io(&file.path))?;
        let changed = facts
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = changed.map_or(0, |since| since.as_nanos());
        // However it was typed.
        let path = fs::canonicalize(&file.path).map_err(CorpusError::io(&file.path))?;
        Ok(format!(
            "{}\0{}\0{nanoseconds}",
            path.display(),
            facts.len()
        ))
    };
    keyed("", documents, encoding, fact)
}

/// What decides the tokens of files that never change, of a source of this name.
#[cfg(feature = "hub")]
pub fn key_of_names(
    source: &str,
    documents: &Documents,
    encoding: &Encoding,
) -> Result<String, CorpusError> {
    keyed(source, documents, encoding, |_| Ok(String::new()))
}

fn keyed(
    source: &str,
    documents: &Documents,
    encoding: &Encoding,
    fact: impl Fn(&TextFile) -> Result<String, CorpusError>,
) -> Result<String, CorpusError> {
    let mut digest = Sha256::new();
    digest.update(FORMAT.to_le_bytes());
    let content = &documents.content;
    digest.update(format!("{source}\n{content:?}\n{}\n", encoding.key()?));
    for file in &documents.files {
        digest.update(format!("{}\0{}\n", file.name, fact(file)?));
    }
    Ok(hex::encode(digest.finalize()))
}

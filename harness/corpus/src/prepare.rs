//! From sources to a corpus: which documents go where, what they share, and their tokens.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use isoflop_files::{disk, sha256};
use isoflop_suite::{GrammarCorpus, Tokenizer};
use sha2::{Digest, Sha256};

use crate::cache::{FORMAT, Record, finish, open_or_make, part};
use crate::documents::{self, Census, Content, Documents, FEW};
use crate::encode::{Encoded, Encoding, Vocabulary};
use crate::groups::{Groups, Part};
use crate::leak::{leak, run};
use crate::reader::Skipped;
use crate::stream::Width;
use crate::text::TextFile;
use crate::{Corpus, CorpusError, Grammar, HeldOut, TokenStream};

/// The share of a text that is held out.
const HELD_OUT: f64 = 0.05;

/// A corpus of files, prepared under a folder of the cache.
pub fn files(
    folder: &Path,
    documents: &Documents,
    encoding: &Encoding,
) -> Result<Record, CorpusError> {
    let bytes = documents.bytes()?;
    let (mut groups, mut skipped) = grouped(documents, bytes)?;
    let mut section = None;
    let cut;
    let mut documents = documents;
    // Of shards, each of which is one document, the end was never met.
    let are_whole =
        !documents.coding().is_text && groups.documents() <= documents.files.len() as u64;
    if groups.documents() < FEW || are_whole {
        // One large file is a corpus as well, though none of it is told from the rest.
        section = Some(documents::section(groups.bytes()));
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
    let coding = documents.coding();
    let census = Census {
        documents: count(Part::Train) + count(Part::HeldOut),
        copies: count(Part::Copy),
        groups: parts.groups,
        passage,
        section: section.map(|bytes| bytes as u64),
        held_out: count(Part::HeldOut),
        skipped,
        run: run(coding) as u64,
        leak: 0.0,
    };
    if census.held_out < LEAST_HELD_OUT || count(Part::Train) == 0 {
        return Err(CorpusError::TooFewDocuments { census });
    }
    let is_encoded =
        matches!(documents.content, Content::Shards { .. }) || *encoding == Encoding::Bytes;
    let names = if is_encoded {
        ["train", "validation"]
    } else {
        ["train-text", "validation-text"]
    };
    let (sha256, held_out) = write_parts(folder, names, documents, &parts.of)?;
    let paths = names.map(|name| folder.join(format!("{name}.tokens")));
    let [train, validation] = [&paths[0], &paths[1]].map(|it| TokenStream::open(it, coding.width));
    let (train, validation) = (train?, validation?);
    let found = leak(&paths[0], validation.bytes(), coding);
    let census = Census {
        leak: found.map_err(CorpusError::io(&paths[0]))?,
        ..census
    };
    let (encoded, tokenizer) = match documents.content {
        Content::Shards { vocabulary, .. } => (
            Encoded {
                sha256,
                vocabulary,
                held_out: with_bytes(held_out, &validation, encoding)?,
            },
            Tokenizer::Shards,
        ),
        Content::Text { .. } => {
            let encoded = match Vocabulary::of_text(encoding, &train)? {
                None => Encoded {
                    sha256,
                    vocabulary: 256,
                    held_out,
                },
                Some(vocabulary) => {
                    let encoded = vocabulary.encode(folder, &train, &validation, held_out)?;
                    drop((train, validation));
                    for path in &paths {
                        disk().remove(path).map_err(CorpusError::io(path))?;
                    }
                    encoded
                }
            };
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

/// Shards' documents with the bytes of their text, where a tokenizer can tell them.
fn with_bytes(
    mut held_out: Vec<HeldOut>,
    validation: &TokenStream,
    encoding: &Encoding,
) -> Result<Vec<HeldOut>, CorpusError> {
    let Encoding::File(path) = encoding else {
        return Ok(held_out);
    };
    let vocabulary = Vocabulary::read(path)?;
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
    let mut train = part(folder, names[0])?;
    let mut aside = part(folder, "unordered")?;
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
    aside.flush().map_err(CorpusError::io(folder))?;
    let texts = TokenStream::open(&folder.join("unordered.tokens"), coding.width)?;
    held_out.sort_by(|a, b| (&a.id, a.start).cmp(&(&b.id, b.start)));
    let mut validation = part(folder, names[1])?;
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
    drop((texts, aside));
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

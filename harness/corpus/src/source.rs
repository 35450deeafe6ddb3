//! Where a definition's corpus comes from.

use std::path::Path;
#[cfg(feature = "hub")]
use std::path::PathBuf;

use isoflop_files::sha256;
use isoflop_suite::{CorpusSource, Definition, HubCorpus, ShardsCorpus, TextTokens};

use crate::cache::open_or_make;
use crate::documents::{Content, Documents};
use crate::encode::Encoding;
use crate::shards::is_shard;
#[cfg(feature = "hub")]
use crate::text::TextFile;
use crate::vocabulary::Vocabulary;
use crate::{Corpus, CorpusError, cargo, listed, prepare};

impl Corpus {
    /// Opens the definition's corpus and its validation sets from the cache, making them first where they are not there.
    /// `folder` is the definition's: paths are relative to it.
    ///
    /// # Errors
    /// If a source is missing, there is too little text, or the cache cannot be written.
    pub fn prepare(
        definition: &Definition,
        folder: &Path,
        cache: &Path,
    ) -> Result<Self, CorpusError> {
        let source = definition
            .corpus
            .chosen()
            .expect("a checked definition has one corpus");
        let encoding = match definition.corpus.text() {
            TextTokens::Bytes => Encoding::Bytes,
            TextTokens::BytePairs(vocabulary) => Encoding::BytePairs(vocabulary),
            TextTokens::File(path) => Encoding::File(folder.join(path)),
        };
        if let CorpusSource::Grammar(grammar) = source {
            return prepare::grammar(cache, grammar);
        }
        let found = Found::new(source, folder, cache, |shards| of_shards(shards, &encoding))?;
        let content = found.documents.content.clone();
        let mut corpus = open_or_make(cache, &found.key(&encoding)?, |folder| {
            prepare::files(folder, &found.fetched()?, &encoding)
        })?;
        for (name, set) in &definition.validation {
            let source = set.get_ref().chosen();
            let source = source.expect("a checked definition's sets have one source");
            // A set's shards have the tokens of the corpus.
            let found = Found::new(source, folder, cache, |shards| match &content {
                Content::Shards {
                    end, vocabulary, ..
                } => Ok(Content::Shards {
                    dtype: shards.dtype,
                    end: *end,
                    vocabulary: *vocabulary,
                }),
                text => Ok(text.clone()),
            });
            let set = found.and_then(|found| {
                let key = format!("{} {}", corpus.facts.sha256, found.key(&encoding)?);
                open_or_make(cache, &sha256(key.as_bytes()), |folder| {
                    prepare::set(folder, &found.fetched()?, &encoding, &corpus)
                })
            });
            let set = set.map_err(|error| CorpusError::Set {
                name: name.get_ref().clone(),
                error: Box::new(error),
            })?;
            corpus.add_set(name.get_ref(), set);
        }
        Ok(corpus)
    }
}

/// The documents of a source. Those of the hub are named, and fetched when they are needed.
struct Found<'a> {
    documents: Documents,
    #[cfg(feature = "hub")]
    hub: Option<(&'a HubCorpus, crate::hub::Listing)>,
    #[cfg(not(feature = "hub"))]
    hub: std::marker::PhantomData<&'a HubCorpus>,
}

impl<'a> Found<'a> {
    fn new(
        source: CorpusSource<'a>,
        folder: &Path,
        cache: &Path,
        of_shards: impl Fn(&ShardsCorpus) -> Result<Content, CorpusError>,
    ) -> Result<Self, CorpusError> {
        let text = |separator: &Option<String>, column: &Option<String>| Content::Text {
            separator: separator.clone(),
            column: column.clone(),
        };
        let (files, content) = match source {
            CorpusSource::Grammar(_) => unreachable!("a grammar's text is generated"),
            CorpusSource::Hub(hub) => {
                return Found::of_hub(cache, hub, text(&hub.separator, &hub.column));
            }
            CorpusSource::Cargo(cargo) => (cargo::sources(cargo)?, text(&None, &None)),
            CorpusSource::Files(files) => (
                listed::listed(&files.paths, folder, |_| true)?,
                text(&files.separator, &files.column),
            ),
            CorpusSource::Shards(shards) => (
                listed::listed(&shards.paths, folder, is_shard)?,
                of_shards(shards)?,
            ),
        };
        Ok(Found {
            documents: Documents {
                files,
                content,
                section: None,
            },
            hub: Default::default(),
        })
    }

    #[cfg(feature = "hub")]
    fn of_hub(cache: &Path, hub: &'a HubCorpus, content: Content) -> Result<Self, CorpusError> {
        let listing = crate::hub::listing(cache, hub)?;
        let listed = |name: &String| TextFile {
            name: name.clone(),
            path: PathBuf::new(),
        };
        Ok(Found {
            documents: Documents {
                files: listing.files.iter().map(listed).collect(),
                content,
                section: None,
            },
            hub: Some((hub, listing)),
        })
    }

    #[cfg(not(feature = "hub"))]
    fn of_hub(_: &Path, hub: &'a HubCorpus, _: Content) -> Result<Self, CorpusError> {
        Err(CorpusError::Hub {
            dataset: hub.dataset.clone(),
            revision: hub.revision.clone(),
            message:
                "this program was built without the hub\n  help: build it with its default features"
                    .to_owned(),
        })
    }

    /// What decides its tokens, without reading it.
    fn key(&self, encoding: &Encoding) -> Result<String, CorpusError> {
        #[cfg(feature = "hub")]
        if let Some((hub, listing)) = &self.hub {
            // A commit's files are always the same, whether they are still here or not.
            let source = format!("{} {}", hub.dataset, listing.commit);
            return prepare::key_of_names(&source, &self.documents, encoding);
        }
        prepare::key(&self.documents, encoding)
    }

    /// The documents, on this machine.
    fn fetched(&self) -> Result<Documents, CorpusError> {
        #[cfg(feature = "hub")]
        if let Some((hub, listing)) = &self.hub {
            return Ok(Documents {
                files: crate::hub::fetched(hub, listing)?,
                ..self.documents.clone()
            });
        }
        Ok(self.documents.clone())
    }
}

/// What shards hold: as the definition says, or the tokenizer.
fn of_shards(shards: &ShardsCorpus, encoding: &Encoding) -> Result<Content, CorpusError> {
    let known = match encoding {
        Encoding::File(path) => Some(Vocabulary::read(path)?),
        Encoding::Bytes | Encoding::BytePairs(_) => None,
    };
    let given = |said: Option<u64>, known: Option<u64>| {
        said.or(known)
            .expect("a checked definition says it, or names a tokenizer")
    };
    let end = given(shards.end, known.as_ref().map(|it| u64::from(it.end())));
    let size = given(shards.vocabulary, known.as_ref().map(Vocabulary::size));
    let end = u32::try_from(end).ok().filter(|end| u64::from(*end) < size);
    Ok(Content::Shards {
        dtype: shards.dtype,
        end: end.ok_or_else(|| CorpusError::Tokenizer(format!(
            "the end of a document is none of its {size} tokens: say which it is, `end = ...` in [corpus.shards]"
        )))?,
        vocabulary: size,
    })
}

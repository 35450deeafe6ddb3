//! Where a definition's corpus comes from.

use std::path::Path;
#[cfg(feature = "hub")]
use std::path::PathBuf;

use isoflop_suite::{CorpusSource, Definition, HubCorpus, ShardsCorpus, TextTokens};

use crate::cache::open_or_make;
use crate::documents::{Content, Documents};
use crate::encode::{Encoding, Vocabulary};
use crate::shards::is_shard;
#[cfg(feature = "hub")]
use crate::text::TextFile;
use crate::{Corpus, CorpusError, cargo, listed, prepare};

impl Corpus {
    /// Opens the definition's corpus from the cache, making it first where it is not there.
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
        let text = |separator: &Option<String>, column: &Option<String>| Content::Text {
            separator: separator.clone(),
            column: column.clone(),
        };
        let (files, content) = match source {
            CorpusSource::Grammar(grammar) => return prepare::grammar(cache, grammar),
            CorpusSource::Hub(hub) => {
                return of_hub(cache, hub, text(&hub.separator, &hub.column), &encoding);
            }
            CorpusSource::Cargo(cargo) => (cargo::sources(cargo)?, text(&None, &None)),
            CorpusSource::Files(files) => (
                listed::listed(&files.paths, folder, |_| true)?,
                text(&files.separator, &files.column),
            ),
            CorpusSource::Shards(shards) => (
                listed::listed(&shards.paths, folder, is_shard)?,
                of_shards(shards, &encoding)?,
            ),
        };
        let documents = Documents {
            files,
            content,
            section: None,
        };
        open_or_make(cache, &prepare::key(&documents, &encoding)?, |folder| {
            prepare::files(folder, &documents, &encoding)
        })
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

#[cfg(feature = "hub")]
fn of_hub(
    cache: &Path,
    hub: &HubCorpus,
    content: Content,
    encoding: &Encoding,
) -> Result<Corpus, CorpusError> {
    use crate::hub::{fetched, listing};
    let listing = listing(cache, hub)?;
    let listed = |name: &String| TextFile {
        name: name.clone(),
        path: PathBuf::new(),
    };
    let documents = Documents {
        files: listing.files.iter().map(listed).collect(),
        content,
        section: None,
    };
    // A commit's files are always the same, whether they are still here or not.
    let source = format!("{} {}", hub.dataset, listing.commit);
    let key = prepare::key_of_names(&source, &documents, encoding)?;
    open_or_make(cache, &key, |folder| {
        let documents = Documents {
            files: fetched(hub, &listing)?,
            ..documents
        };
        prepare::files(folder, &documents, encoding)
    })
}

#[cfg(not(feature = "hub"))]
fn of_hub(_: &Path, hub: &HubCorpus, _: Content, _: &Encoding) -> Result<Corpus, CorpusError> {
    Err(CorpusError::Hub {
        dataset: hub.dataset.clone(),
        revision: hub.revision.clone(),
        message:
            "this program was built without the hub\n  help: build it with its default features"
                .to_owned(),
    })
}

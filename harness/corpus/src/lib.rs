//! Corpora: documents split into training and validation parts, hashed, and tokenized once into a
//! memory-mapped cache.

mod cache;
mod cargo;
mod documents;
mod encode;
mod error;
mod grammar;
mod groups;
mod leak;
mod listed;
mod permute;
mod prepare;
mod stream;
mod text;
mod windows;
mod zipf;

use std::path::Path;

use isoflop_suite::{CorpusSource, Definition, TextTokens};

use documents::Documents;
use encode::Encoding;

pub use cache::{Corpus, HeldOut, default_cache};
pub use documents::Census;
pub use error::CorpusError;
pub use grammar::Grammar;
pub use leak::RUN;
pub use stream::TokenStream;
pub use windows::Windows;

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
        match source {
            CorpusSource::Cargo(cargo) => {
                let files = cargo::sources(cargo)?;
                prepare::text(
                    cache,
                    &Documents {
                        files,
                        separator: None,
                        section: None,
                    },
                    &encoding,
                )
            }
            CorpusSource::Files(files) => prepare::text(
                cache,
                &Documents {
                    separator: files.separator.clone(),
                    files: listed::listed(files, folder)?,
                    section: None,
                },
                &encoding,
            ),
            CorpusSource::Grammar(grammar) => prepare::grammar(cache, grammar),
        }
    }
}

//! Corpora: documents split into training and validation parts, hashed, and tokenized once into a
//! memory-mapped cache.

mod cache;
mod cargo;
mod documents;
mod error;
mod grammar;
mod groups;
mod leak;
mod listed;
mod permute;
mod stream;
mod text;
mod windows;
mod zipf;

use std::path::Path;

use isoflop_suite::{CorpusSource, Definition};

use documents::Documents;

pub use cache::{Census, Corpus, HeldOut, default_cache};
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
        match source {
            CorpusSource::Cargo(cargo) => {
                let files = cargo::sources(cargo)?;
                cache::text(
                    cache,
                    &Documents {
                        files,
                        separator: None,
                        section: None,
                    },
                )
            }
            CorpusSource::Files(files) => cache::text(
                cache,
                &Documents {
                    separator: files.separator.clone(),
                    files: listed::listed(files, folder)?,
                    section: None,
                },
            ),
            CorpusSource::Grammar(grammar) => cache::grammar(cache, grammar),
        }
    }
}

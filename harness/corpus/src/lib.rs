//! Corpora: text split into training and validation parts that share no block, hashed, and
//! tokenized once into a memory-mapped cache.

mod cache;
mod cargo;
mod error;
mod grammar;
mod listed;
mod split;
mod stream;
mod text;
mod windows;

use std::path::Path;

use isoflop_suite::{CorpusSource, Definition};

pub use cache::{Corpus, default_cache};
pub use error::CorpusError;
pub use grammar::Grammar;
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
            CorpusSource::Cargo(cargo) => cache::text(cache, &cargo::sources(cargo)?),
            CorpusSource::Files(files) => cache::text(cache, &listed::listed(files, folder)?),
            CorpusSource::Grammar(grammar) => cache::grammar(cache, grammar),
        }
    }
}

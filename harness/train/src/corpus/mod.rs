//! Corpora: text split into training and validation parts that share no block, hashed, and
//! tokenized once into a memory-mapped cache.

mod cache;
mod cargo;
mod files;
mod grammar;
mod split;
mod stream;

use std::path::{Path, PathBuf};

use isoflop_suite::{CorpusFacts, CorpusSource, Definition, Nats};
use sha2::{Digest, Sha256};

use crate::CorpusError;
pub use cache::default_cache;
pub use grammar::Grammar;
pub use stream::TokenStream;

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
            CorpusSource::Files(files) => cache::text(cache, &files::listed(files, folder)?),
            CorpusSource::Grammar(grammar) => cache::grammar(cache, grammar),
        }
    }
}

/// A file of text, by a name that is the same on every machine.
#[derive(Debug, Clone)]
struct TextFile {
    name: String,
    path: PathBuf,
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn sha256(text: &[u8]) -> String {
    hex(Sha256::digest(text))
}

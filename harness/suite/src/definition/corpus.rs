//! `[corpus]`: where the tokens come from.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::Tokens;

/// How bytes become tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenizer {
    /// A token is a byte of text.
    #[default]
    Bytes,
    /// A token is a symbol of a grammar: a letter, or the space that ends a word.
    Symbols,
}

/// What a plan needs to know of a corpus that has been prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct CorpusFacts {
    /// Hash of both parts' tokens: the corpus's identity, wherever its files lie.
    pub sha256: String,
    /// How its bytes became tokens.
    pub tokenizer: Tokenizer,
    /// Token ids run from 0 to below this.
    pub vocabulary: u64,
    /// Tokens that may be trained on.
    pub train_tokens: Tokens,
    /// Tokens held out.
    pub validation_tokens: Tokens,
    /// Bytes of text per token, for bits per byte.
    pub bytes_per_token: f64,
    /// Tokens of each document held out, in their order.
    pub held_out: Vec<Tokens>,
}

/// `[corpus]`: where the tokens come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusDefinition {
    /// Sources of the locked dependencies.
    pub cargo: Option<CargoCorpus>,
    /// Any text files or folders.
    pub files: Option<FilesCorpus>,
    /// A synthetic language of known entropy rate.
    pub grammar: Option<GrammarCorpus>,
    /// How text becomes tokens: `bytes` for text, `symbols` for a grammar.
    pub tokenizer: Option<Spanned<Tokenizer>>,
    /// How often a run may pass over the training part. Repeated data is worth less than new
    /// data (Muennighoff et al. 2023, arXiv:2305.16264), so passing once is the default.
    #[serde(default = "one")]
    pub max_epochs: f64,
}

/// The corpus a definition chose.
#[derive(Debug, Clone, Copy)]
pub enum CorpusSource<'a> {
    /// Sources of the locked dependencies.
    Cargo(&'a CargoCorpus),
    /// Any text files or folders.
    Files(&'a FilesCorpus),
    /// A synthetic language of known entropy rate.
    Grammar(&'a GrammarCorpus),
}

impl CorpusDefinition {
    /// The tokenizer that fits the corpus.
    pub fn tokenizer(&self) -> Tokenizer {
        match self.grammar {
            Some(_) => Tokenizer::Symbols,
            None => Tokenizer::Bytes,
        }
    }

    /// The one corpus given, or `None` where none or several are.
    pub fn chosen(&self) -> Option<CorpusSource<'_>> {
        match (&self.cargo, &self.files, &self.grammar) {
            (Some(cargo), None, None) => Some(CorpusSource::Cargo(cargo)),
            (None, Some(files), None) => Some(CorpusSource::Files(files)),
            (None, None, Some(grammar)) => Some(CorpusSource::Grammar(grammar)),
            _ => None,
        }
    }
}

/// `[corpus.cargo]`: the Rust sources of dependencies this program was locked to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CargoCorpus {
    /// Packages, read in this order; each at the version in `Cargo.lock`.
    pub crates: Vec<String>,
}

/// `[corpus.files]`: text files, or folders whose files are all read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesCorpus {
    /// Relative to the definition's folder.
    pub paths: Vec<String>,
    /// What lies between the documents of a file, such as an empty line; a file is one document where nothing is said.
    pub separator: Option<String>,
}

/// `[corpus.grammar]`: words drawn from Zipf-like lexicons whose classes follow each other as a
/// Markov chain. Its entropy rate is known exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrammarCorpus {
    /// Words of the language, shared out over the classes; any number, for no table of them is kept.
    pub words: u64,
    /// A word of rank k in its class has a probability in proportion to `k^-zipf`.
    pub zipf: f64,
    /// Word classes; what class follows is a Markov chain.
    #[serde(default = "one_class")]
    pub classes: u64,
    /// Letters that words are spelled with, from 2 to 26.
    #[serde(default = "alphabet")]
    pub letters: u64,
    /// Training tokens to generate.
    pub tokens: Tokens,
    /// Validation tokens to generate.
    pub validation_tokens: Tokens,
    /// Seed of lexicon, chain and text.
    #[serde(default)]
    pub seed: u64,
}

fn one() -> f64 {
    1.0
}

fn one_class() -> u64 {
    1
}

fn alphabet() -> u64 {
    26
}

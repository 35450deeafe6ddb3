//! `[corpus]`: where the tokens come from.

use std::ops::{Range, RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::ValidationFacts;
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
    /// Byte pairs, of a vocabulary trained on the training part.
    BytePairs,
    /// What a `tokenizer.json` makes of text.
    File,
    /// Tokens as they were found, in shards.
    Shards,
}

/// How a definition wants its text made into tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTokens {
    /// A token is a byte.
    Bytes,
    /// Byte pairs, with a vocabulary of this size trained on the training part.
    BytePairs(u64),
    /// By a `tokenizer.json`, relative to the definition's folder.
    File(String),
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
    /// Bytes of text per token, for bits per byte, where that is known.
    pub bytes_per_token: Option<f64>,
    /// Tokens of each document held out, in their order.
    pub held_out: Vec<Tokens>,
    /// Further texts that models are scored on.
    pub sets: Vec<ValidationFacts>,
}

/// `[corpus]`: where the tokens come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorpusDefinition {
    /// Sources of the locked dependencies.
    pub cargo: Option<CargoCorpus>,
    /// Any text files or folders.
    pub files: Option<FilesCorpus>,
    /// A dataset of the Hugging Face hub.
    pub hub: Option<HubCorpus>,
    /// Shards of tokens that somebody made.
    pub shards: Option<ShardsCorpus>,
    /// A synthetic language of known entropy rate.
    pub grammar: Option<GrammarCorpus>,
    /// How text becomes tokens: `bytes`, or the path of a `tokenizer.json`; a grammar has `symbols`.
    #[schemars(with = "Option<String>")]
    pub tokenizer: Option<Spanned<String>>,
    /// Byte pairs with a vocabulary of this size, trained on the training part of the text.
    #[schemars(with = "Option<u64>")]
    pub vocabulary: Option<Spanned<u64>>,
    /// How often a run may pass over the training part. Repeated data is worth less than new
    /// data (Muennighoff et al. 2023, arXiv:2305.16264), so passing once is the default.
    #[serde(default = "one")]
    pub max_epochs: f64,
}

const NO_FIT: &str = "this tokenizer does not fit the corpus";
const SHARDS: &str = "shards are tokens already: `tokenizer` names the `tokenizer.json` that made them, or is left out";
const TOKENIZERS: &str = "text has `bytes`, or the path of a `tokenizer.json`; a grammar has `symbols`; leave it out to \
     have the right one";
/// Sizes of vocabularies that can be trained.
const VOCABULARIES: RangeInclusive<u64> = 257..=1 << 20;

/// The corpus a definition chose.
#[derive(Debug, Clone, Copy)]
pub enum CorpusSource<'a> {
    /// Sources of the locked dependencies.
    Cargo(&'a CargoCorpus),
    /// Any text files or folders.
    Files(&'a FilesCorpus),
    /// A dataset of the Hugging Face hub.
    Hub(&'a HubCorpus),
    /// Shards of tokens.
    Shards(&'a ShardsCorpus),
    /// A synthetic language of known entropy rate.
    Grammar(&'a GrammarCorpus),
}

impl CorpusDefinition {
    /// The tokenizer that fits the corpus.
    pub fn tokenizer(&self) -> Tokenizer {
        if self.grammar.is_some() {
            return Tokenizer::Symbols;
        }
        if self.shards.is_some() {
            return Tokenizer::Shards;
        }
        match self.text() {
            TextTokens::Bytes => Tokenizer::Bytes,
            TextTokens::BytePairs(_) => Tokenizer::BytePairs,
            TextTokens::File(_) => Tokenizer::File,
        }
    }

    /// How text becomes tokens.
    pub fn text(&self) -> TextTokens {
        match (&self.vocabulary, &self.tokenizer) {
            (Some(size), _) => TextTokens::BytePairs(*size.get_ref()),
            (None, Some(file)) if file.get_ref() != "bytes" => {
                TextTokens::File(file.get_ref().clone())
            }
            _ => TextTokens::Bytes,
        }
    }

    /// Why the tokenizer named is none for this corpus: where it stands, and what would be one.
    pub(super) fn wrong_tokenizer(&self) -> Option<(Range<usize>, &'static str, &'static str)> {
        let grammar = self.grammar.is_some();
        if let Some(size) = &self.vocabulary {
            let span = size.span();
            if grammar {
                return Some((span, NO_FIT, "a grammar has `symbols`: leave this out"));
            }
            if self.shards.is_some() {
                let help =
                    "shards are tokens already: their `vocabulary` stands in [corpus.shards]";
                return Some((span, NO_FIT, help));
            }
            if self.tokenizer.is_some() {
                let message = "the corpus has a tokenizer and a vocabulary to be trained";
                return Some((span, message, "keep one of the two"));
            }
            if !VOCABULARIES.contains(size.get_ref()) {
                let message = "`vocabulary` is out of range";
                let help = "it must be from 257, which are the bytes and the end of a document, to 1048576";
                return Some((span, message, help));
            }
        }
        let given = self.tokenizer.as_ref()?;
        if self.shards.is_some() {
            let is_file = given.get_ref().ends_with(".json");
            return (!is_file).then(|| (given.span(), NO_FIT, SHARDS));
        }
        let fits = match (grammar, given.get_ref().as_str()) {
            (true, word) => word == "symbols",
            (false, word) => word == "bytes" || word.ends_with(".json"),
        };
        (!fits).then(|| (given.span(), NO_FIT, TOKENIZERS))
    }

    /// The one corpus given, or `None` where none or several are.
    pub fn chosen(&self) -> Option<CorpusSource<'_>> {
        let all = [
            self.cargo.as_ref().map(CorpusSource::Cargo),
            self.files.as_ref().map(CorpusSource::Files),
            self.hub.as_ref().map(CorpusSource::Hub),
            self.shards.as_ref().map(CorpusSource::Shards),
            self.grammar.as_ref().map(CorpusSource::Grammar),
        ];
        let mut given = all.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }

    /// What shards do not say of their tokens: what is wrong, and what would be right.
    pub(super) fn unknown_tokens(&self) -> Option<(String, &'static str)> {
        let shards = self.shards.as_ref().filter(|_| self.tokenizer.is_none())?;
        match (shards.end, shards.vocabulary) {
            (Some(end), Some(vocabulary)) if end < vocabulary => None,
            (Some(end), Some(vocabulary)) => Some((
                format!("`end = {end}` is no token of a vocabulary of {vocabulary}"),
                "tokens are numbered from 0",
            )),
            _ => Some((
                "[corpus.shards] does not say which token ends a document, or how many tokens there are".to_owned(),
                "for GPT-2's tokens write `end = 50256` and `vocabulary = 50257`, or name the `tokenizer.json` in [corpus]",
            )),
        }
    }
}

/// `[corpus.cargo]`: the Rust sources of dependencies this program was locked to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CargoCorpus {
    /// Packages, read in this order; each at the version in `Cargo.lock`.
    pub crates: Vec<String>,
}

/// `[corpus.files]`: text files, or folders whose files are all read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesCorpus {
    /// Files, folders, or patterns such as `data/*.jsonl.zst`, relative to the definition's folder.
    pub paths: Vec<String>,
    /// What lies between the documents of a file, such as an empty line; a file is one document where nothing is said.
    pub separator: Option<String>,
    /// Of Parquet and JSON Lines, the column with the text; `text` where nothing is said.
    pub column: Option<String>,
}

/// `[corpus.hub]`: a dataset of the Hugging Face hub, which is downloaded once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubCorpus {
    /// Its name: `owner/dataset`.
    pub dataset: String,
    /// A commit, a tag or a branch; what a branch names is looked up once.
    #[serde(default = "main_branch")]
    pub revision: String,
    /// Which of its files are read, as patterns; all that may hold text where nothing is said.
    #[serde(default)]
    pub files: Vec<String>,
    /// What lies between the documents of a file, such as an empty line; a file is one document where nothing is said.
    pub separator: Option<String>,
    /// Of Parquet and JSON Lines, the column with the text; `text` where nothing is said.
    pub column: Option<String>,
}

/// `[corpus.shards]`: tokens as nanoGPT, llm.c and OLMo write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardsCorpus {
    /// Files, folders, or patterns such as `data/train_*.bin`, relative to the definition's folder.
    pub paths: Vec<String>,
    /// What a token is kept as, where the file does not say it: `u16`, or `u32` of a vocabulary that needs it.
    pub dtype: Option<TokenType>,
    /// The token that ends a document, or begins it.
    pub end: Option<u64>,
    /// Tokens are numbers from 0 to below this.
    pub vocabulary: Option<u64>,
}

/// What a token is kept as, the least significant byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// One byte.
    U8,
    /// Two bytes, as nanoGPT and OLMo have them.
    U16,
    /// Four bytes.
    U32,
}

/// `[corpus.grammar]`: words drawn from Zipf-like lexicons whose classes follow each other as a
/// Markov chain. Its entropy rate is known exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

fn main_branch() -> String {
    "main".to_owned()
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

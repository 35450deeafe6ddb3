//! What models are scored on: documents held out of a corpus, and named validation sets beside it.

use isoflop_suite::Nats;
use serde::{Deserialize, Serialize};

use crate::TokenStream;
use crate::documents::Census;

/// A document of the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// A hash of its text: the same wherever its file lies.
    pub id: String,
    /// The name of its file, with its row where it has one; of a generated text nothing.
    pub name: String,
    /// Its first token in the stream.
    pub start: u64,
    /// Its tokens, with the one that ends it.
    pub tokens: u64,
    /// Bytes of its text, and one for its end; of shards whose tokenizer is not known 0.
    pub bytes: u64,
    /// What the exact language loses on all its tokens together, where the language is known.
    pub oracle: Option<Nats>,
}

/// A named validation set: a text that nothing is trained on, in the tokens of a corpus.
#[derive(Debug)]
pub struct ValidationSet {
    /// Its name.
    pub name: String,
    /// What became of its documents, and how much of it is trained on as well.
    pub census: Census,
    /// Its documents, in their order in the stream.
    pub documents: Vec<HeldOut>,
    /// Its tokens.
    pub tokens: TokenStream,
}

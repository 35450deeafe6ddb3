//! Corpora: documents split into training and validation parts, hashed, and tokenized once into a
//! memory-mapped cache.

mod cache;
mod cargo;
mod documents;
mod encode;
mod error;
mod grammar;
mod grouped;
mod groups;
mod held_out;
#[cfg(feature = "hub")]
mod hub;
mod leak;
mod listed;
mod part;
mod permute;
mod prepare;
mod reader;
mod rows;
mod shards;
mod source;
mod stream;
mod text;
mod texts;
#[cfg(feature = "tokenizers")]
mod vocabulary;
#[cfg(not(feature = "tokenizers"))]
#[path = "no_vocabulary.rs"]
mod vocabulary;
mod windows;
mod zipf;

pub use cache::{Corpus, default_cache};
pub use documents::Census;
pub use error::CorpusError;
pub use grammar::Grammar;
pub use held_out::{HeldOut, ValidationSet};
pub use stream::TokenStream;
pub use windows::Windows;

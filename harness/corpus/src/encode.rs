//! From text to tokens: bytes, byte pairs of a vocabulary trained on the training part, or a tokenizer that somebody has.

use std::path::PathBuf;

use isoflop_files::sha256;
use isoflop_suite::Tokenizer;

use crate::vocabulary::Vocabulary;
use crate::{CorpusError, TokenStream};

/// How text becomes tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// A token is a byte.
    Bytes,
    /// Byte pairs, with a vocabulary of this size.
    BytePairs(u64),
    /// A `tokenizer.json`.
    File(PathBuf),
}

impl Encoding {
    pub fn tokenizer(&self) -> Tokenizer {
        match self {
            Encoding::Bytes => Tokenizer::Bytes,
            Encoding::BytePairs(_) => Tokenizer::BytePairs,
            Encoding::File(_) => Tokenizer::File,
        }
    }

    /// What tells it from others.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn key(&self) -> Result<String, CorpusError> {
        Ok(match self {
            Encoding::Bytes => "bytes".to_owned(),
            Encoding::BytePairs(vocabulary) => format!("byte-pairs {vocabulary}"),
            Encoding::File(path) => sha256(&std::fs::read(path).map_err(CorpusError::io(path))?),
        })
    }

    /// What makes its tokens of a text; nothing of bytes, which are tokens as they are.
    ///
    /// # Errors
    /// If the tokenizer cannot be read or trained.
    pub fn vocabulary(&self, train: &TokenStream) -> Result<Option<Vocabulary>, CorpusError> {
        match self {
            Encoding::Bytes => Ok(None),
            Encoding::BytePairs(size) => Vocabulary::trained(train.bytes(), *size).map(Some),
            Encoding::File(path) => Vocabulary::read(path).map(Some),
        }
    }
}

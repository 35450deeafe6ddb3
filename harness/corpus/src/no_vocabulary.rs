//! What stands for tokenizers in a program that is built without them.

use std::path::Path;

use crate::part::Encoded;
use crate::{CorpusError, HeldOut, TokenStream};

/// There is none.
pub enum Vocabulary {}

impl Vocabulary {
    pub fn trained(_: &[u8], _: u64) -> Result<Self, CorpusError> {
        Err(missing())
    }

    pub fn trained_before(_: &Path) -> Result<Self, CorpusError> {
        Err(missing())
    }

    pub fn read(_: &Path) -> Result<Self, CorpusError> {
        Err(missing())
    }

    pub fn encode(
        &self,
        _: &Path,
        _: &TokenStream,
        _: &TokenStream,
        _: Vec<HeldOut>,
    ) -> Result<Encoded, CorpusError> {
        match *self {}
    }

    pub fn end(&self) -> u32 {
        match *self {}
    }

    pub fn size(&self) -> u64 {
        match *self {}
    }

    pub fn text_bytes(&self, _: &[u32]) -> Result<u64, CorpusError> {
        match *self {}
    }
}

fn missing() -> CorpusError {
    CorpusError::Tokenizer(
        "this program was built without tokenizers\n  help: build it with its default features"
            .to_owned(),
    )
}

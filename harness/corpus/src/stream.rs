//! Tokens in a file, mapped into memory: ten gigabytes of text need no ten gigabytes of memory.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::CorpusError;

/// A stream of tokens, one byte each.
#[derive(Debug)]
pub struct TokenStream(Mmap);

impl TokenStream {
    /// Maps a file of tokens.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped, or is empty.
    pub fn open(path: &Path) -> Result<Self, CorpusError> {
        let file = File::open(path).map_err(CorpusError::io(path))?;
        // SAFETY: cached corpora are published by rename and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(CorpusError::io(path))?;
        Ok(TokenStream(map))
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens at these positions.
    pub fn tokens(&self, range: Range<usize>) -> &[u8] {
        &self.0[range]
    }
}

//! Tokens in a file, mapped into memory: ten gigabytes of text need no ten gigabytes of memory.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::CorpusError;

/// Bytes that a token is kept in, the least significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Width {
    One = 1,
    Two = 2,
    Four = 4,
}

impl Width {
    /// What holds every token of a vocabulary.
    pub fn of(vocabulary: u64) -> Self {
        match vocabulary {
            ..=0x100 => Width::One,
            0x101..=0x1_0000 => Width::Two,
            _ => Width::Four,
        }
    }

    /// The tokens that bytes hold.
    pub fn tokens(self, bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
        bytes.chunks_exact(self as usize).map(|token| {
            let all = token.iter().rev();
            all.fold(0, |value, byte| value << 8 | u32::from(*byte))
        })
    }

    /// Appends a token.
    pub fn push(self, token: u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&token.to_le_bytes()[..self as usize]);
    }
}

impl From<Width> for u8 {
    fn from(width: Width) -> u8 {
        width as u8
    }
}

impl TryFrom<u8> for Width {
    type Error = String;

    fn try_from(bytes: u8) -> Result<Self, String> {
        match bytes {
            1 => Ok(Width::One),
            2 => Ok(Width::Two),
            4 => Ok(Width::Four),
            other => Err(format!("no token has {other} bytes")),
        }
    }
}

/// What the tokens of documents are kept as before they are encoded, and which one ends a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    pub width: Width,
    /// Ends a document's text, and begins every part.
    pub end: u32,
    /// Whether the tokens are the bytes of a text.
    pub is_text: bool,
}

impl Coding {
    /// Text, of which no document holds a zero byte.
    pub const TEXT: Coding = Coding {
        width: Width::One,
        end: 0,
        is_text: true,
    };

    /// The end, as it is kept.
    pub fn end(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.width.push(self.end, &mut bytes);
        bytes
    }
}

/// A stream of tokens.
#[derive(Debug)]
pub struct TokenStream {
    map: Mmap,
    width: Width,
}

impl TokenStream {
    /// Maps a file of tokens.
    ///
    /// # Errors
    /// If the file cannot be opened or mapped, or is empty.
    pub fn open(path: &Path, width: Width) -> Result<Self, CorpusError> {
        let file = File::open(path).map_err(CorpusError::io(path))?;
        // SAFETY: cached corpora are published by rename and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(CorpusError::io(path))?;
        Ok(TokenStream { map, width })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.map.len() / self.width as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens at these positions.
    pub fn tokens(&self, range: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let width = self.width as usize;
        self.width
            .tokens(&self.map[range.start * width..range.end * width])
    }

    /// The bytes that all of them are kept in.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}

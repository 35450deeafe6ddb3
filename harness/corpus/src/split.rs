//! Splits a stream of text into training and validation parts that share no block.
//!
//! A block goes to one part by the hash of what it holds. Two equal blocks go the same way, so
//! text that repeats (a licence, a vendored file) is never trained on and scored as well.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

/// Bytes of a block. Long against a sequence, so that few sequences straddle two blocks.
pub const BLOCK: usize = 16 * 1024;

/// One block in this many is held out.
const HELD_OUT: u64 = 20;

/// Whether a block is held out for validation.
pub fn held_out(block: &[u8]) -> bool {
    let digest = Sha256::digest(block);
    let number = u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"));
    number.is_multiple_of(HELD_OUT)
}

/// Writes blocks to the two parts as text comes in.
pub struct Splitter<W> {
    train: W,
    validation: W,
    block: Vec<u8>,
}

impl<W: Write> Splitter<W> {
    pub fn new(train: W, validation: W) -> Self {
        Splitter {
            train,
            validation,
            block: Vec::with_capacity(BLOCK),
        }
    }

    /// Reads all of `text`, then a zero byte that ends the document.
    pub fn document(&mut self, mut text: impl Read) -> io::Result<()> {
        loop {
            let room = BLOCK - self.block.len();
            let read = text
                .by_ref()
                .take(room as u64)
                .read_to_end(&mut self.block)?;
            if self.block.len() == BLOCK {
                self.flush_block()?;
            }
            if read < room {
                break;
            }
        }
        self.block.push(0);
        if self.block.len() == BLOCK {
            self.flush_block()?;
        }
        Ok(())
    }

    fn flush_block(&mut self) -> io::Result<()> {
        let part = if held_out(&self.block) {
            &mut self.validation
        } else {
            &mut self.train
        };
        part.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// Writes the last, shorter block and hands the writers back.
    pub fn finish(mut self) -> io::Result<(W, W)> {
        self.flush_block()?;
        Ok((self.train, self.validation))
    }
}

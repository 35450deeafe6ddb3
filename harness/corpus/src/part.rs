//! A part of a corpus while it is written: its file and its hash, which other threads make.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use isoflop_files::{OpenFile, Opening, disk};
use sha2::digest::Output;
use sha2::{Digest, Sha256};

use crate::{CorpusError, HeldOut};

/// Bytes that are written and hashed at once.
const BLOCK: usize = 1 << 20;
/// Blocks that wait for a thread, at most.
const WAITING: usize = 4;
/// Blocks after which the disk begins to keep them.
const HASTE: u64 = 32;

/// A part's file. What is written to it is hashed on the way.
#[derive(Debug)]
pub struct PartFile {
    block: Vec<u8>,
    /// Bytes so far.
    pub bytes: u64,
    to_write: SyncSender<Vec<u8>>,
    /// Blocks that were hashed, to be filled again.
    used: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<io::Result<Box<dyn OpenFile>>>>,
    hasher: Option<JoinHandle<Output<Sha256>>>,
}

impl PartFile {
    /// A new file of a part.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(folder: &Path, name: &str) -> Result<Self, CorpusError> {
        let path = folder.join(format!("{name}.tokens"));
        let file = disk().open(&path, Opening::New);
        let mut file = file.map_err(CorpusError::io(&path))?;
        let (to_write, written) = sync_channel::<Vec<u8>>(WAITING);
        let (to_hash, hashed) = sync_channel::<Vec<u8>>(WAITING);
        let (back, used) = channel();
        let writer = std::thread::spawn(move || {
            for (number, block) in (1..).zip(written) {
                file.write_all(&block)?;
                if number % HASTE == 0 {
                    file.begin_sync();
                }
                // The other thread takes all that comes.
                let _ = to_hash.send(block);
            }
            Ok(file)
        });
        let hasher = std::thread::spawn(move || {
            let mut digest = Sha256::new();
            for block in hashed {
                digest.update(&block);
                // At the end nobody waits for it.
                let _ = back.send(block);
            }
            digest.finalize()
        });
        Ok(PartFile {
            block: Vec::with_capacity(BLOCK),
            bytes: 0,
            to_write,
            used,
            writer: Some(writer),
            hasher: Some(hasher),
        })
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let mut next = self.used.try_recv().unwrap_or_default();
        next.clear();
        let block = std::mem::replace(&mut self.block, next);
        match self.to_write.send(block) {
            Ok(()) => Ok(()),
            // The writer has ended, and says why.
            Err(_) => self.written().map(|_| ()),
        }
    }

    fn written(&mut self) -> io::Result<Box<dyn OpenFile>> {
        let gone = || io::Error::other("the thread that writes is gone");
        let writer = self.writer.take().ok_or_else(gone)?;
        writer.join().map_err(|_| gone())?
    }

    /// Makes it last, and gives its hash.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn finish(mut self) -> io::Result<Output<Sha256>> {
        if !self.block.is_empty() {
            self.pass_on()?;
        }
        self.nothing_more_comes();
        self.written()?.sync()?;
        let hash = self.hasher.take().map(JoinHandle::join);
        let gone = || io::Error::other("the thread that hashes is gone");
        hash.and_then(Result::ok).ok_or_else(gone)
    }

    fn nothing_more_comes(&mut self) {
        self.to_write = sync_channel(0).0;
    }
}

impl Drop for PartFile {
    /// Waits for its threads: where a corpus fails, its folder is removed next, and a file that is open still would
    /// stay behind on a network disk.
    fn drop(&mut self) {
        self.nothing_more_comes();
        let _ = self.writer.take().map(JoinHandle::join);
        let _ = self.hasher.take().map(JoinHandle::join);
    }
}

impl Write for PartFile {
    fn write(&mut self, tokens: &[u8]) -> io::Result<usize> {
        let taken = tokens.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&tokens[..taken]);
        self.bytes += taken as u64;
        if self.block.len() == BLOCK {
            self.pass_on()?;
        }
        Ok(taken)
    }

    /// Nothing: what is written is there when it is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Closes both parts and gives the corpus's hash.
///
/// # Errors
/// If one is empty, or the disk refuses.
pub fn finish(folder: &Path, train: PartFile, validation: PartFile) -> Result<String, CorpusError> {
    if train.bytes == 0 || validation.bytes == 0 {
        return Err(CorpusError::TooSmall {
            bytes: train.bytes + validation.bytes,
        });
    }
    let hashes =
        [train.finish(), validation.finish()].map(|it| it.map_err(CorpusError::io(folder)));
    let [train, validation] = hashes;
    Ok(of_parts([train?, validation?]))
}

/// A corpus's hash, from those of its parts.
pub fn of_parts(hashes: [Output<Sha256>; 2]) -> String {
    let mut all = Sha256::new();
    for hash in hashes {
        all.update(hash);
    }
    hex::encode(all.finalize())
}

/// Parts that are written as tokens.
#[derive(Debug)]
pub struct Encoded {
    pub sha256: String,
    pub vocabulary: u64,
    pub held_out: Vec<HeldOut>,
}

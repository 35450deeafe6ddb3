//! Which documents go the same way. Copies are left out but for the first; documents that share a long passage, at
//! whatever places in them, are one group, so that no licence is trained on and scored.
//!
//! Passages are found by content-defined chunks (FastCDC, Xia et al. 2020): where a chunk ends depends on the bytes around
//! alone, so that a passage falls into the same chunks wherever it stands, but for its first and last ones.

use std::collections::{HashMap, HashSet};

use fastcdc::v2020::FastCDC;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_64;

use crate::permute::mix;

/// Of a corpus up to this many bytes all chunks are small; of a larger one there would be too many to remember.
const SMALL: u64 = 256 << 20;

/// Mean chunks of a passage.
const PASSAGE: usize = 4;

/// Groups that are held out at least, where there are twice as many.
const LEAST_GROUPS: usize = 2;

/// Documents as they come, and what they share.
#[derive(Debug)]
pub struct Groups {
    /// Mean size of a chunk.
    chunk: usize,
    documents: Vec<Member>,
    /// The document that was first with a text.
    texts: HashMap<[u8; 16], u32>,
    /// The document that was first with a passage.
    passages: HashMap<u64, u32>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    /// Another of its group; itself where it stands for the group.
    of: u32,
    bytes: u64,
    /// Of its text.
    hash: u64,
    is_copy: bool,
}

/// What is looked at of a document.
#[derive(Debug)]
pub struct Fingerprint {
    bytes: u64,
    /// Half of the SHA-256 of its text.
    text: [u8; 16],
    /// Hashes of its passages, one from each chunk on.
    passages: Vec<u64>,
}

impl Fingerprint {
    /// Of a text in chunks of this mean size.
    pub fn of(text: &[u8], chunk: usize) -> Self {
        let digest = Sha256::digest(text);
        Fingerprint {
            bytes: text.len() as u64,
            text: digest[..16].try_into().expect("sixteen bytes"),
            passages: passages(text, chunk),
        }
    }
}

fn passages(text: &[u8], chunk: usize) -> Vec<u64> {
    let chunks = FastCDC::new(text, chunk / 4, chunk, 4 * chunk);
    let chunks: Vec<Chunk> = chunks
        .map(|chunk| {
            let end = chunk.offset + chunk.length;
            Chunk {
                start: chunk.offset,
                end,
                hash: XxHash3_64::oneshot(&text[chunk.offset..end]),
            }
        })
        .collect();
    let mut last = 0;
    let mut passages = Vec::new();
    for (first, from) in chunks.iter().enumerate() {
        while last < chunks.len() && chunks[last].end - from.start < PASSAGE * chunk {
            last += 1;
        }
        if last == chunks.len() {
            break;
        }
        let together = chunks[first..=last].iter();
        passages.push(together.fold(0, |all: u64, chunk| mix(all ^ chunk.hash)));
    }
    passages
}

/// A piece of a document that ends where its content says.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    start: usize,
    end: usize,
    hash: u64,
}

/// Where a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Train,
    /// Held out for validation.
    HeldOut,
    /// Nowhere: the same text came before.
    Copy,
}

/// The parts of documents.
#[derive(Debug)]
pub struct Parts {
    /// Of each, in the order in which they came.
    pub of: Vec<Part>,
    /// Groups of documents.
    pub groups: u64,
}

impl Groups {
    /// Of a corpus of about so many bytes.
    pub fn new(bytes: u64) -> Self {
        Groups {
            chunk: if bytes > SMALL { 1024 } else { 256 },
            documents: Vec::new(),
            texts: HashMap::new(),
            passages: HashMap::new(),
        }
    }

    /// Mean bytes of a chunk.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Bytes of a passage that makes a group of the documents that share it.
    pub fn passage(&self) -> usize {
        PASSAGE * self.chunk
    }

    /// Documents so far, copies among them.
    pub fn documents(&self) -> u64 {
        self.documents.len() as u64
    }

    /// Bytes of all documents so far.
    pub fn bytes(&self) -> u64 {
        self.documents.iter().map(|it| it.bytes).sum()
    }

    /// Takes the next documents, which are looked at on all processors.
    pub fn add_all(&mut self, texts: &[&[u8]]) {
        let prints: Vec<Fingerprint> = texts
            .par_iter()
            .map(|text| Fingerprint::of(text, self.chunk))
            .collect();
        prints.into_iter().for_each(|print| self.take(print));
    }

    /// Takes a document, and joins it with those that have one of its passages.
    pub fn take(&mut self, print: Fingerprint) {
        let number = self.documents.len() as u32;
        let first = *self.texts.entry(print.text).or_insert(number);
        self.documents.push(Member {
            of: number,
            bytes: print.bytes,
            hash: u64::from_le_bytes(print.text[..8].try_into().expect("eight bytes")),
            is_copy: first != number,
        });
        if first != number {
            return;
        }
        for passage in print.passages {
            let before = *self.passages.entry(passage).or_insert(number);
            self.join(before, number);
        }
    }

    fn root(&mut self, mut number: u32) -> u32 {
        while self.documents[number as usize].of != number {
            // Each step halves the way for the next one (Tarjan and van Leeuwen 1984).
            let next = self.documents[number as usize].of;
            self.documents[number as usize].of = self.documents[next as usize].of;
            number = next;
        }
        number
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.documents[a.max(b) as usize].of = a.min(b);
    }

    /// All documents held out, as of a text that nothing is trained on.
    pub fn all(mut self) -> Parts {
        let own = (0..self.documents.len()).filter(|at| !self.documents[*at].is_copy);
        let own: Vec<u32> = own.map(|at| at as u32).collect();
        let roots = own.into_iter().map(|number| self.root(number));
        let groups = roots.collect::<HashSet<u32>>().len() as u64;
        let part = |member: &Member| match member.is_copy {
            true => Part::Copy,
            false => Part::HeldOut,
        };
        Parts {
            of: self.documents.iter().map(part).collect(),
            groups,
        }
    }

    /// Holds out about this share of the bytes: groups in the order of their hashes, and none that would be far more
    /// than that. Which groups these are depends on the texts, and on no name and no order.
    pub fn split(mut self, share: f64) -> Parts {
        /// Times the bytes wanted that are held out at most.
        const ROOM: f64 = 1.25;
        let roots: Vec<u32> = (0..self.documents.len() as u32)
            .map(|number| self.root(number))
            .collect();
        let mut groups: HashMap<u32, (u64, u64)> = HashMap::new();
        for (member, root) in self.documents.iter().zip(&roots) {
            if !member.is_copy {
                // The hash of a group is the sum of its members', and as evenly spread as that of one document: their least
                // would put large groups first.
                let (hash, bytes) = groups.entry(*root).or_insert((0, 0));
                *hash = member.hash.wrapping_add(*hash);
                *bytes += member.bytes;
            }
        }
        let total: u64 = groups.values().map(|(_, bytes)| bytes).sum();
        let wanted = share * total as f64;
        let mut order: Vec<(u64, u64, u32)> = groups
            .iter()
            .map(|(root, (hash, bytes))| (*hash, *bytes, *root))
            .collect();
        order.sort_unstable();
        let (mut held, mut chosen) = (0.0, Vec::new());
        for (_, bytes, root) in &order {
            let with = held + *bytes as f64;
            if with <= ROOM * wanted && held < wanted {
                held = with;
                chosen.push(*root);
            }
        }
        if chosen.len() < LEAST_GROUPS && order.len() > 2 * LEAST_GROUPS {
            // What is wanted is less than what tells how sure a loss is: the smallest of the others as well.
            order.sort_unstable_by_key(|(hash, bytes, _)| (*bytes, *hash));
            for (.., root) in order {
                if chosen.len() < LEAST_GROUPS && !chosen.contains(&root) {
                    chosen.push(root);
                }
            }
        }
        chosen.sort_unstable();
        let part = |(member, root): (&Member, &u32)| match member {
            Member { is_copy: true, .. } => Part::Copy,
            _ if chosen.binary_search(root).is_ok() => Part::HeldOut,
            _ => Part::Train,
        };
        Parts {
            of: self.documents.iter().zip(&roots).map(part).collect(),
            groups: groups.len() as u64,
        }
    }
}

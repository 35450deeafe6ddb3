//! What of the held-out text was trained on: measured, and not assumed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use twox_hash::XxHash3_64;

use crate::permute::mix;
use crate::stream::{Coding, Width};

/// Bytes of a run that counts: no sentence or line of code stands twice by chance that is so long.
pub const RUN: usize = 50;
/// Held-out bytes that are looked for; of more than this as many of the first.
const SAMPLE: usize = 1 << 20;
/// Bits of the filter that tells most grams to be new, for each held-out token.
const BITS: usize = 16;
/// The base of the runs' hashes, an odd number without a pattern.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Tokens of a run in shards: some fifty bytes of text.
pub const RUN_OF_TOKENS: usize = 12;

/// How long a run is that counts.
pub fn run(coding: Coding) -> usize {
    if coding.is_text { RUN } else { RUN_OF_TOKENS }
}

/// The share of the held-out text in runs of [`RUN`] bytes, within a document, that stand in the training text as well,
/// which is read piece by piece; of shards in runs of [`RUN_OF_TOKENS`] tokens.
pub fn leak(train: &Path, held_out: &[u8], coding: Coding) -> io::Result<f64> {
    let width = coding.width as usize;
    let tokens = fs::metadata(train)?.len() as usize / width;
    let runs = Runs {
        length: run(coding),
        end: coding.end,
        width: coding.width,
    };
    runs.shared(tokens, held_out, |piece| {
        let mut file = File::open(train)?;
        file.seek(SeekFrom::Start((piece.start * width) as u64))?;
        let mut bytes = vec![0; piece.len() * width];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    })
}

/// What runs are looked for: so many tokens without an end among them.
#[derive(Debug, Clone, Copy)]
struct Runs {
    length: usize,
    end: u32,
    /// What a token is kept in.
    width: Width,
}

/// The hashes of the held-out text that are looked for, as bits: where one is not set, none of them is there.
struct Filter {
    bits: Vec<u64>,
    mask: u64,
}

impl Filter {
    fn of(hashes: impl Iterator<Item = u64>, count: usize) -> Self {
        let mask = (BITS * count).next_power_of_two().max(64) as u64 - 1;
        let mut filter = Filter {
            bits: vec![0; (mask as usize + 1) / 64],
            mask,
        };
        for hash in hashes {
            let (word, bit) = filter.place(hash);
            filter.bits[word] |= bit;
        }
        filter
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let bit = (hash ^ (hash >> 32)) & self.mask;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.bits[word] & bit != 0
    }
}

impl Runs {
    /// Tokens of a gram. Whatever run of a text has one that begins at a multiple of [`Runs::stride`].
    fn gram(self) -> usize {
        self.length.div_ceil(2)
    }

    /// Tokens between the grams that are looked at.
    fn stride(self) -> usize {
        self.length - self.gram() + 1
    }

    /// Of training text of so many tokens, of which `read` gives the bytes of a piece. Only around grams that the held-out text
    /// has as well are runs looked at.
    fn shared(
        self,
        tokens: usize,
        held_out: &[u8],
        read: impl Fn(Range<usize>) -> io::Result<Vec<u8>> + Sync,
    ) -> io::Result<f64> {
        let held_out: Vec<u32> = self.width.tokens(held_out).take(SAMPLE).collect();
        let mut ends: HashMap<u64, Vec<usize>> = HashMap::new();
        for (end, hash) in self.of(&held_out) {
            ends.entry(hash).or_default().push(end);
        }
        if ends.is_empty() {
            return Ok(0.0);
        }
        let mut bytes = Vec::new();
        held_out
            .iter()
            .for_each(|token| self.width.push(*token, &mut bytes));
        let width = self.width as usize;
        let grams = bytes.windows(self.gram() * width).step_by(width);
        let filter = Filter::of(grams.map(XxHash3_64::oneshot), held_out.len());
        const PIECE: usize = 1 << 22;
        let found: Vec<HashSet<u64>> = (0..tokens.div_ceil(PIECE))
            .into_par_iter()
            .map(|piece| {
                let end = ((piece + 1) * PIECE + self.length - 1).min(tokens);
                let bytes = read(piece * PIECE..end)?;
                Ok(self.found(&bytes, &filter, &ends))
            })
            .collect::<io::Result<_>>()?;
        let mut seen = vec![false; held_out.len()];
        for hash in found.into_iter().flatten() {
            for end in &ends[&hash] {
                seen[end + 1 - self.length..=*end].fill(true);
            }
        }
        let text = held_out.iter().filter(|it| **it != self.end).count();
        Ok(seen.iter().filter(|seen| **seen).count() as f64 / text as f64)
    }

    /// The hashes of a text's runs that are among those that are looked for.
    fn found(self, bytes: &[u8], filter: &Filter, ends: &HashMap<u64, Vec<usize>>) -> HashSet<u64> {
        let width = self.width as usize;
        let tokens = bytes.len() / width;
        let mut found = HashSet::new();
        // Up to where runs have been looked at.
        let mut done = 0;
        let grams = bytes
            .windows(self.gram() * width)
            .step_by(self.stride() * width);
        for (at, gram) in grams.enumerate() {
            if !filter.may_have(XxHash3_64::oneshot(gram)) {
                continue;
            }
            let gram = at * self.stride();
            let from = (gram + self.gram()).saturating_sub(self.length).max(done);
            let to = (gram + self.length).min(tokens);
            let around: Vec<u32> = self
                .width
                .tokens(&bytes[from * width..to * width])
                .collect();
            let known = self.of(&around).map(|(_, hash)| hash);
            found.extend(known.filter(|hash| ends.contains_key(hash)));
            // The next run begins one token after the last that was looked at.
            done = (to + 1).saturating_sub(self.length).max(done);
        }
        found
    }

    /// Every run: where its last token stands, and its hash.
    fn of(self, text: &[u32]) -> impl Iterator<Item = (usize, u64)> {
        let oldest = (0..self.length).fold(1u64, |power, _| power.wrapping_mul(BASE));
        let (mut hash, mut length) = (0u64, 0);
        text.iter().enumerate().filter_map(move |(end, token)| {
            if *token == self.end {
                (hash, length) = (0, 0);
                return None;
            }
            hash = hash.wrapping_mul(BASE).wrapping_add((*token).into());
            length += 1;
            if length > self.length {
                let first: u64 = text[end - self.length].into();
                hash = hash.wrapping_sub(oldest.wrapping_mul(first));
            }
            (length >= self.length).then_some((end, mix(hash)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Run by run, as it is written.
    fn plainly(train: &[u8], held_out: &[u8]) -> f64 {
        let known: Vec<&[u8]> = train.windows(RUN).filter(|run| !run.contains(&0)).collect();
        let mut seen = vec![false; held_out.len()];
        for (start, run) in held_out.windows(RUN).enumerate() {
            if known.contains(&run) {
                seen[start..start + RUN].fill(true);
            }
        }
        let text = held_out.iter().filter(|byte| **byte != 0).count();
        seen.iter().filter(|it| **it).count() as f64 / text.max(1) as f64
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(
            train in prop::collection::vec(0u8..3, 0..600),
            own in prop::collection::vec(0u8..3, 1..200),
            from in 0usize..500,
            length in 0usize..120,
        ) {
            let copied = &train[from.min(train.len())..(from + length).min(train.len())];
            let held_out = [&own[..], copied, &own[..]].concat();
            let runs = Runs { length: RUN, end: 0, width: Width::One };
            let found = runs.shared(train.len(), &held_out, |piece| Ok(train[piece].to_vec())).unwrap();
            prop_assert_eq!(found, plainly(&train, &held_out));
        }
    }
}

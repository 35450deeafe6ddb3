//! What of the held-out text was trained on: measured, and not assumed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use crate::permute::mix;
use crate::stream::Coding;

/// Bytes of a run that counts: no sentence or line of code stands twice by chance that is so long.
pub const RUN: usize = 50;
/// Held-out bytes that are looked for; of more than this as many of the first.
const SAMPLE: usize = 1 << 20;
/// Bits of the filter that tells most runs to be new, for each held-out byte.
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
    let read = |piece: Range<usize>| {
        let mut file = File::open(train)?;
        file.seek(SeekFrom::Start((piece.start * width) as u64))?;
        let mut bytes = vec![0; piece.len() * width];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let length = run(coding);
    if coding.is_text {
        return shared(tokens, held_out, Runs { length, end: 0 }, read);
    }
    let wide = |bytes: &[u8]| coding.width.tokens(bytes).collect::<Vec<u32>>();
    let runs = Runs {
        length,
        end: coding.end,
    };
    shared(tokens, &wide(held_out), runs, |piece| {
        Ok(wide(&read(piece)?))
    })
}

/// What runs are looked for: so many tokens without an end among them.
#[derive(Debug, Clone, Copy)]
struct Runs<T> {
    length: usize,
    end: T,
}

/// The same of a text of so many tokens, of which `read` gives a piece.
fn shared<T: Copy + PartialEq + Into<u64> + Sync>(
    tokens: usize,
    held_out: &[T],
    runs: Runs<T>,
    read: impl Fn(Range<usize>) -> io::Result<Vec<T>> + Sync,
) -> io::Result<f64> {
    let held_out = &held_out[..held_out.len().min(SAMPLE)];
    let wanted: Vec<(usize, u64)> = runs.of(held_out).collect();
    if wanted.is_empty() {
        return Ok(0.0);
    }
    let mask = (BITS * held_out.len()).next_power_of_two() as u64 - 1;
    let mut filter = vec![0u64; (mask as usize + 1).div_ceil(64)];
    let place = |hash: u64| {
        let bit = (hash ^ (hash >> 32)) & mask;
        ((bit / 64) as usize, 1u64 << (bit % 64))
    };
    let mut ends: HashMap<u64, Vec<usize>> = HashMap::new();
    for (end, hash) in &wanted {
        let (word, bit) = place(*hash);
        filter[word] |= bit;
        ends.entry(*hash).or_default().push(*end);
    }
    const PIECE: usize = 1 << 22;
    let pieces = tokens.div_ceil(PIECE);
    let found: Vec<HashSet<u64>> = (0..pieces)
        .into_par_iter()
        .map(|piece| {
            let end = ((piece + 1) * PIECE + runs.length - 1).min(tokens);
            let text = read(piece * PIECE..end)?;
            let known = runs.of(&text).map(|(_, hash)| hash).filter(|hash| {
                let (word, bit) = place(*hash);
                filter[word] & bit != 0 && ends.contains_key(hash)
            });
            Ok(known.collect())
        })
        .collect::<io::Result<_>>()?;
    let mut seen = vec![false; held_out.len()];
    for hash in found.into_iter().flatten() {
        for end in &ends[&hash] {
            seen[end + 1 - runs.length..=*end].fill(true);
        }
    }
    let text = held_out.iter().filter(|it| **it != runs.end).count();
    Ok(seen.iter().filter(|seen| **seen).count() as f64 / text as f64)
}

impl<T: Copy + PartialEq + Into<u64>> Runs<T> {
    /// Every run: where its last token stands, and its hash.
    fn of(self, text: &[T]) -> impl Iterator<Item = (usize, u64)> {
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
            let found = shared(train.len(), &held_out, Runs { length: RUN, end: 0 }, |piece| Ok(train[piece].to_vec())).unwrap();
            prop_assert_eq!(found, plainly(&train, &held_out));
        }
    }
}

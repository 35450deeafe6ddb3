//! What of the held-out text was trained on: measured, and not assumed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use crate::permute::mix;

/// Bytes of a run that counts: no sentence or line of code stands twice by chance that is so long.
pub const RUN: usize = 50;
/// Held-out bytes that are looked for; of more than this as many of the first.
const SAMPLE: usize = 1 << 20;
/// Bits of the filter that tells most runs to be new, for each held-out byte.
const BITS: usize = 16;
/// The base of the runs' hashes, an odd number without a pattern.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The share of held-out bytes in runs of [`RUN`] bytes, within a document, that stand in the training text as well, which
/// is read piece by piece.
pub fn leak(train: &Path, held_out: &[u8]) -> io::Result<f64> {
    let bytes = fs::metadata(train)?.len() as usize;
    shared(bytes, held_out, |piece| {
        let mut file = File::open(train)?;
        file.seek(SeekFrom::Start(piece.start as u64))?;
        let mut text = vec![0; piece.len()];
        file.read_exact(&mut text)?;
        Ok(text)
    })
}

/// The same of a text of so many bytes, of which `read` gives a piece.
fn shared(
    bytes: usize,
    held_out: &[u8],
    read: impl Fn(Range<usize>) -> io::Result<Vec<u8>> + Sync,
) -> io::Result<f64> {
    let held_out = &held_out[..held_out.len().min(SAMPLE)];
    let wanted: Vec<(usize, u64)> = runs(held_out).collect();
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
    let pieces = bytes.div_ceil(PIECE);
    let found: Vec<HashSet<u64>> = (0..pieces)
        .into_par_iter()
        .map(|piece| {
            let end = ((piece + 1) * PIECE + RUN - 1).min(bytes);
            let text = read(piece * PIECE..end)?;
            let known = runs(&text).map(|(_, hash)| hash).filter(|hash| {
                let (word, bit) = place(*hash);
                filter[word] & bit != 0 && ends.contains_key(hash)
            });
            Ok(known.collect())
        })
        .collect::<io::Result<_>>()?;
    let mut seen = vec![false; held_out.len()];
    for hash in found.into_iter().flatten() {
        for end in &ends[&hash] {
            seen[end + 1 - RUN..=*end].fill(true);
        }
    }
    let text = held_out.iter().filter(|byte| **byte != 0).count();
    Ok(seen.iter().filter(|seen| **seen).count() as f64 / text as f64)
}

/// Every run within a document, which ends with a zero byte: where its last byte stands, and its hash.
fn runs(text: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    let oldest = (0..RUN).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let (mut hash, mut length) = (0u64, 0);
    text.iter().enumerate().filter_map(move |(end, byte)| {
        if *byte == 0 {
            (hash, length) = (0, 0);
            return None;
        }
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte));
        length += 1;
        if length > RUN {
            hash = hash.wrapping_sub(oldest.wrapping_mul(u64::from(text[end - RUN])));
        }
        (length >= RUN).then_some((end, mix(hash)))
    })
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
            let found = shared(train.len(), &held_out, |piece| Ok(train[piece].to_vec())).unwrap();
            prop_assert_eq!(found, plainly(&train, &held_out));
        }
    }
}

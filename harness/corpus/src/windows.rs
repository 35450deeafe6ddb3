//! The order in which training windows are read: a new permutation for every epoch, made from the
//! seed alone, so that any step's batch is known without reading those before it.

use isoflop_suite::Tokens;

use crate::TokenStream;
use crate::permute::{mix, permute};

/// Windows of `length + 1` tokens: inputs and, one further, targets. Windows share only that token.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    length: usize,
    /// Windows that are read.
    count: u64,
    /// Windows of the whole stream.
    all: u64,
    seed: u64,
}

/// What chooses the windows that are read where not all are: the same for every seed, so that cells that repeat as many
/// tokens repeat the same ones.
const SAMPLE: u64 = 0x7265_7065_6174_6564;

impl Windows {
    /// All whole windows of a stream, or a sample of them with about so many tokens. The first ones would be of a few
    /// documents, and these of one kind.
    pub fn new(stream: &TokenStream, length: usize, seed: u64, unique: Option<Tokens>) -> Self {
        let all = (stream.len().saturating_sub(1) / length) as u64;
        let count = unique.map_or(all, |unique| (unique / length as u64).clamp(1, all.max(1)));
        Windows {
            length,
            count,
            all,
            seed,
        }
    }

    /// How many windows one epoch has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The window that is read as the `index`th of the whole run.
    pub fn at(&self, index: u64) -> u64 {
        let epoch = index / self.count;
        let place = permute(index % self.count, self.count, mix(self.seed ^ mix(epoch)));
        if self.count < self.all {
            permute(place, self.all, SAMPLE)
        } else {
            place
        }
    }

    /// Appends a window's inputs and targets.
    pub fn read(
        &self,
        stream: &TokenStream,
        window: u64,
        inputs: &mut Vec<i32>,
        targets: &mut Vec<i32>,
    ) {
        let start = window as usize * self.length;
        let tokens = |from: usize| {
            let tokens = stream.tokens(from..from + self.length);
            tokens.map(u32::cast_signed)
        };
        inputs.extend(tokens(start));
        targets.extend(tokens(start + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_epoch_reads_every_window_once(count in 1u64..2000, seed: u64, epoch in 0u64..5) {
            let windows = Windows { length: 1, count, all: count, seed };
            let mut read: Vec<_> = (epoch * count..(epoch + 1) * count).map(|i| windows.at(i)).collect();
            read.sort_unstable();
            prop_assert_eq!(read, (0..count).collect::<Vec<_>>());
        }
    }

    /// A sample is the same for every seed and in every epoch, and a larger one holds it.
    #[test]
    fn a_sample_is_of_the_whole_stream() {
        let read = |count: u64, seed, epoch: u64| {
            let windows = Windows {
                length: 1,
                count,
                all: 10_000,
                seed,
            };
            let read = (epoch * count..(epoch + 1) * count).map(|index| windows.at(index));
            read.collect::<std::collections::BTreeSet<u64>>()
        };
        let sample = read(100, 0, 0);
        assert_eq!(sample.len(), 100);
        assert_eq!(sample, read(100, 7, 3));
        assert!(sample.is_subset(&read(400, 1, 0)));
        let mean = sample.iter().sum::<u64>() as f64 / 100.0;
        // Ten times the standard error of a mean of a hundred.
        assert!((mean - 5000.0).abs() < 2900.0, "{mean}");
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let order = |seed, epoch: u64| {
            let windows = Windows {
                length: 1,
                count: 500,
                all: 500,
                seed,
            };
            (epoch * 500..(epoch + 1) * 500)
                .map(|i| windows.at(i))
                .collect::<Vec<_>>()
        };
        assert_ne!(order(0, 0), order(0, 1));
        assert_ne!(order(0, 0), order(1, 0));
        assert_ne!(order(0, 0), (0..500).collect::<Vec<_>>());
    }
}

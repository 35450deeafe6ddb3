//! The order in which training windows are read: a new permutation for every epoch, made from the
//! seed alone, so that any step's batch is known without reading those before it.

use isoflop_suite::Tokens;

use crate::TokenStream;
use crate::permute::{mix, permute};

/// Windows of `length + 1` tokens: inputs and, one further, targets. Windows share only that token.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    length: usize,
    count: u64,
    seed: u64,
}

impl Windows {
    /// All whole windows of a stream, or of its first `within` tokens.
    pub fn new(stream: &TokenStream, length: usize, seed: u64, within: Option<Tokens>) -> Self {
        let tokens = within.map_or(stream.len(), |within| stream.len().min(within as usize));
        Windows {
            length,
            count: (tokens.saturating_sub(1) / length) as u64,
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
        permute(index % self.count, self.count, mix(self.seed ^ mix(epoch)))
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
            let windows = Windows { length: 1, count, seed };
            let mut read: Vec<_> = (epoch * count..(epoch + 1) * count).map(|i| windows.at(i)).collect();
            read.sort_unstable();
            prop_assert_eq!(read, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let order = |seed, epoch: u64| {
            let windows = Windows {
                length: 1,
                count: 500,
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

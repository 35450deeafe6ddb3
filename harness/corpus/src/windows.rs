//! The order in which training windows are read: a new permutation for every epoch, made from the
//! seed alone, so that any step's batch is known without reading those before it.

use crate::TokenStream;

/// Windows of `length + 1` tokens: inputs and, one further, targets. Windows share only that token.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    length: usize,
    count: u64,
    seed: u64,
}

impl Windows {
    /// All whole windows of a stream.
    pub fn new(stream: &TokenStream, length: usize, seed: u64) -> Self {
        Windows {
            length,
            count: (stream.len().saturating_sub(1) / length) as u64,
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
        let tokens = stream.tokens(start..start + self.length + 1);
        inputs.extend(tokens[..self.length].iter().map(|token| i32::from(*token)));
        targets.extend(tokens[1..].iter().map(|token| i32::from(*token)));
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Where a permutation of `0..count` takes `index`: a Feistel network on the smallest even number
/// of bits that holds `count`, walked until it lands inside (Black and Rogaway 2002). It takes no
/// memory, however many windows there are.
fn permute(index: u64, count: u64, key: u64) -> u64 {
    let bits = 64 - (count.max(2) - 1).leading_zeros();
    let half = bits.div_ceil(2);
    let mask = (1u64 << half) - 1;
    let mut at = index;
    loop {
        let (mut left, mut right) = (at >> half, at & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(right ^ mix(key ^ round)) & mask));
        }
        at = (left << half) | right;
        if at < count {
            return at;
        }
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

//! Permutations without a table.

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
pub fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Where a permutation of `0..count` takes `index`: a Feistel network on the smallest even number
/// of bits that holds `count`, walked until it lands inside (Black and Rogaway 2002). It takes no
/// memory, however many windows there are.
pub fn permute(index: u64, count: u64, key: u64) -> u64 {
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
        fn every_number_is_taken_once(count in 1u64..2000, key: u64) {
            let mut taken: Vec<u64> = (0..count).map(|index| permute(index, count, key)).collect();
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..count).collect::<Vec<_>>());
        }
    }
}

//! Zipf's law over any number of ranks: its sums, and draws from it.

use rand::Rng;
use rand_distr::Distribution;

/// Ranks that are summed one by one; beyond them the sum is an integral with the corrections of Euler and Maclaurin.
const PLAINLY: u64 = 100_000;
/// Intervals of the integral (Simpson's rule), which is over the logarithm of the rank.
const INTERVALS: usize = 2000;

/// Ranks from 1, with probabilities in proportion to `rank^-exponent`.
#[derive(Debug, Clone)]
pub struct Zipf {
    ranks: u64,
    exponent: f64,
    /// The sum of all `rank^-exponent`.
    total: f64,
    draws: rand_distr::Zipf<f64>,
}

impl Zipf {
    /// Over so many ranks, at least one; the exponent is not negative.
    pub fn new(ranks: u64, exponent: f64) -> Self {
        Zipf {
            ranks,
            exponent,
            total: sum(exponent, 1, ranks, 0),
            draws: rand_distr::Zipf::new(ranks as f64, exponent)
                .expect("there are ranks, and the exponent is not negative"),
        }
    }

    /// The logarithm of a rank's probability.
    pub fn log_probability(&self, rank: u64) -> f64 {
        -self.exponent * (rank as f64).ln() - self.total.ln()
    }

    /// The probability of the ranks from the first of these to the last.
    pub fn share(&self, first: u64, last: u64) -> f64 {
        let last = last.min(self.ranks);
        if first > last {
            return 0.0;
        }
        sum(self.exponent, first, last, 0) / self.total
    }

    /// In nats.
    pub fn entropy(&self) -> f64 {
        self.total.ln() + self.exponent * sum(self.exponent, 1, self.ranks, 1) / self.total
    }

    /// A rank (rejection and inversion, Hörmann and Derflinger 1996).
    pub fn sample(&self, rng: &mut impl Rng) -> u64 {
        (self.draws.sample(rng) as u64).clamp(1, self.ranks)
    }
}

/// The sum of `k^-s (ln k)^m` over k from `first` to `last`, with m 0 or 1.
fn sum(s: f64, first: u64, last: u64, m: i32) -> f64 {
    let of = |k: f64| k.powf(-s) * k.ln().powi(m);
    let plainly = last.min(first.max(PLAINLY));
    let direct: f64 = (first..=plainly).map(|k| of(k as f64)).sum();
    if plainly == last {
        return direct;
    }
    // From the last that was counted, half of which the corrections take off.
    let (a, b) = (plainly as f64, last as f64);
    let slope = |k: f64| k.powf(-s - 1.0) * (f64::from(m) - s * k.ln().powi(m));
    direct + integral(s, a, b, m) + 0.5 * (of(b) - of(a)) + (slope(b) - slope(a)) / 12.0
}

/// The integral of `x^-s (ln x)^m`, over `t = ln x`.
fn integral(s: f64, a: f64, b: f64, m: i32) -> f64 {
    let (low, high) = (a.ln(), b.ln());
    let step = (high - low) / INTERVALS as f64;
    let of = |t: f64| ((1.0 - s) * t).exp() * t.powi(m);
    let weighed = |at: usize| {
        let weight = match at {
            0 | INTERVALS => 1.0,
            _ if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * of(low + step * at as f64)
    };
    (0..=INTERVALS).map(weighed).sum::<f64>() * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    #[test]
    fn sums_are_those_of_all_ranks() {
        for s in [0.0, 0.7, 1.0, 1.1, 2.5] {
            let zipf = Zipf::new(1_000_000, s);
            let weights: Vec<f64> = (1..=1_000_000).map(|k| f64::from(k).powf(-s)).collect();
            let total: f64 = weights.iter().sum();
            let entropy = -weights
                .iter()
                .map(|w| w / total * (w / total).ln())
                .sum::<f64>();
            assert!((zipf.entropy() / entropy - 1.0).abs() < 1e-10, "{s}");
            let tail: f64 = weights[249_999..].iter().sum();
            assert!(
                (zipf.share(250_000, 1_000_000) - tail / total).abs() < 1e-10,
                "{s}"
            );
            let third = zipf.log_probability(3);
            assert!((third - (weights[2] / total).ln()).abs() < 1e-10, "{s}");
        }
    }

    #[test]
    fn draws_are_as_frequent_as_they_are_probable() {
        let zipf = Zipf::new(50, 1.1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0u32; 50];
        for _ in 0..200_000 {
            counts[zipf.sample(&mut rng) as usize - 1] += 1;
        }
        for (at, count) in counts.iter().enumerate() {
            let expected = 200_000.0 * zipf.log_probability(at as u64 + 1).exp();
            let off = (f64::from(*count) - expected) / expected.sqrt();
            assert!(
                off.abs() < 5.0,
                "rank {}: {count} for {expected:.0}",
                at + 1
            );
        }
    }
}

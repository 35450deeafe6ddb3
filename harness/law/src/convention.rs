//! Ways to count training FLOPs.

use serde::{Deserialize, Serialize};

use crate::Table;

/// How training FLOPs follow from the N and D of a law: `C = f(N) D`.
///
/// Counted FLOPs per token are known at the models of the table that they were counted for. Between
/// these they follow a monotone cubic through them in logarithms (Fritsch and Carlson 1980); outside they
/// are not known: the power of N that fits them best would say of large models that they cost less
/// without their embeddings than with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convention {
    /// `6ND`, or the column that counts them.
    pub name: String,
    /// FLOPs per token of a model of one parameter, by the power of N that fits best.
    pub coefficient: f64,
    /// How FLOPs per token grow with N, by that power; 1 in `6ND`.
    pub exponent: f64,
    /// Largest share by which that power differs from the FLOPs counted, over the points fitted.
    pub error: f64,
    /// N and FLOPs per token of every model counted, by N; none of a multiple of ND, which counts any.
    #[serde(default)]
    pub counted: Vec<[f64; 2]>,
}

/// Counts that differ from a multiple of ND by less than this share, from model to model, are that multiple:
/// tables give FLOPs to a few digits.
const PROPORTIONAL: f64 = 0.01;
/// Logarithm of the range of N that tells so: three times.
const LEAST_RANGE: f64 = 1.09;
/// N that differ by less than this count as one model.
const SAME: f64 = 1e-9;
/// Multiples of ND that differ by less than this share are one.
const SAME_MULTIPLE: f64 = 1e-6;

impl Convention {
    /// `C = 6 N D`, which counts a forward and a backward pass and leaves attention out (Kaplan et al.
    /// 2020, arXiv:2001.08361, eq. 2.2).
    pub fn six_n_d() -> Self {
        Convention {
            name: "6ND".to_owned(),
            coefficient: 6.0,
            exponent: 1.0,
            error: 0.0,
            counted: Vec::new(),
        }
    }

    /// The FLOPs per token that were counted. `flops` has one count per usable point of a table of N and
    /// D; `None` where a count is missing or not above zero, N does not vary, or FLOPs per token do not
    /// rise with it. Models of the same N count as their geometric mean. Counts in proportion to ND, as far as
    /// their digits go, are taken to be so for every model.
    pub fn fitted(name: &str, table: &Table, flops: &[f64]) -> Option<Self> {
        let points: Vec<(f64, f64)> = flops
            .iter()
            .enumerate()
            .map(|(point, c)| (table.log_x(point)[0], c.ln() - table.log_x(point)[1]))
            .collect();
        if let Some(multiple) = Self::multiple(name, &points) {
            return Some(multiple);
        }
        let count = points.len() as f64;
        let [x, y] = [
            points.iter().map(|p| p.0).sum::<f64>() / count,
            points.iter().map(|p| p.1).sum::<f64>() / count,
        ];
        let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        let common: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
        let exponent = common / spread;
        let error = points
            .iter()
            .map(|p| (p.1 - y - exponent * (p.0 - x)).abs().exp_m1())
            .fold(0.0, f64::max);
        let coefficient = (y - exponent * x).exp();
        let counted = models(points);
        let rises = counted.windows(2).all(|pair| pair[1][1] > pair[0][1]);
        let usable = coefficient.is_finite() && exponent > 0.0 && error.is_finite() && rises;
        usable.then(|| Convention {
            name: name.to_owned(),
            coefficient,
            exponent,
            error,
            counted,
        })
    }

    /// Counts that are the same multiple of ND at every point, of logs of N and of FLOPs per token.
    fn multiple(name: &str, points: &[(f64, f64)]) -> Option<Self> {
        let ends = points
            .iter()
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], (n, _)| {
                [low.min(*n), high.max(*n)]
            });
        // Models of hardly different size do not tell a multiple from another power.
        if ends[1] - ends[0] < LEAST_RANGE {
            return None;
        }
        let logs: Vec<f64> = points.iter().map(|(n, per_token)| per_token - n).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let off = |log: &f64| (log - mean).abs().exp_m1();
        let error = logs.iter().map(off).fold(0.0, f64::max);
        (mean.is_finite() && error < PROPORTIONAL).then(|| Convention {
            name: name.to_owned(),
            coefficient: mean.exp(),
            exponent: 1.0,
            error,
            counted: Vec::new(),
        })
    }

    /// Whether it is `6ND`, as far as the digits of its counts go.
    pub fn is_six_n_d(&self) -> bool {
        let off = (self.coefficient / 6.0 - 1.0).abs();
        self.counted.is_empty() && self.exponent == 1.0 && off <= self.error.max(SAME_MULTIPLE)
    }

    /// Smallest and largest N that it counts; `None` where it counts any.
    pub fn range(&self) -> Option<[f64; 2]> {
        Some([self.counted.first()?[0], self.counted.last()?[0]])
    }

    /// Training FLOPs of N parameters on D tokens; `None` outside of the models counted.
    pub fn flops(&self, n: f64, d: f64) -> Option<f64> {
        Some(self.per_token(n)? * d)
    }

    /// Tokens that N parameters can see for a budget; `None` outside of the models counted.
    pub fn tokens(&self, flops: f64, n: f64) -> Option<f64> {
        Some(flops / self.per_token(n)?)
    }

    fn per_token(&self, n: f64) -> Option<f64> {
        let Some([low, high]) = self.range() else {
            return Some(self.coefficient * n.powf(self.exponent));
        };
        if !(low * (1.0 - SAME)..=high * (1.0 + SAME)).contains(&n) {
            return None;
        }
        let last = self.counted.len().checked_sub(2)?;
        let after = self.counted.partition_point(|[at, _]| *at <= n);
        let k = after.saturating_sub(1).min(last);
        let log = |at: usize| self.counted[at].map(f64::ln);
        let ([x0, y0], [x1, y1]) = (log(k), log(k + 1));
        let width = x1 - x0;
        let t = (n.ln() - x0) / width;
        // Hermite's cubic.
        let (t2, t3) = (t * t, t * t * t);
        let value = (2.0 * t3 - 3.0 * t2 + 1.0) * y0
            + (t3 - 2.0 * t2 + t) * width * self.slope(k)
            + (3.0 * t2 - 2.0 * t3) * y1
            + (t3 - t2) * width * self.slope(k + 1);
        Some(value.exp())
    }

    /// The cubic's slope at a model: the harmonic mean of the slopes on both sides, weighed by their
    /// widths, which keeps it monotone (Fritsch and Butland 1984); at the ends the one there is.
    fn slope(&self, at: usize) -> f64 {
        let secant = |k: usize| {
            let [[x0, y0], [x1, y1]] = [k, k + 1].map(|k| self.counted[k].map(f64::ln));
            (x1 - x0, (y1 - y0) / (x1 - x0))
        };
        if at == 0 {
            return secant(0).1;
        }
        if at + 1 == self.counted.len() {
            return secant(at - 1).1;
        }
        let ((w0, s0), (w1, s1)) = (secant(at - 1), secant(at));
        let (a, b) = (2.0 * w1 + w0, w1 + 2.0 * w0);
        (a + b) / (a / s0 + b / s1)
    }
}

/// N and FLOPs per token of every model, by N, from logarithms of both at every point.
fn models(mut points: Vec<(f64, f64)>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let same = points.chunk_by(|a, b| b.0 - a.0 < SAME);
    same.map(|group| {
        let count = group.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| group.iter().map(of).sum::<f64>() / count;
        [mean(|p| p.0).exp(), mean(|p| p.1).exp()]
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Models with embeddings of 256 rows: 6N without them.
    fn without_embeddings() -> (Convention, Vec<[f64; 2]>) {
        let mut table = Table::new(2);
        let (mut flops, mut exact) = (Vec::new(), Vec::new());
        for width in [16.0, 32.0, 48.0, 64.0, 96.0, 128.0_f64] {
            let blocks = 24.0 * width * width;
            let n = blocks + 256.0 * width;
            for d in [1e5, 1e6] {
                table.push(&[n, d], 1.0 / (n * d).ln());
                flops.push(6.0 * blocks * d);
            }
            exact.push([n, 6.0 * blocks]);
        }
        (Convention::fitted("flops", &table, &flops).unwrap(), exact)
    }

    #[test]
    fn counted_models_cost_what_was_counted() {
        let (convention, exact) = without_embeddings();
        for [n, per_token] in exact {
            let found = convention.flops(n, 7.0).unwrap() / 7.0;
            assert!((found / per_token - 1.0).abs() < 1e-9, "{n}: {found}");
        }
    }

    /// What is left out cannot cost more than the whole, and more parameters cost more.
    #[test]
    fn between_the_models_it_rises_and_stays_below_the_whole() {
        let (convention, _) = without_embeddings();
        let [low, high] = convention.range().unwrap();
        let mut before = 0.0;
        for step in 0..=1000 {
            let n = low * (high / low).powf(f64::from(step) / 1000.0);
            let per_token = convention.flops(n, 1.0).unwrap();
            assert!(
                per_token > before && per_token < 6.0 * n,
                "{n}: {per_token}"
            );
            before = per_token;
        }
    }

    #[test]
    fn a_multiple_is_one_for_every_model() {
        let mut table = Table::new(2);
        let mut flops = Vec::new();
        for n in [1e6, 1e7, 1e8_f64] {
            table.push(&[n, 3.0 * n], 3.0 - n.log10() * 0.1);
            // Three digits, as tables have them.
            flops.push(format!("{:.2e}", 20.0 * n * 3.0 * n).parse().unwrap());
        }
        let found = Convention::fitted("C", &table, &flops).unwrap();
        assert!((found.coefficient / 20.0 - 1.0).abs() < 0.01 && !found.is_six_n_d());
        assert_eq!(found.range(), None);
        assert!(found.flops(1e15, 1.0).is_some());
        let six: Vec<f64> = flops.iter().map(|c| c * 6.0 / 20.0).collect();
        assert!(Convention::fitted("C", &table, &six).unwrap().is_six_n_d());
    }

    #[test]
    fn outside_of_the_models_nothing_is_known() {
        let (convention, _) = without_embeddings();
        let [low, high] = convention.range().unwrap();
        assert_eq!(convention.flops(1.01 * high, 1e6), None);
        assert_eq!(convention.tokens(1e12, 0.99 * low), None);
        assert_eq!(Convention::six_n_d().flops(1e12, 2.0), Some(12e12));
    }
}

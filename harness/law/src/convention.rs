//! Ways to count training FLOPs.

use serde::{Deserialize, Serialize};

use crate::Table;

/// How training FLOPs follow from the N and D of a law: `C = coefficient N^exponent D`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convention {
    /// `6ND`, or the column that counts them.
    pub name: String,
    /// FLOPs per token of a model of one parameter.
    pub coefficient: f64,
    /// How FLOPs per token grow with N; 1 in `6ND`.
    pub exponent: f64,
    /// Largest share by which this differs from the FLOPs counted, over the points fitted.
    pub error: f64,
}

impl Convention {
    /// `C = 6 N D`, which counts a forward and a backward pass and leaves attention out (Kaplan et al.
    /// 2020, arXiv:2001.08361, eq. 2.2).
    pub fn six_n_d() -> Self {
        Convention {
            name: "6ND".to_owned(),
            coefficient: 6.0,
            exponent: 1.0,
            error: 0.0,
        }
    }

    /// The power of N that counted FLOPs per token follow, by least squares in logarithms. `flops`
    /// has one count per usable point of a table of N and D; `None` where a count is missing or not
    /// above zero, or N does not vary.
    pub fn fitted(name: &str, table: &Table, flops: &[f64]) -> Option<Self> {
        let points: Vec<(f64, f64)> = flops
            .iter()
            .enumerate()
            .map(|(point, c)| (table.log_x(point)[0], c.ln() - table.log_x(point)[1]))
            .collect();
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
        let usable = coefficient.is_finite() && exponent > 0.0 && error.is_finite();
        usable.then(|| Convention {
            name: name.to_owned(),
            coefficient,
            exponent,
            error,
        })
    }

    /// Training FLOPs of N parameters on D tokens.
    pub fn flops(&self, n: f64, d: f64) -> f64 {
        self.coefficient * n.powf(self.exponent) * d
    }

    /// Tokens that N parameters can see for a budget.
    pub fn tokens(&self, flops: f64, n: f64) -> f64 {
        flops / (self.coefficient * n.powf(self.exponent))
    }
}

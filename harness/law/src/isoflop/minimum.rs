//! Where a curve through a slice's losses is lowest.

use nalgebra::{Cholesky, Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// How a curve is drawn through a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Least squares of the loss by a parabola in `ln N` (Hoffmann et al. 2022, approach 2).
    Parabola,
    /// Akima's interpolation of `ln L` over `ln N` (Porian et al. 2024, arXiv:2406.19146).
    Interpolation,
}

impl Method {
    /// Both.
    pub const ALL: [Method; 2] = [Method::Parabola, Method::Interpolation];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Method::Parabola => "parabolas",
            Method::Interpolation => "interpolation",
        }
    }

    /// The curve's lowest place, as `[ln N, L]`, from `ln N` in rising order and losses. `None` where
    /// it lies at an end, or beyond.
    pub(super) fn minimum(self, log_n: &[f64], loss: &[f64]) -> Option<[f64; 2]> {
        match self {
            Method::Parabola => parabola(log_n, loss),
            Method::Interpolation => {
                let logs: Vec<f64> = loss.iter().map(|loss| loss.ln()).collect();
                let [at, log_loss] = Akima::new(log_n, &logs)?.minimum()?;
                Some([at, log_loss.exp()])
            }
        }
    }
}

fn parabola(x: &[f64], y: &[f64]) -> Option<[f64; 2]> {
    let (first, last) = (*x.first()?, *x.last()?);
    let middle = 0.5 * (first + last);
    let mut normal = Matrix3::zeros();
    let mut right = Vector3::zeros();
    for (x, y) in x.iter().zip(y) {
        let z = x - middle;
        let row = Vector3::new(1.0, z, z * z);
        normal += row * row.transpose();
        right += row * *y;
    }
    let c = Cholesky::new(normal)?.solve(&right);
    let at = middle - 0.5 * c[1] / c[2];
    let lowest = c[0] - 0.25 * c[1] * c[1] / c[2];
    let inside = c[2] > 0.0 && first < at && at < last;
    // A model at an end that does better than the best one in between, or a loss below nothing, is none.
    let least = y[0].min(y[y.len() - 1]);
    (inside && lowest > 0.0 && lowest <= least).then_some([at, lowest])
}

/// Akima's interpolation (1970, doi:10.1145/321607.321609): cubics between neighbours, whose slopes
/// come from five points and do not overshoot as a spline's do.
struct Akima<'a> {
    x: &'a [f64],
    y: &'a [f64],
    slope: Vec<f64>,
}

impl<'a> Akima<'a> {
    /// Through points in rising order of x; `None` of fewer than three.
    fn new(x: &'a [f64], y: &'a [f64]) -> Option<Self> {
        let n = x.len();
        if n < 3 {
            return None;
        }
        let mut m = vec![0.0; n + 3];
        for i in 0..n - 1 {
            m[i + 2] = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
        }
        m[1] = 2.0 * m[2] - m[3];
        m[0] = 2.0 * m[1] - m[2];
        m[n + 1] = 2.0 * m[n] - m[n - 1];
        m[n + 2] = 2.0 * m[n + 1] - m[n];
        let slope = (0..n).map(|i| {
            let (before, after) = ((m[i + 1] - m[i]).abs(), (m[i + 3] - m[i + 2]).abs());
            if before + after > 1e-9 * m[i + 1].abs().max(m[i + 2].abs()) {
                (after * m[i + 1] + before * m[i + 2]) / (before + after)
            } else {
                0.5 * (m[i + 1] + m[i + 2])
            }
        });
        Some(Akima {
            slope: slope.collect(),
            x,
            y,
        })
    }

    /// The lowest place between the ends.
    fn minimum(&self) -> Option<[f64; 2]> {
        let last = self.x.len() - 1;
        let ends = [0, last].map(|i| [self.x[i], self.y[i]]);
        let knots = (1..last).map(|i| [self.x[i], self.y[i]]);
        let between = (0..last).flat_map(|i| self.flat_places(i));
        let lowest = knots.chain(between).min_by(|a, b| a[1].total_cmp(&b[1]))?;
        ends.iter().all(|end| lowest[1] < end[1]).then_some(lowest)
    }

    /// Where the cubic of a segment is flat.
    fn flat_places(&self, i: usize) -> Vec<[f64; 2]> {
        let h = self.x[i + 1] - self.x[i];
        let m = (self.y[i + 1] - self.y[i]) / h;
        let (s, t) = (self.slope[i], self.slope[i + 1]);
        let (c2, c3) = ((3.0 * m - 2.0 * s - t) / h, (s + t - 2.0 * m) / (h * h));
        let value = |u: f64| [self.x[i] + u, self.y[i] + u * (s + u * (c2 + u * c3))];
        let root = (c2 * c2 - 3.0 * c3 * s).sqrt();
        // In the form that loses no digits where the cubic is nearly a parabola.
        let q = -(c2 + root.copysign(c2));
        [q / (3.0 * c3), s / q]
            .into_iter()
            .filter(|u| *u > 0.0 && *u < h)
            .map(value)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_has_its_vertex() {
        let x: Vec<f64> = (0..6).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 + 0.3 * (x - 2.2).powi(2)).collect();
        let [at, value] = Method::Parabola.minimum(&x, &y).unwrap();
        assert!((at - 2.2).abs() < 1e-9 && (value - 2.0).abs() < 1e-9);
        assert_eq!(Method::Parabola.minimum(&x[3..], &y[3..]), None);
        // Its vertex lies inside, above what the smallest model reached.
        let noisy = [1.0, 1.3, 1.1, 1.2, 1.4, 1.9];
        assert_eq!(Method::Parabola.minimum(&x, &noisy), None);
        // Its vertex lies below zero.
        let deep = [1.0, 0.1, 1e-3, 1e-3, 0.1, 1.0];
        assert_eq!(Method::Parabola.minimum(&x, &deep), None);
    }

    /// On an even grid Akima's slopes are those of a parabola.
    #[test]
    fn interpolation_finds_the_minimum_between_points() {
        let x: Vec<f64> = (0..7).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| (0.05 * (x - 3.4).powi(2)).exp()).collect();
        let [at, value] = Method::Interpolation.minimum(&x, &y).unwrap();
        assert!(
            (at - 3.4).abs() < 1e-9 && (value - 1.0).abs() < 1e-9,
            "{at} {value}"
        );
        assert_eq!(Method::Interpolation.minimum(&x[4..], &y[4..]), None);
    }
}

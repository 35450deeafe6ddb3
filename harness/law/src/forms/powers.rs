//! Laws that are a floor plus a power of each variable: `L = E + sum_j A_j x_j^-c_j`.
//!
//! In `theta = (ln E, ln A'_1, c_1, ln A'_2, c_2, ...)`, with `A'_j` the amplitude at the centre of
//! the data, every summand's logarithm is linear: `u_j = ln A'_j - c_j z_j`. The predicted log loss
//! is `ln sum_k exp(u_k)`, with `p` the softmax of `u`:
//!
//! ```text
//! gradient = sum_k p_k grad(u_k)
//! hessian  = sum_k p_k grad(u_k) grad(u_k)^T - gradient gradient^T
//! ```
//!
//! These derivatives are written out, a block of rows at a time: most fits are of these forms.

use crate::coordinate::Coordinate;
use crate::lanes::{Column, exp, ln, wide};
use crate::law::{Law, Limit};
use crate::points::Points;
use crate::project::{EXPONENTS, combinations, project};
use crate::rows::{Block, Jets};

/// Powers of all variables, and a floor.
#[derive(Debug, Clone)]
pub struct Powers {
    /// Mean logarithm of each variable.
    centre: Vec<f64>,
    /// Summands before the powers: one or none.
    floors: usize,
}

impl Powers {
    /// About the mean logarithm of each variable.
    pub fn new(centre: Vec<f64>, floor: bool) -> Self {
        Powers {
            centre,
            floors: usize::from(floor),
        }
    }

    /// The summands of a row's sum, and their sum.
    #[inline(always)]
    fn sum(&self, theta: &[f64], block: &Block, power: &mut [Column; MOST]) -> Column {
        let floor = if self.floors == 1 {
            theta[0].exp()
        } else {
            0.0
        };
        let mut sum = Column::of(|_| floor);
        for (t, z) in block.z.iter().enumerate() {
            let at = self.floors + 2 * t;
            let (amplitude, exponent) = (theta[at], theta[at + 1]);
            power[t] = z.map(|z| exp(amplitude - exponent * z));
            sum = Column::of(|row| sum.0[row] + power[t].0[row]);
        }
        sum
    }

    #[inline(always)]
    fn jets_of_rows(&self, theta: &[f64], block: &Block, jets: &mut Jets) {
        let mut power = [Column::ZERO; MOST];
        let sum = self.sum(theta, block, &mut power);
        let share = sum.map(f64::recip);
        jets.value = sum.map(ln);
        if self.floors == 1 {
            let floor = theta[0].exp();
            jets.gradient[0] = share.map(|share| floor * share);
        }
        for (t, z) in block.z.iter().enumerate() {
            let at = self.floors + 2 * t;
            jets.gradient[at] = Column::of(|row| power[t].0[row] * share.0[row]);
            let by_amplitude = jets.gradient[at];
            jets.gradient[at + 1] = Column::of(|row| -z.0[row] * by_amplitude.0[row]);
        }
        let gradient = &jets.gradient;
        for i in 0..gradient.len() {
            for j in 0..=i {
                jets.hessian[Jets::place(i, j)] =
                    Column::of(|row| -gradient[i].0[row] * gradient[j].0[row]);
            }
        }
        let mut add = |i: usize, j: usize, more: &dyn Fn(usize) -> f64| {
            let bend = &mut jets.hessian[Jets::place(i, j)];
            *bend = Column::of(|row| bend.0[row] + more(row));
        };
        if self.floors == 1 {
            add(0, 0, &|row| gradient[0].0[row]);
        }
        for (t, z) in block.z.iter().enumerate() {
            let at = self.floors + 2 * t;
            add(at, at, &|row| gradient[at].0[row]);
            add(at + 1, at, &|row| gradient[at + 1].0[row]);
            add(at + 1, at + 1, &|row| -z.0[row] * gradient[at + 1].0[row]);
        }
    }
}

/// Variables of a form, at most.
const MOST: usize = 3;

impl Law for Powers {
    fn count(&self) -> usize {
        self.floors + 2 * self.centre.len()
    }

    fn jets(&self, theta: &[f64], block: &Block, jets: &mut Jets) {
        wide(
            #[inline(always)]
            || self.jets_of_rows(theta, block, jets),
        );
    }

    fn values(&self, theta: &[f64], block: &Block) -> Column {
        wide(
            #[inline(always)]
            || self.sum(theta, block, &mut [Column::ZERO; MOST]).map(ln),
        )
    }

    fn natural(&self, theta: &[f64]) -> Vec<f64> {
        let mut natural = theta.to_vec();
        if self.floors == 1 {
            natural[0] = theta[0].exp();
        }
        for (t, centre) in self.centre.iter().enumerate() {
            let at = self.floors + 2 * t;
            natural[at] = (theta[at] + theta[at + 1] * centre).exp();
        }
        natural
    }

    fn pin(&self, index: usize, value: f64, theta: &[Coordinate]) -> Coordinate {
        let mut pinned = Coordinate::constant(value, theta.len());
        if index >= self.floors && self.logarithmic(index) {
            let centre = self.centre[(index - self.floors) / 2];
            let exponent = &theta[index + 1];
            pinned.value -= centre * exponent.value;
            pinned.gradient.axpy(-centre, &exponent.gradient, 1.0);
            pinned.hessian -= &exponent.hessian * centre;
        }
        pinned
    }

    fn logarithmic(&self, index: usize) -> bool {
        index < self.floors || (index - self.floors).is_multiple_of(2)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        let floors = 0..self.floors;
        floors.map(|index| Limit::of_floor(index, least)).collect()
    }

    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let (floors, powers) = (self.floors, self.centre.len());
        let exponents: &[f64] = if powers < 3 {
            &EXPONENTS
        } else {
            &EXPONENTS_OF_MANY
        };
        // A law of one variable may rise with it: its grid is mirrored.
        let sign = if powers == 1 && points.rises(0) {
            -1.0
        } else {
            1.0
        };
        combinations(&vec![exponents; powers])
            .into_iter()
            .map(|exponents| {
                let exponents: Vec<f64> = exponents.iter().map(|it| sign * it).collect();
                let summands = |z: &[f64], row: &mut [f64]| {
                    row[..floors].fill(1.0);
                    for t in 0..powers {
                        row[floors + t] = (-exponents[t] * z[t]).exp();
                    }
                };
                let amplitudes = project(points, floors + powers, summands);
                let (floor, amplitudes) = amplitudes.split_at(floors);
                let pairs = amplitudes.iter().zip(&exponents);
                let pairs = pairs.flat_map(|(amplitude, exponent)| [*amplitude, *exponent]);
                floor.iter().copied().chain(pairs).collect()
            })
            .collect()
    }
}

/// For laws of three powers, whose grid is a cube.
const EXPONENTS_OF_MANY: [f64; 5] = [0.1, 0.25, 0.5, 1.0, 2.0];

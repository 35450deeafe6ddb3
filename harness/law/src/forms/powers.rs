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
//! These derivatives are written out, without [`Jet`]'s arithmetic: most fits are of these forms.

use nalgebra::{SMatrix, SVector};

use crate::jet::Jet;
use crate::law::{Law, Limit, Points, Surface};
use crate::project::{EXPONENTS, grid, project};

/// T powers, and a floor where P is `2 T + 1`.
#[derive(Debug, Clone)]
pub struct Powers<const T: usize> {
    /// Mean logarithm of each variable.
    pub centre: [f64; T],
}

impl<const T: usize> Powers<T> {
    /// Summands before the powers.
    const fn floors(parameters: usize) -> usize {
        parameters - 2 * T
    }
}

impl<const P: usize, const T: usize> Law<P> for Powers<T> {
    fn surface(&self, theta: &[f64; P]) -> impl Surface<P> {
        let floors = Self::floors(P);
        Sum::<P, T> {
            theta: *theta,
            floor: if floors == 1 { theta[0].exp() } else { 0.0 },
        }
    }

    fn natural(&self, theta: &[f64; P]) -> [f64; P] {
        let floors = Self::floors(P);
        let mut natural = *theta;
        if floors == 1 {
            natural[0] = theta[0].exp();
        }
        for t in 0..T {
            let at = floors + 2 * t;
            natural[at] = (theta[at] + theta[at + 1] * self.centre[t]).exp();
        }
        natural
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<P>; P]) -> Jet<P> {
        let value_of_index = Jet::constant(value);
        let floors = Self::floors(P);
        if index < floors || !Law::<P>::logarithmic(self, index) {
            return value_of_index;
        }
        value_of_index - theta[index + 1] * self.centre[(index - floors) / 2]
    }

    fn logarithmic(&self, index: usize) -> bool {
        let floors = Self::floors(P);
        index < floors || (index - floors).is_multiple_of(2)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        let floors = 0..Self::floors(P);
        floors.map(|index| Limit::of_floor(index, least)).collect()
    }

    fn starts(&self, points: &Points) -> Vec<[f64; P]> {
        let floors = Self::floors(P);
        let exponents: &[f64] = if T < 3 {
            &EXPONENTS
        } else {
            &EXPONENTS_OF_MANY
        };
        // A law of one variable may rise with it: its grid is mirrored.
        let sign = if T == 1 && points.rises(0) { -1.0 } else { 1.0 };
        grid::<T>([exponents; T])
            .into_iter()
            .map(|exponents| exponents.map(|exponent| sign * exponent))
            .map(|exponents| {
                let summands = |z: &[f64], row: &mut [f64]| {
                    row[..floors].fill(1.0);
                    for t in 0..T {
                        row[floors + t] = (-exponents[t] * z[t]).exp();
                    }
                };
                let amplitudes = project(points, floors + T, summands);
                std::array::from_fn(|index| {
                    if index < floors {
                        amplitudes[index]
                    } else if (index - floors).is_multiple_of(2) {
                        amplitudes[floors + (index - floors) / 2]
                    } else {
                        exponents[(index - floors) / 2]
                    }
                })
            })
            .collect()
    }
}

/// A sum of powers for one theta.
struct Sum<const P: usize, const T: usize> {
    theta: [f64; P],
    floor: f64,
}

impl<const P: usize, const T: usize> Surface<P> for Sum<P, T> {
    // In the innermost loop of most fits: a call would cost as much as the logarithm.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "indices of a matrix")]
    fn at(&self, z: &[f64]) -> Jet<P> {
        let floors = Powers::<T>::floors(P);
        let mut power = [0.0; T];
        let mut sum = self.floor;
        for t in 0..T {
            let at = floors + 2 * t;
            power[t] = (self.theta[at] - self.theta[at + 1] * z[t]).exp();
            sum += power[t];
        }
        let share = sum.recip();
        let mut gradient = SVector::<f64, P>::zeros();
        if floors == 1 {
            gradient[0] = self.floor * share;
        }
        for t in 0..T {
            let at = floors + 2 * t;
            gradient[at] = power[t] * share;
            gradient[at + 1] = -z[t] * gradient[at];
        }
        let mut hessian = SMatrix::<f64, P, P>::zeros();
        for i in 0..P {
            for j in 0..P {
                hessian[(i, j)] = -gradient[i] * gradient[j];
            }
        }
        if floors == 1 {
            hessian[(0, 0)] += gradient[0];
        }
        for t in 0..T {
            let at = floors + 2 * t;
            hessian[(at, at)] += gradient[at];
            hessian[(at, at + 1)] += gradient[at + 1];
            hessian[(at + 1, at)] += gradient[at + 1];
            hessian[(at + 1, at + 1)] -= z[t] * gradient[at + 1];
        }
        Jet {
            value: sum.ln(),
            gradient,
            hessian,
        }
    }
}

/// For laws of three powers, whose grid is a cube.
const EXPONENTS_OF_MANY: [f64; 5] = [0.1, 0.25, 0.5, 1.0, 2.0];

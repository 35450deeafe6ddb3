//! Laws that are a floor plus a power of each variable: `L = E + sum_j A_j x_j^-c_j`.
//!
//! They are fitted in the coordinates `theta = (ln E, ln A'_1, c_1, ln A'_2, c_2, ...)`, in which
//! the logarithm of every summand is linear: `u_j = ln A'_j - c_j (ln x_j - m_j)` with `m_j` the mean
//! of `ln x_j`, so that amplitude and exponent hardly depend on each other. The predicted log loss
//! is `ln sum_k exp(u_k)`, with `p` the softmax of `u`:
//!
//! ```text
//! gradient = sum_k p_k grad(u_k)
//! hessian  = sum_k p_k grad(u_k) grad(u_k)^T - gradient gradient^T
//! ```

use nalgebra::{DMatrix, DVector};

/// One summand's parameter names.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    pub amplitude: &'static str,
    pub exponent: &'static str,
}

/// The law, by its parameters' names.
#[derive(Debug, Clone, Copy)]
pub struct SumOfPowers {
    floor: Option<&'static str>,
    terms: &'static [Term],
}

/// Summands of the largest form; fixed, so that a point costs no allocation.
const MOST_SUMMANDS: usize = 4;

/// An amplitude far from the data overflows where its exponent is not bounded; JSON has no infinity.
const LARGEST: f64 = 1e300;

impl SumOfPowers {
    pub fn new(floor: Option<&'static str>, terms: &'static [Term]) -> Self {
        SumOfPowers { floor, terms }
    }

    /// Whether the law has a floor.
    pub fn has_floor(&self) -> bool {
        self.floor.is_some()
    }

    /// Summands that fall with a variable.
    pub fn terms(&self) -> &'static [Term] {
        self.terms
    }

    /// Length of theta.
    pub fn dimensions(&self) -> usize {
        usize::from(self.has_floor()) + 2 * self.terms.len()
    }

    /// Names of the law's parameters, in theta's order.
    pub fn names(&self) -> Vec<&'static str> {
        let pairs = self
            .terms
            .iter()
            .flat_map(|term| [term.amplitude, term.exponent]);
        self.floor.into_iter().chain(pairs).collect()
    }

    /// Where in theta the amplitude of a term is; its exponent follows.
    pub fn amplitude_at(&self, term: usize) -> usize {
        usize::from(self.has_floor()) + 2 * term
    }

    /// Log of every summand at a point whose centred logarithms are `z`; returns how many.
    fn summands(
        &self,
        theta: &[f64],
        z: impl Fn(usize) -> f64,
        u: &mut [f64; MOST_SUMMANDS],
    ) -> usize {
        let mut count = 0;
        if self.has_floor() {
            u[0] = theta[0];
            count = 1;
        }
        for term in 0..self.terms.len() {
            let at = self.amplitude_at(term);
            u[count] = theta[at] - theta[at + 1] * z(term);
            count += 1;
        }
        count
    }

    /// Predicted log loss.
    pub fn log_loss(&self, theta: &[f64], z: impl Fn(usize) -> f64) -> f64 {
        let mut u = [0.0; MOST_SUMMANDS];
        let count = self.summands(theta, z, &mut u);
        log_sum_exp(&u[..count])
    }

    /// Predicted log loss, its gradient and its Hessian.
    pub fn derivatives(
        &self,
        theta: &[f64],
        z: impl Fn(usize) -> f64,
        gradient: &mut DVector<f64>,
        hessian: &mut DMatrix<f64>,
    ) -> f64 {
        let mut u = [0.0; MOST_SUMMANDS];
        let count = self.summands(theta, &z, &mut u);
        let value = log_sum_exp(&u[..count]);
        hessian.fill(0.0);
        let floor = usize::from(self.has_floor());
        if self.has_floor() {
            let p = (u[0] - value).exp();
            gradient[0] = p;
            hessian[(0, 0)] = p;
        }
        for term in 0..self.terms.len() {
            let p = (u[floor + term] - value).exp();
            let (at, z) = (self.amplitude_at(term), z(term));
            gradient[at] = p;
            gradient[at + 1] = -z * p;
            hessian[(at, at)] = p;
            hessian[(at, at + 1)] = -z * p;
            hessian[(at + 1, at)] = -z * p;
            hessian[(at + 1, at + 1)] = z * z * p;
        }
        hessian.ger(-1.0, gradient, gradient, 1.0);
        value
    }

    /// The law's parameters from theta: E, amplitudes and exponents.
    pub fn natural(&self, theta: &[f64], centre: &[f64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.dimensions());
        values.extend(self.floor.map(|_| theta[0].exp()));
        for (term, mean) in centre.iter().enumerate().take(self.terms.len()) {
            let at = self.amplitude_at(term);
            let exponent = theta[at + 1];
            values.push((theta[at] + exponent * mean).exp().min(LARGEST));
            values.push(exponent);
        }
        values
    }

    /// Loss at a point, from the law's parameters.
    pub fn loss(&self, natural: &[f64], x: &[f64]) -> f64 {
        let floor = if self.has_floor() { natural[0] } else { 0.0 };
        let term = |(term, x): (usize, &f64)| {
            let at = self.amplitude_at(term);
            natural[at] * x.powf(-natural[at + 1])
        };
        floor + x.iter().enumerate().map(term).sum::<f64>()
    }
}

fn log_sum_exp(u: &[f64]) -> f64 {
    let most = u.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + u.iter().map(|u| (u - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        for form in Form::ALL {
            let law = form.law();
            let n = law.dimensions();
            let theta: Vec<f64> = (0..n).map(|i| 0.3 + 0.17 * i as f64).collect();
            let z = |term: usize| 1.3 - 2.1 * term as f64;
            let mut gradient = DVector::zeros(n);
            let mut hessian = DMatrix::zeros(n, n);
            law.derivatives(&theta, z, &mut gradient, &mut hessian);
            let h = 1e-5;
            for i in 0..n {
                let moved = |by: f64| {
                    let mut theta = theta.clone();
                    theta[i] += by;
                    theta
                };
                let slope = (law.log_loss(&moved(h), z) - law.log_loss(&moved(-h), z)) / (2.0 * h);
                assert!((slope - gradient[i]).abs() < 1e-9, "{form} {i}");
                let (mut up, mut down) = (DVector::zeros(n), DVector::zeros(n));
                let mut unused = DMatrix::zeros(n, n);
                law.derivatives(&moved(h), z, &mut up, &mut unused);
                law.derivatives(&moved(-h), z, &mut down, &mut unused);
                for j in 0..n {
                    let bend = (up[j] - down[j]) / (2.0 * h);
                    assert!((bend - hessian[(i, j)]).abs() < 1e-8, "{form} {i} {j}");
                }
            }
        }
    }
}

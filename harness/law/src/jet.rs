//! A number with its first and second derivatives by the P parameters of a law, carried through
//! every operation (forward-mode differentiation), so that each form is written once.

use std::ops::{Add, Mul, Sub};

use nalgebra::{SMatrix, SVector};

/// A value, its gradient and its Hessian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jet<const P: usize> {
    pub value: f64,
    pub gradient: SVector<f64, P>,
    pub hessian: SMatrix<f64, P, P>,
}

impl<const P: usize> Jet<P> {
    /// A number that no parameter changes.
    pub fn constant(value: f64) -> Self {
        Jet {
            value,
            gradient: SVector::zeros(),
            hessian: SMatrix::zeros(),
        }
    }

    /// The parameters themselves.
    pub fn parameters(theta: &[f64; P]) -> [Self; P] {
        std::array::from_fn(|index| {
            let mut jet = Jet::constant(theta[index]);
            jet.gradient[index] = 1.0;
            jet
        })
    }

    /// `f(self)` from f's value and its two derivatives there.
    pub fn map(self, value: f64, first: f64, second: f64) -> Self {
        Jet {
            value,
            gradient: self.gradient * first,
            hessian: self.hessian * first + self.gradient * self.gradient.transpose() * second,
        }
    }

    /// `f(self, other)` from f's value, its gradient and its Hessian `[ff, fg, gg]` there.
    pub fn map_two(self, other: Self, value: f64, first: [f64; 2], second: [f64; 3]) -> Self {
        let (f, g) = (self.gradient, other.gradient);
        let cross = f * g.transpose();
        Jet {
            value,
            gradient: f * first[0] + g * first[1],
            hessian: self.hessian * first[0]
                + other.hessian * first[1]
                + f * f.transpose() * second[0]
                + (cross + cross.transpose()) * second[1]
                + g * g.transpose() * second[2],
        }
    }

    pub fn exp(self) -> Self {
        let value = self.value.exp();
        self.map(value, value, value)
    }

    /// `exp(self) - 1`.
    pub fn exp_m1(self) -> Self {
        let slope = self.value.exp();
        self.map(self.value.exp_m1(), slope, slope)
    }

    pub fn ln(self) -> Self {
        let slope = self.value.recip();
        self.map(self.value.ln(), slope, -slope * slope)
    }

    /// `ln(1 + exp(self))`.
    pub fn softplus(self) -> Self {
        let rise = 1.0 / (1.0 + (-self.value).exp());
        self.map(softplus(self.value), rise, rise * (1.0 - rise))
    }

    /// `ln(exp(self) + exp(other))`.
    pub fn log_add(self, other: Self) -> Self {
        other + (self - other).softplus()
    }
}

/// `ln(1 + exp(x))`, which neither over- nor underflows.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl<const P: usize> Add for Jet<P> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Jet {
            value: self.value + other.value,
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
        }
    }
}

impl<const P: usize> Sub for Jet<P> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other * -1.0
    }
}

impl<const P: usize> Mul for Jet<P> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let value = self.value * other.value;
        self.map_two(other, value, [other.value, self.value], [0.0, 1.0, 0.0])
    }
}

impl<const P: usize> Add<f64> for Jet<P> {
    type Output = Self;

    fn add(mut self, other: f64) -> Self {
        self.value += other;
        self
    }
}

impl<const P: usize> Mul<f64> for Jet<P> {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Jet {
            value: self.value * factor,
            gradient: self.gradient * factor,
            hessian: self.hessian * factor,
        }
    }
}

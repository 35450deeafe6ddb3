//! Coordinates of theta that follow from others.

use nalgebra::{DMatrix, DVector};

use crate::jet::Jet;

/// A coordinate of theta as a function of the others, with its first and second derivatives.
#[derive(Debug, Clone)]
pub struct Coordinate {
    pub value: f64,
    pub gradient: DVector<f64>,
    pub hessian: DMatrix<f64>,
}

impl Coordinate {
    /// A number that no other changes, among so many coordinates.
    pub fn constant(value: f64, count: usize) -> Self {
        Coordinate {
            value,
            gradient: DVector::zeros(count),
            hessian: DMatrix::zeros(count, count),
        }
    }

    /// The coordinates themselves.
    pub fn all(theta: &[f64]) -> Vec<Self> {
        let each = theta.iter().enumerate();
        each.map(|(index, value)| {
            let mut coordinate = Coordinate::constant(*value, theta.len());
            coordinate.gradient[index] = 1.0;
            coordinate
        })
        .collect()
    }

    /// From a formula's arithmetic.
    pub fn of<const P: usize>(jet: &Jet<P>) -> Self {
        Coordinate {
            value: jet.value,
            gradient: DVector::from_column_slice(jet.gradient.as_slice()),
            hessian: DMatrix::from_column_slice(P, P, jet.hessian.as_slice()),
        }
    }

    /// For a formula's arithmetic.
    pub fn jet<const P: usize>(&self) -> Jet<P> {
        Jet {
            value: self.value,
            gradient: nalgebra::SVector::from_column_slice(self.gradient.as_slice()),
            hessian: nalgebra::SMatrix::from_column_slice(self.hessian.as_slice()),
        }
    }
}

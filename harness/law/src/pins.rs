//! Coordinates of theta that are held, so that a parameter has a given value: one fixed by the user, one
//! whose profile is walked along, one at its limit.

use nalgebra::{DMatrix, DVector};

use crate::jet::Jet;
use crate::law::Law;

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

/// Held coordinates of theta, each as a function of those that move.
#[derive(Debug, Clone)]
pub struct Pins {
    pub held: Vec<(usize, Coordinate)>,
}

impl Pins {
    /// Parameters at these values, as [`Law::pin`] takes them, where the others are those of theta.
    pub fn new(law: &dyn Law, pins: &[(usize, f64)], theta: &[f64]) -> Self {
        let mut held = Vec::with_capacity(pins.len());
        if pins.is_empty() {
            return Pins { held };
        }
        let mut coordinates = Coordinate::all(theta);
        // First what depends on no other coordinate: amplitudes depend on exponents, which may be held.
        let mut dependent = Vec::new();
        for &(index, value) in pins {
            let coordinate = law.pin(index, value, &coordinates);
            if coordinate.gradient.iter().all(|slope| *slope == 0.0) {
                held.push((index, coordinate));
            } else {
                dependent.push((index, value));
            }
        }
        for (index, coordinate) in &held {
            coordinates[*index] = coordinate.clone();
        }
        dependent.sort_by_key(|(index, _)| *index);
        for (index, value) in dependent {
            let coordinate = law.pin(index, value, &coordinates);
            coordinates[index] = coordinate.clone();
            held.push((index, coordinate));
        }
        Pins { held }
    }

    /// How theta moves with its coordinates that move: its derivatives by them.
    pub fn moves(&self, count: usize) -> DMatrix<f64> {
        let mut moves = DMatrix::identity(count, count);
        for (index, coordinate) in &self.held {
            moves.set_row(*index, &coordinate.gradient.transpose());
        }
        moves
    }
}

//! Coordinates of theta that are held, so that a parameter has a given value: one fixed by the user, one
//! whose profile is walked along, one at its limit.

use nalgebra::DMatrix;

use crate::coordinate::Coordinate;
use crate::law::Law;

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

//! What a written law is fitted in: how its variables are stored, and what its parameters are measured on.

use std::cmp::Ordering;

use crate::{FitOptions, LawError, Table};

use super::Written;
use super::program::{Scale, Stored};
use super::shape::{Centred, centred};

/// A written law for one table.
pub struct Frame {
    pub written: &'static Written,
    pub stored: Vec<Stored>,
    pub scales: Vec<Scale>,
    pub centred: Centred,
    /// Whether it predicts losses, and not their logarithms.
    pub of_values: bool,
    /// Where the user lets the search begin, by parameter.
    pub given: Vec<Option<f64>>,
}

impl Frame {
    /// For a table.
    ///
    /// # Errors
    /// If the options bound or start what the law does not have.
    pub fn new(
        written: &'static Written,
        table: &Table,
        options: &FitOptions,
    ) -> Result<Self, LawError> {
        let centre = table.centre();
        let stored = centre.iter().zip(table.plain());
        let stored: Vec<Stored> = stored
            .map(|(centre, plain)| match plain {
                true => Stored::Plain,
                false => Stored::Logarithm(*centre),
            })
            .collect();
        let of_values = table.is_of_values();
        let mut scales = written.scales(of_values);
        let names = written.declaration.parameters;
        let index = |name: &str| {
            let found = names.iter().position(|it| *it == name);
            found.ok_or_else(|| LawError::NoParameter {
                name: name.to_owned(),
                form: written.declaration.name,
                parameters: names,
            })
        };
        let mut may = vec![true; scales.len()];
        for (name, [low, high]) in &options.bounds {
            let index = index(name)?;
            may[index] = false;
            if low.partial_cmp(high) != Some(Ordering::Less) {
                return Err(LawError::NoRoom(name.clone()));
            }
            scales[index] = match (*low, *high) {
                (0.0, f64::INFINITY) => Scale::Logarithm,
                (low, f64::INFINITY) if low.is_finite() => Scale::Above(low),
                (f64::NEG_INFINITY, high) if high.is_finite() => Scale::Below(high),
                (low, high) if low.is_finite() && high.is_finite() => Scale::Between([low, high]),
                _ => return Err(LawError::NoRoom(name.clone())),
            };
        }
        let mut given = vec![None; scales.len()];
        for (name, value) in &options.starts {
            let index = index(name)?;
            let coordinate = scales[index].coordinate(*value);
            if !coordinate.is_finite() {
                return Err(LawError::NoRoom(name.clone()));
            }
            given[index] = Some(coordinate);
            // Its amplitude is the one that was given, and not that at the centre.
            may[index] = false;
        }
        let centred = centred(&written.tree, &stored, &may);
        Ok(Frame {
            written,
            stored,
            scales,
            centred,
            of_values,
            given,
        })
    }

    /// The coordinate of a parameter that is not centred, or of an amplitude at the centre: the nearest that it may have.
    pub fn coordinate(&self, index: usize, value: f64) -> f64 {
        const ROOM: f64 = 0.01;
        let scale = self.scales[index];
        let value = match scale {
            Scale::Between([low, high]) => {
                let room = ROOM * (high - low);
                value.clamp(low + room, high - room)
            }
            Scale::Above(low) => value.max(low + ROOM * low.abs().max(ROOM)),
            Scale::Below(high) => value.min(high - ROOM * high.abs().max(ROOM)),
            Scale::Plain | Scale::Logarithm => value,
        };
        scale.coordinate(value)
    }

    /// How variables are stored, and after them the same over their centres.
    pub fn places(&self) -> Vec<Stored> {
        let over = self.stored.iter().map(|stored| match stored {
            Stored::Logarithm(_) => Stored::Logarithm(0.0),
            Stored::Plain => Stored::Plain,
        });
        self.stored.iter().copied().chain(over).collect()
    }
}

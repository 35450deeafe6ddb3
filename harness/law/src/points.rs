//! The points of a fit.

use crate::Table;

/// The points of a fit, as the engine reads them.
#[derive(Debug, Clone)]
pub struct Points {
    variables: usize,
    centre: Vec<f64>,
    plain: Vec<bool>,
    z: Vec<f64>,
    log_loss: Vec<f64>,
    weight: Vec<f64>,
}

impl Points {
    /// A table's points with a weight each, their logarithms less `centre`.
    pub fn new(table: &Table, centre: &[f64], weight: Vec<f64>) -> Self {
        let variables = table.variables();
        let z = (0..table.len() * variables)
            .map(|at| table.log_x(at / variables)[at % variables] - centre[at % variables]);
        Points {
            variables,
            z: z.collect(),
            centre: centre.to_vec(),
            plain: table.plain().to_vec(),
            log_loss: (0..table.len())
                .map(|point| table.log_loss(point))
                .collect(),
            weight,
        }
    }

    /// The same points with one more variable, as it is.
    pub fn with(&self, variable: Vec<f64>) -> Self {
        let all = (0..self.len()).zip(variable);
        let mut centre = self.centre.clone();
        let mut plain = self.plain.clone();
        centre.push(0.0);
        plain.push(true);
        Points {
            variables: self.variables + 1,
            z: all
                .flat_map(|(point, more)| self.z(point).iter().copied().chain([more]))
                .collect(),
            centre,
            plain,
            ..self.clone()
        }
    }

    pub fn len(&self) -> usize {
        self.log_loss.len()
    }

    pub fn variables(&self) -> usize {
        self.variables
    }

    /// Centred logarithms of a point's variables.
    #[inline]
    pub fn z(&self, point: usize) -> &[f64] {
        &self.z[point * self.variables..(point + 1) * self.variables]
    }

    /// A point's variable, as it is.
    pub fn x(&self, point: usize, variable: usize) -> f64 {
        let kept = self.z(point)[variable] + self.centre[variable];
        if self.plain[variable] {
            kept
        } else {
            kept.exp()
        }
    }

    #[inline]
    pub fn log_loss(&self, point: usize) -> f64 {
        self.log_loss[point]
    }

    #[inline]
    pub fn weight(&self, point: usize) -> f64 {
        self.weight[point]
    }

    /// Smallest and largest log loss.
    pub fn losses(&self) -> [f64; 2] {
        bounds(self.log_loss.iter().copied())
    }

    /// Whether the loss grows with a variable, by the slope of a line through all points.
    pub fn rises(&self, variable: usize) -> bool {
        let weight: f64 = self.weight.iter().sum();
        let mean = |of: &dyn Fn(usize) -> f64| -> f64 {
            let all = (0..self.len()).map(|point| self.weight[point] * of(point));
            all.sum::<f64>() / weight
        };
        let z = mean(&|point| self.z(point)[variable]);
        mean(&|point| (self.z(point)[variable] - z) * self.log_loss[point]) > 0.0
    }

    /// Smallest and largest centred logarithm of a variable.
    pub fn span(&self, variable: usize) -> [f64; 2] {
        bounds((0..self.len()).map(|point| self.z(point)[variable]))
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    })
}

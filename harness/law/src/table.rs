//! The points a law is fitted to.

/// Points: the variables of a law and the loss measured there. Points that no law can use (not
/// finite, not above zero) are left out and counted.
#[derive(Debug, Clone, Default)]
pub struct Table {
    variables: usize,
    /// Natural logarithms of the variables, point after point.
    log_x: Vec<f64>,
    /// Natural logarithms of the losses.
    log_loss: Vec<f64>,
    left_out: Vec<usize>,
    pushed: usize,
}

impl Table {
    /// A table of laws of `variables` variables.
    pub fn new(variables: usize) -> Self {
        Table {
            variables,
            ..Table::default()
        }
    }

    /// Adds a point.
    ///
    /// # Panics
    /// If `x` has another number of variables than the table.
    pub fn push(&mut self, x: &[f64], loss: f64) {
        assert_eq!(x.len(), self.variables, "a point has the table's variables");
        let usable = |value: &f64| value.is_finite() && *value > 0.0;
        if x.iter().all(usable) && usable(&loss) {
            self.log_x.extend(x.iter().map(|value| value.ln()));
            self.log_loss.push(loss.ln());
        } else {
            self.left_out.push(self.pushed);
        }
        self.pushed += 1;
    }

    /// Usable points.
    pub fn len(&self) -> usize {
        self.log_loss.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.log_loss.is_empty()
    }

    /// Points left out, by the order in which they were pushed, from 0.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// Variables of a point.
    pub fn variables(&self) -> usize {
        self.variables
    }

    pub(crate) fn log_x(&self, point: usize) -> &[f64] {
        &self.log_x[point * self.variables..(point + 1) * self.variables]
    }

    pub(crate) fn log_loss(&self, point: usize) -> f64 {
        self.log_loss[point]
    }

    /// Mean logarithm of every variable.
    pub(crate) fn centre(&self) -> Vec<f64> {
        let n = self.len() as f64;
        (0..self.variables)
            .map(|v| {
                (0..self.len())
                    .map(|point| self.log_x(point)[v])
                    .sum::<f64>()
                    / n
            })
            .collect()
    }

    /// How many different values a variable takes, to nine digits.
    pub(crate) fn distinct(&self, variable: usize) -> usize {
        let mut values: Vec<f64> = (0..self.len())
            .map(|point| self.log_x(point)[variable])
            .collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| (*a - *b).abs() <= 1e-9);
        values.len()
    }

    /// Losses, smallest first.
    pub(crate) fn least_loss(&self) -> f64 {
        self.log_loss
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
            .exp()
    }
}

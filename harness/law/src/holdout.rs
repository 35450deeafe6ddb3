//! Judging a law by what it says of runs that it has not seen.

use serde::{Deserialize, Serialize};

use crate::{FitOptions, Form, LawError, Prediction, Table, fit};

/// Which runs are hidden from a law: the largest, foretold from all smaller ones, step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hiding {
    /// How many runs, or groups of points, are hidden.
    pub runs: usize,
    /// In how many steps they are foretold (rolling origins): each step's runs from all smaller ones, hidden or not. In
    /// one step all are foretold from the runs that are not hidden.
    pub origins: usize,
}

/// A hidden run, and what the law said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// The order in which its point was pushed, from 0.
    pub pushed_as: usize,
    /// To how many points the law was fitted that foretold it; fits of older versions do not say.
    #[serde(default)]
    pub fitted_to: usize,
    /// Its training FLOPs.
    pub flops: f64,
    /// Its measured loss.
    pub loss: f64,
    /// What the law fitted to smaller runs says.
    pub predicted: Prediction,
}

impl Hidden {
    /// Whether the measured loss lies in the interval for a run; `None` where there is none.
    pub fn inside(&self) -> Option<bool> {
        let [low, high] = self.predicted.run95?;
        Some(low <= self.loss && self.loss <= high)
    }

    /// By how much the law misses: of the loss itself, or of its logarithm.
    pub(crate) fn error(&self, of_values: bool) -> f64 {
        if of_values {
            self.predicted.loss - self.loss
        } else {
            (self.predicted.loss / self.loss).ln()
        }
    }
}

/// A law fitted to small runs and scored on large ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// The hidden runs, largest first.
    pub hidden: Vec<Hidden>,
    /// Root mean square of the log errors on them.
    pub error: f64,
    /// Mean of the log errors on them; above zero where the law says too much.
    pub bias: f64,
    /// Hidden points whose loss lies in its interval.
    pub inside: usize,
    /// What was hidden: points, or groups of them.
    pub units: usize,
    /// In how many steps they were foretold.
    pub origins: usize,
}

/// Hides the largest runs by `flops` (one count per usable point; points of one group are one
/// run), and predicts them from smaller ones.
///
/// # Errors
/// If there are not as many runs, the rest cannot be fitted, or the law has no number for the hidden.
///
/// # Panics
/// If there are not as many `flops` as usable points.
pub fn holdout(
    form: Form,
    table: &Table,
    flops: &[f64],
    hiding: Hiding,
    options: &FitOptions,
) -> Result<Holdout, LawError> {
    assert_eq!(flops.len(), table.len(), "every usable point has its FLOPs");
    let mut units = table.units();
    let largest = |unit: &[usize]| unit.iter().map(|p| flops[*p]).fold(0.0, f64::max);
    units.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
    let Hiding { runs, origins } = hiding;
    if runs == 0 || runs >= units.len() {
        return Err(LawError::TooManyHidden {
            hidden: runs,
            points: units.len(),
            what: if units.len() < table.len() {
                "groups"
            } else {
                "points"
            },
        });
    }
    let origins = origins.clamp(1, runs);
    let mut hidden = Vec::new();
    for step in 0..origins {
        let [from, to] = [step, step + 1].map(|step| step * runs / origins);
        let mut rest: Vec<usize> = units[to..].concat();
        rest.sort_unstable();
        let fit = fit(form, &table.select(&rest), options)?;
        hidden.extend(units[from..to].concat().into_iter().map(|point| Hidden {
            pushed_as: table.pushed_as()[point],
            fitted_to: rest.len(),
            flops: flops[point],
            loss: table.loss(point),
            predicted: fit.predict(&table.x(point)),
        }));
    }
    let of_values = table.is_of_values();
    let says = |loss: f64| loss.is_finite() && (of_values || loss > 0.0);
    if hidden.iter().any(|it| !says(it.predicted.loss)) {
        return Err(LawError::SaysNothing { form: form.name() });
    }
    let errors: Vec<f64> = hidden.iter().map(|it| it.error(of_values)).collect();
    let n = errors.len() as f64;
    Ok(Holdout {
        error: (errors.iter().map(|e| e * e).sum::<f64>() / n).sqrt(),
        bias: errors.iter().sum::<f64>() / n,
        inside: hidden.iter().filter(|h| h.inside() == Some(true)).count(),
        units: runs,
        origins,
        hidden,
    })
}

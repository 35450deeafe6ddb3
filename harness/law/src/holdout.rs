//! Judging a law by what it says of runs that it has not seen.

use serde::{Deserialize, Serialize};

use crate::{Fit, FitOptions, Form, LawError, Prediction, Table, fit};

/// A hidden run, and what the law said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// The order in which its point was pushed, from 0.
    pub pushed_as: usize,
    /// Its training FLOPs.
    pub flops: f64,
    /// Its measured loss.
    pub loss: f64,
    /// What the law fitted to the others says.
    pub predicted: Prediction,
}

impl Hidden {
    /// Whether the measured loss lies in the interval for a run; `None` where there is none.
    pub fn inside(&self) -> Option<bool> {
        let [low, high] = self.predicted.run95?;
        Some(low <= self.loss && self.loss <= high)
    }
}

/// A law fitted to small runs and scored on large ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// The fit to the runs not hidden.
    pub fit: Fit,
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
}

/// Hides the `count` largest runs by `flops` (one count per usable point; points of one group are one
/// run), fits the rest, and predicts the hidden.
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
    count: usize,
    options: &FitOptions,
) -> Result<Holdout, LawError> {
    assert_eq!(flops.len(), table.len(), "every usable point has its FLOPs");
    let mut units = table.units();
    let largest = |unit: &[usize]| unit.iter().map(|p| flops[*p]).fold(0.0, f64::max);
    units.sort_by(|a, b| largest(b).total_cmp(&largest(a)));
    if count == 0 || count >= units.len() {
        return Err(LawError::TooManyHidden {
            hidden: count,
            points: units.len(),
            what: if units.len() < table.len() {
                "groups"
            } else {
                "points"
            },
        });
    }
    let hidden: Vec<usize> = units[..count].concat();
    let mut rest: Vec<usize> = units[count..].concat();
    rest.sort_unstable();
    let fit = fit(form, &table.select(&rest), options)?;
    let hidden: Vec<Hidden> = hidden
        .into_iter()
        .map(|point| Hidden {
            pushed_as: table.pushed_as()[point],
            flops: flops[point],
            loss: table.loss(point),
            predicted: fit.predict(&table.x(point)),
        })
        .collect();
    let of_values = fit.is_of_values();
    let says = |loss: f64| loss.is_finite() && (of_values || loss > 0.0);
    if hidden.iter().any(|it| !says(it.predicted.loss)) {
        return Err(LawError::SaysNothing { form: form.name() });
    }
    let errors: Vec<f64> = hidden
        .iter()
        .map(|hidden| {
            if of_values {
                hidden.predicted.loss - hidden.loss
            } else {
                (hidden.predicted.loss / hidden.loss).ln()
            }
        })
        .collect();
    let n = errors.len() as f64;
    Ok(Holdout {
        error: (errors.iter().map(|e| e * e).sum::<f64>() / n).sqrt(),
        bias: errors.iter().sum::<f64>() / n,
        inside: hidden.iter().filter(|h| h.inside() == Some(true)).count(),
        units: count,
        fit,
        hidden,
    })
}

//! What a fit makes small.

use serde::{Deserialize, Serialize};

/// A loss function of log residuals `r = ln predicted - ln measured`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "kebab-case")]
pub enum Objective {
    /// Sum of Huber's function: `r^2 / 2` up to `delta`, linear beyond, so that a run that went
    /// wrong does not pull the law to itself (Hoffmann et al. 2022, eq. 3, with delta 1e-3).
    HuberLog {
        /// Where it turns linear.
        delta: f64,
    },
}

impl Default for Objective {
    fn default() -> Self {
        Objective::HuberLog { delta: 1e-3 }
    }
}

impl Objective {
    /// Value, first and second derivative at one residual.
    pub(crate) fn at(self, r: f64) -> (f64, f64, f64) {
        let Objective::HuberLog { delta } = self;
        if r.abs() <= delta {
            (0.5 * r * r, r, 1.0)
        } else {
            (delta * (r.abs() - 0.5 * delta), delta.copysign(r), 0.0)
        }
    }

    /// The same objective, smoother: its bend is at least at `delta`.
    pub(crate) fn smoothed(self, at_least: f64) -> Self {
        let Objective::HuberLog { delta } = self;
        Objective::HuberLog {
            delta: delta.max(at_least),
        }
    }
}

//! What a fitted law says of runs not made.

use serde::{Deserialize, Serialize};

use crate::Fit;

/// Resamples that a run's interval is made of, each with every quantile of the noise.
const MOST_RESAMPLES: usize = 250;

/// A predicted loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// At the optimum.
    pub loss: f64,
    /// 95% interval of the law there, over the resamples; `None` where they do not surround the loss.
    pub ci95: Option<[f64; 2]>,
    /// 95% interval of a run's loss there: the law's resamples, and the scatter of the fitted runs around it.
    pub run95: Option<[f64; 2]>,
}

impl Fit {
    /// The law's loss at a point, given in the order of [`Form::variables`](crate::Form::variables).
    ///
    /// # Panics
    /// If the point has another number of variables.
    pub fn predict(&self, x: &[f64]) -> Prediction {
        let losses: Vec<f64> = self
            .resamples
            .iter()
            .map(|values| self.form.loss(values, x))
            .collect();
        let every = losses.len().div_ceil(MOST_RESAMPLES).max(1);
        let scattered = |losses: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
            losses
                .flat_map(|loss| {
                    self.noise
                        .iter()
                        .map(move |noise| self.scattered(loss, *noise))
                })
                .collect()
        };
        let runs = scattered(&mut losses.iter().copied().step_by(every));
        let ends = self.at_ends(x);
        let loss = self.form.loss(&self.values(), x);
        let ci95 = self.interval(loss, &losses, &ends);
        // A run scatters around the law wherever that lies, so its interval holds the law's.
        let nothing = self.scattered(1.0, 0.0);
        let scatter = self.interval(nothing, &scattered(&mut [1.0].into_iter()), &[nothing]);
        let around = ci95.zip(scatter).map(|(law, scatter)| {
            let wide = |law: f64| {
                scatter.map(|one| {
                    if self.is_of_values() {
                        law + one - 1.0
                    } else {
                        law * one
                    }
                })
            };
            if ends.is_empty() {
                law.to_vec()
            } else {
                law.into_iter().flat_map(wide).collect()
            }
        });
        Prediction {
            loss,
            ci95,
            run95: ci95.and_then(|_| self.interval(loss, &runs, &around.unwrap_or_default())),
        }
    }

    /// The loss of a run that lies so far from the law.
    fn scattered(&self, loss: f64, noise: f64) -> f64 {
        if self.is_of_values() {
            loss + noise
        } else {
            loss * noise.exp()
        }
    }

    /// What the law says at the ends of the profiles of parameters whose resamples pile up.
    fn at_ends(&self, x: &[f64]) -> Vec<f64> {
        self.ends
            .iter()
            .map(|values| self.form.loss(values, x))
            .collect()
    }
}

//! What a fitted law says of runs not made.

use serde::{Deserialize, Serialize};

use crate::Fit;
use crate::interval::{holding, weighted_percentile};

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

/// What the resamples of a law say at a point.
struct Said {
    loss: f64,
    /// The law's losses.
    laws: Vec<f64>,
    /// Losses of runs.
    runs: Vec<f64>,
    /// What the law says at the ends of the profiles of parameters whose resamples pile up.
    ends: Vec<f64>,
}

impl Fit {
    /// The law's loss at a point, given in the order of [`Form::variables`](crate::Form::variables).
    ///
    /// # Panics
    /// If the point has another number of variables.
    pub fn predict(&self, x: &[f64]) -> Prediction {
        let Said {
            loss,
            laws,
            runs,
            ends,
        } = self.said(x);
        let ci95 = self.interval(loss, &laws, &ends);
        // A run scatters around the law wherever that lies, so its interval holds the law's.
        let nothing = self.scattered(1.0, 0.0);
        let scatter: Vec<f64> = self.scatter(&mut [1.0].into_iter());
        let scatter = self.interval(nothing, &scatter, &[nothing]);
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

    fn said(&self, x: &[f64]) -> Said {
        let at = |values: &Vec<f64>| self.form.loss(values, x);
        let laws: Vec<f64> = self.resamples.iter().map(at).collect();
        let every = laws.len().div_ceil(MOST_RESAMPLES).max(1);
        Said {
            loss: self.form.loss(&self.values(), x),
            runs: self.scatter(&mut laws.iter().copied().step_by(every)),
            ends: self.ends.iter().map(at).collect(),
            laws,
        }
    }

    /// The losses of runs whose law has these losses.
    fn scatter(&self, losses: &mut dyn Iterator<Item = f64>) -> Vec<f64> {
        let around = |loss: f64| {
            self.noise
                .iter()
                .map(move |noise| self.scattered(loss, *noise))
        };
        losses.flat_map(around).collect()
    }

    /// The loss of a run that lies so far from the law.
    fn scattered(&self, loss: f64, noise: f64) -> f64 {
        if self.is_of_values() {
            loss + noise
        } else {
            loss * noise.exp()
        }
    }
}

/// A forecast averaged over laws that the runs do not tell apart: each with its weight, and the point in its variables. The
/// intervals are those of the mixture of what the laws' resamples say, so that they hold the laws' disagreement too; there
/// is none where a law has none.
///
/// # Panics
/// If there is no law, or a point has another number of variables than its law.
pub fn average(laws: &[(f64, &Fit, &[f64])]) -> Prediction {
    assert!(!laws.is_empty(), "an average is of laws");
    let all: Vec<(f64, &Fit, Said)> = laws
        .iter()
        .map(|(weight, fit, x)| (*weight, *fit, fit.said(x)))
        .collect();
    let sum = |of: &dyn Fn(&Fit, &Said) -> f64| -> f64 {
        let each = all.iter().map(|(weight, fit, said)| weight * of(fit, said));
        each.sum::<f64>() / all.iter().map(|(weight, ..)| weight).sum::<f64>()
    };
    let loss = sum(&|_, said| said.loss);
    let tail = sum(&|fit, _| fit.tail());
    let ends: Vec<f64> = all
        .iter()
        .flat_map(|(.., said)| said.ends.iter().copied())
        .collect();
    let interval = |of: &dyn Fn(&Said) -> &Vec<f64>, also: &[f64]| -> Option<[f64; 2]> {
        if all.iter().any(|(.., said)| of(said).is_empty()) {
            return None;
        }
        let all = all.iter().map(|(weight, _, said)| (*weight, of(said)));
        let mixed: Vec<(f64, f64)> = all
            .flat_map(|(weight, losses)| {
                let one = weight / losses.len() as f64;
                losses.iter().map(move |loss| (*loss, one))
            })
            .collect();
        let [low, high] = weighted_percentile(mixed, tail)?;
        let also = also.iter().copied().filter(|end| end.is_finite());
        let [low, high] = also.fold([low, high], |[low, high], end| {
            [low.min(end), high.max(end)]
        });
        holding(loss, [low, high])
    };
    let ci95 = interval(&|said| &said.laws, &ends);
    // A run scatters around the law wherever that lies, at the ends of profiles too.
    let scattered = laws.iter().filter(|(_, fit, _)| !fit.ends.is_empty());
    let scattered = scattered.filter_map(|(_, fit, x)| fit.predict(x).run95);
    let around: Vec<f64> = scattered.chain(ci95).flatten().collect();
    Prediction {
        loss,
        ci95,
        run95: ci95.and_then(|_| interval(&|said| &said.runs, &around)),
    }
}

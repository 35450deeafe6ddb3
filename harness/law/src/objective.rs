//! What a fit makes small.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erf;

use crate::lanes::{Column, exp};

/// A loss function of a law's residuals; `r = ln predicted - ln measured`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "kebab-case")]
pub enum Objective {
    /// Sum of Huber's function: `r^2 / 2` up to `delta`, linear beyond, so that a run that went
    /// wrong does not pull the law to itself (Hoffmann et al. 2022, eq. 3, with delta 1e-3).
    HuberLog {
        /// Where it turns linear.
        delta: f64,
    },
    /// Negative log-likelihood of residuals whose density is `exp(-Huber(r / s)) / (s Z)`, with the
    /// scale s free (Besiroglu et al. 2024, arXiv:2404.10102, who use delta 1e-3).
    HuberLikelihood {
        /// Where it turns linear, in scales.
        delta: f64,
    },
    /// Half the sum of squares of r.
    LsqLog,
    /// Half the sum of squares of `predicted - measured`, in units of the loss.
    Lsq,
    /// Sum of Huber's function of `predicted - measured`, in units of the loss; of written laws.
    Huber {
        /// Where it turns linear.
        delta: f64,
    },
}

const fn bend(delta: f64) -> Objective {
    Objective::HuberLog { delta }
}

/// Ever sharper bends.
static SHARPER: [Objective; 2] = [bend(0.1), bend(0.01)];
/// Towards least squares of losses.
static BY_LOGS: [Objective; 2] = [bend(0.1), Objective::LsqLog];

impl Default for Objective {
    fn default() -> Self {
        Objective::HuberLog { delta: 1e-3 }
    }
}

impl Objective {
    /// The objective's name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Objective::HuberLog { .. } => "huber-log",
            Objective::HuberLikelihood { .. } => "huber-likelihood",
            Objective::LsqLog => "lsq-log",
            Objective::Lsq => "lsq",
            Objective::Huber { .. } => "huber",
        }
    }

    /// The objective of this name, or `None`; `delta` is Huber's.
    pub fn named(name: &str, delta: f64) -> Option<Self> {
        let all = [
            Objective::HuberLog { delta },
            Objective::HuberLikelihood { delta },
            Objective::LsqLog,
            Objective::Lsq,
            Objective::Huber { delta },
        ];
        all.into_iter().find(|objective| objective.name() == name)
    }

    /// Whether its residuals are of losses, and not of their logarithms.
    pub fn is_of_values(self) -> bool {
        matches!(self, Objective::Lsq | Objective::Huber { .. })
    }

    /// The same of predictions that are losses themselves, where residuals are what it takes for those of logarithms.
    pub(crate) fn of_values(self) -> Self {
        match self {
            Objective::Huber { delta } => Objective::HuberLog { delta },
            Objective::Lsq => Objective::LsqLog,
            of_logarithms => of_logarithms,
        }
    }

    /// Objectives to minimise first, smoothest first: far from the minimum a sharp bend gives
    /// Newton's method no curvature to work with. The likelihood's bend is at `delta` times its
    /// scale, a millionth of the residuals where delta is 1e-3, and is closed in on by tens.
    pub(crate) fn stages(self) -> &'static [Objective] {
        match self {
            Objective::HuberLog { delta } | Objective::Huber { delta } => {
                let wider = SHARPER
                    .iter()
                    .take_while(|stage| stage.delta() > 3.0 * delta);
                &SHARPER[..wider.count()]
            }
            Objective::HuberLikelihood { delta } if delta > 0.1 => &SHARPER[..1],
            Objective::HuberLikelihood { .. } => &SHARPER,
            Objective::LsqLog => &SHARPER[..1],
            Objective::Lsq => &BY_LOGS,
        }
    }

    pub(crate) fn delta(self) -> f64 {
        match self {
            Objective::HuberLog { delta }
            | Objective::HuberLikelihood { delta }
            | Objective::Huber { delta } => delta,
            Objective::LsqLog | Objective::Lsq => f64::INFINITY,
        }
    }

    /// How two values of the objective may differ and still be the same minimum.
    pub(crate) fn tolerance(self, value: f64, points: f64) -> f64 {
        match self {
            Objective::HuberLikelihood { .. } => 1e-6 * points,
            _ => 1e-6 * value.abs() + 1e-24,
        }
    }

    /// What the objective adds for each point. Only a free scale needs the residuals.
    pub(crate) fn kernel(self, residuals: impl Fn() -> Vec<(f64, f64)>) -> Kernel {
        match self {
            Objective::HuberLog { delta } | Objective::Huber { delta } => {
                Kernel::Huber { delta, scale: 1.0 }
            }
            Objective::HuberLikelihood { delta } => Kernel::Huber {
                delta,
                scale: free_scale(&residuals(), delta),
            },
            Objective::LsqLog => Kernel::Square,
            Objective::Lsq => Kernel::SquareOfLoss,
        }
    }

    /// What the objective adds once, for points of this total weight.
    pub(crate) fn offset(self, kernel: Kernel, weight: f64) -> f64 {
        match (self, kernel) {
            (Objective::HuberLikelihood { delta }, Kernel::Huber { scale, .. }) => {
                weight * (scale.ln() + normalizer(delta, 1.0).ln())
            }
            _ => 0.0,
        }
    }

    /// Negative log-likelihood of the residual density that this objective stands for: `exp(-f/t)/Z`
    /// with its temperature t chosen best. `value` is the objective at the fit.
    pub(crate) fn likelihood(self, value: f64, weight: f64) -> f64 {
        let t = self.temperature(value, weight);
        match self {
            Objective::HuberLikelihood { .. } => value,
            Objective::LsqLog | Objective::Lsq => {
                0.5 * weight * (1.0 + (2.0 * std::f64::consts::PI * t).ln())
            }
            Objective::HuberLog { delta } | Objective::Huber { delta } => {
                value / t + weight * normalizer(delta, t).ln()
            }
        }
    }

    /// The temperature t of that density: a difference of t in the objective is one of 1 in the
    /// log-likelihood.
    pub(crate) fn temperature(self, value: f64, weight: f64) -> f64 {
        let mean = value.max(f64::MIN_POSITIVE) / weight;
        match self {
            Objective::HuberLikelihood { .. } => 1.0,
            Objective::LsqLog | Objective::Lsq => 2.0 * mean,
            Objective::HuberLog { delta } | Objective::Huber { delta } => {
                let at = |log_t: f64| mean / log_t.exp() + normalizer(delta, log_t.exp()).ln();
                // Residuals far beyond delta have the mean, those within it twice that.
                golden_section(at, mean.ln() - 1.0, mean.ln() + 2.0).exp()
            }
        }
    }
}

/// What one point adds to an objective.
#[derive(Debug, Clone, Copy)]
pub enum Kernel {
    /// Huber's function of `r / scale`.
    Huber { delta: f64, scale: f64 },
    /// `r^2 / 2`.
    Square,
    /// `(exp(predicted) - exp(measured))^2 / 2`.
    SquareOfLoss,
}

impl Kernel {
    /// Values, first and second derivatives by the predicted log losses.
    #[inline(always)]
    pub fn columns(self, predicted: &Column, measured: &Column) -> [Column; 3] {
        let r = Column::of(|row| predicted.0[row] - measured.0[row]);
        match self {
            Kernel::Huber { delta, scale } => {
                let inverse = scale.recip();
                let u = r.map(|r| r * inverse);
                // As comparisons, which are instructions of vectors; NaN passes.
                let bent = u.map(|u| {
                    let u = if u > delta { delta } else { u };
                    if u < -delta { -delta } else { u }
                });
                [
                    Column::of(|row| bent.0[row] * (u.0[row] - 0.5 * bent.0[row])),
                    bent.map(|bent| bent * inverse),
                    u.map(|u| {
                        if u.abs() <= delta {
                            inverse * inverse
                        } else {
                            0.0
                        }
                    }),
                ]
            }
            Kernel::Square => [r.map(|r| 0.5 * r * r), r, r.map(|_| 1.0)],
            Kernel::SquareOfLoss => {
                let (p, m) = (predicted.map(exp), measured.map(exp));
                [
                    Column::of(|row| 0.5 * (p.0[row] - m.0[row]).powi(2)),
                    Column::of(|row| (p.0[row] - m.0[row]) * p.0[row]),
                    Column::of(|row| p.0[row] * (2.0 * p.0[row] - m.0[row])),
                ]
            }
        }
    }
}

/// Integral of `exp(-Huber(r) / t)` over r.
fn normalizer(delta: f64, t: f64) -> f64 {
    let inner = (2.0 * std::f64::consts::PI * t).sqrt() * erf(delta / (2.0 * t).sqrt());
    inner + 2.0 * t / delta * (-0.5 * delta * delta / t).exp()
}

/// A scale below this is rounding.
const LEAST_SCALE: f64 = 1e-15;

/// The scale that makes weighted residuals most likely: the root of `sum w psi(u) u = sum w`, with
/// `u = r / s`. The likelihood is convex in `ln s`, so Newton's method finds it.
fn free_scale(residuals: &[(f64, f64)], delta: f64) -> f64 {
    let weight: f64 = residuals.iter().map(|(_, w)| w).sum();
    let size: f64 = residuals.iter().map(|(r, w)| w * r.abs()).sum();
    let mut s = (delta.min(1.0) * size / weight).max(LEAST_SCALE).ln();
    for _ in 0..50 {
        let inverse = (-s).exp();
        let (mut slope, mut bend) = (weight, 0.0);
        for (r, w) in residuals {
            let u = (r * inverse).abs();
            if u <= delta {
                slope -= w * u * u;
                bend += 2.0 * w * u * u;
            } else {
                slope -= w * delta * u;
                bend += w * delta * u;
            }
        }
        let step = (slope / bend.max(1e-300)).clamp(-1.0, 1.0);
        s -= step;
        if step.abs() < 1e-13 || s < LEAST_SCALE.ln() {
            break;
        }
    }
    s.exp().max(LEAST_SCALE)
}

/// Where a function with one minimum between two points has it.
pub fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    const SHARE: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - SHARE * (high - low), low + SHARE * (high - low));
    let (mut at_a, mut at_b) = (f(a), f(b));
    while high - low > 1e-7 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - SHARE * (high - low);
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + SHARE * (high - low);
            at_b = f(b);
        }
    }
    0.5 * (low + high)
}

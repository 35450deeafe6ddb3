//! A fit: the law that suits the points best, and how sure it is.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::bootstrap::{Resamples, jackknife, resample};
use crate::form::with_law;
use crate::interval::{bca, deviation, percentile, quantile, student_quantile, tail};
use crate::law::{Law, Points};
use crate::minimize::{Minimum, Problem};
use crate::profile::{Reach, profile};
use crate::verdict::{Verdict, advice};
use crate::{Form, LawError, Objective, Table};

/// Minima beside the best one that refits begin at.
const MOST_MINIMA: usize = 4;
/// Fewer resamples than this have no percentiles to speak of.
const LEAST_RESAMPLES: usize = 20;
/// An amplitude far from the data overflows where its exponent is not bounded; JSON has no infinity.
const LARGEST: f64 = 1e300;
/// Quantiles kept of the residuals.
const QUANTILES: usize = 41;

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// What is made small.
    pub objective: Objective,
    /// Bootstrap resamples.
    pub bootstrap: usize,
    /// Of the bootstrap.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
            objective: Objective::default(),
            bootstrap: 1000,
            seed: 0,
        }
    }
}

/// One parameter of a fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// As in the form's equation.
    pub name: String,
    /// At the optimum.
    pub value: f64,
    /// Standard error: the spread over the resamples. An amplitude's are far from normal, and it is
    /// the interval that says how sure it is.
    pub se: Option<f64>,
    /// Bias-corrected and accelerated interval over the resamples: the one to quote.
    pub ci95: Option<[f64; 2]>,
    /// Percentile interval over the resamples.
    pub percentile95: Option<[f64; 2]>,
    /// Interval by profile likelihood; an end is `None` where the data do not bound it.
    pub profile95: Option<[Option<f64>; 2]>,
    /// Whether the data bound the parameter; `None` where the fit did not converge.
    pub verdict: Option<Verdict>,
    /// What kind of run would bound it, where these do not.
    pub advice: Option<String>,
}

impl Parameter {
    /// Whether the data bound the parameter on both sides.
    pub fn identified(&self) -> Option<bool> {
        self.verdict.map(|verdict| verdict == Verdict::Identified)
    }
}

/// A fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The law's form.
    pub form: Form,
    /// What was made small.
    pub objective: Objective,
    /// Points fitted.
    pub points: usize,
    /// What the bootstrap draws: points, or groups of them.
    pub units: usize,
    /// The law's parameters, in the order of its equation.
    pub parameters: Vec<Parameter>,
    /// The objective at the optimum.
    pub value: f64,
    /// The gradient there, relative to the points' own contributions.
    pub gradient_norm: f64,
    /// Descents made.
    pub starts: usize,
    /// Descents that ended at the optimum.
    pub starts_at_optimum: usize,
    /// The objective at the next best minimum, where descents found another.
    pub next_minimum: Option<f64>,
    /// Whether the gradient vanishes at the optimum and the objective curves upwards.
    pub converged: bool,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// Equally spaced quantiles, 0 to 1, of log measured over predicted loss, widened by
    /// `sqrt(n / (n - p))`.
    pub noise: Vec<f64>,
    /// Akaike's criterion, corrected for few points (Hurvich and Tsai 1989): of two forms fitted to
    /// the same points by the same objective, the lower is the better bet.
    pub aicc: Option<f64>,
    /// Smallest and largest value of each variable among the points.
    pub range: Vec<[f64; 2]>,
    /// The parameters of every resample, in the same order.
    pub resamples: Vec<Vec<f64>>,
    /// Resamples whose refit did not converge, and which are not among these.
    pub failed_resamples: usize,
}

impl Fit {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The 95% interval of what resamples make of a number, wider for few points as parameters' are.
    pub(crate) fn interval(&self, values: &[f64]) -> Option<[f64; 2]> {
        percentile(values, tail(self.units, self.parameters.len()))
    }

    pub(crate) fn values(&self) -> Vec<f64> {
        self.parameters
            .iter()
            .map(|parameter| parameter.value)
            .collect()
    }
}

/// Fits a form to a table: descents from a grid of starts, the best minimum, and how sure it is.
///
/// # Errors
/// If there are too few points, a variable does not vary, or no descent ends at a minimum.
///
/// # Panics
/// If the table has another number of variables than the form.
pub fn fit(form: Form, table: &Table, options: &FitOptions) -> Result<Fit, LawError> {
    check(form, table, options)?;
    let centre = table.centre();
    let points = Points::new(table, &centre, table.weights(options.objective)?);
    with_law!(form, &centre, |law, P| {
        fit_law::<_, P>(&law, form, table, &points, options)
    })
}

fn fit_law<L: Law<P>, const P: usize>(
    law: &L,
    form: Form,
    table: &Table,
    points: &Points,
    options: &FitOptions,
) -> Result<Fit, LawError> {
    let problem = Problem::new(law, points, options.objective);
    let search = search(&problem, form)?;
    let best = &search.minima[0];
    let units = table.units();
    let minima: Vec<[f64; P]> = search.minima.iter().map(|minimum| minimum.theta).collect();
    let count = if best.converged { options.bootstrap } else { 0 };
    let resamples = resample(&problem, &minima, &units, count, options.seed);
    let left_out = if resamples.thetas.len() < LEAST_RESAMPLES {
        Vec::new()
    } else {
        jackknife(&problem, &minima, &units)
    };
    let spread = Spread {
        problem: &problem,
        form,
        best,
        units: units.len(),
        least_loss: table.least_loss(),
        resamples: &resamples,
        jackknife: &left_out,
    };
    let residuals = problem.residuals(&best.theta);
    Ok(Fit {
        form,
        objective: options.objective,
        points: table.len(),
        units: units.len(),
        parameters: spread.parameters(),
        value: best.value,
        gradient_norm: best.gradient,
        starts: search.starts,
        starts_at_optimum: search.at_optimum,
        next_minimum: search.minima.get(1).map(|minimum| minimum.value),
        converged: best.converged,
        residual: root_mean_square(&residuals),
        noise: noise(&residuals, P),
        aicc: aicc(&problem, best),
        range: (0..table.variables()).map(|v| table.range(v)).collect(),
        resamples: resamples
            .thetas
            .iter()
            .map(|theta| natural(law, theta).to_vec())
            .collect(),
        failed_resamples: resamples.failed,
    })
}

fn check(form: Form, table: &Table, options: &FitOptions) -> Result<(), LawError> {
    assert_eq!(
        table.variables(),
        form.variables().len(),
        "a table has the form's variables"
    );
    if let Objective::HuberLog { delta } | Objective::HuberLikelihood { delta } = options.objective
        && !(delta.is_finite() && delta > 0.0)
    {
        return Err(LawError::BadDelta(delta));
    }
    let parameters = form.parameters().len();
    if table.len() <= parameters {
        return Err(LawError::TooFew {
            points: table.len(),
            form: form.name(),
            parameters,
            needed: parameters + 1,
        });
    }
    for (index, variable) in form.variables().iter().enumerate() {
        let (distinct, needed) = (table.distinct(index), form.distinct_needed(index));
        if distinct < needed {
            return Err(LawError::NotVaried {
                variable,
                form: form.name(),
                distinct,
                needed,
            });
        }
    }
    Ok(())
}

/// What the descents found.
struct Search<const P: usize> {
    starts: usize,
    at_optimum: usize,
    /// Different minima, best first; where none converged, the lowest point reached.
    minima: Vec<Minimum<P>>,
}

fn search<L: Law<P>, const P: usize>(
    problem: &Problem<L, P>,
    form: Form,
) -> Result<Search<P>, LawError> {
    let starts = problem.law.starts(problem.points);
    let mut ends: Vec<Minimum<P>> = starts
        .par_iter()
        .map(|start| problem.descend(start))
        .filter(|end| end.value.is_finite() && end.theta.iter().all(|t| t.is_finite()))
        .collect();
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    let lowest = *ends
        .first()
        .ok_or(LawError::NoMinimum { form: form.name() })?;
    let tolerance = problem.objective.tolerance(lowest.value, problem.weight());
    let same = |a: f64, b: f64| (a - b).abs() <= tolerance;
    let mut minima: Vec<Minimum<P>> = Vec::new();
    for end in ends.iter().filter(|end| end.converged) {
        let new = minima
            .last()
            .is_none_or(|last| !same(last.value, end.value));
        if new && minima.len() < MOST_MINIMA {
            minima.push(*end);
        }
    }
    // A point below every minimum means that the true one was not found.
    if minima
        .first()
        .is_none_or(|best| !same(best.value, lowest.value))
    {
        minima = vec![lowest];
    }
    let best = minima[0].value;
    Ok(Search {
        starts: starts.len(),
        at_optimum: ends
            .iter()
            .filter(|end| end.converged && same(end.value, best))
            .count(),
        minima,
    })
}

/// The form's parameters from theta, none infinite.
fn natural<L: Law<P>, const P: usize>(law: &L, theta: &[f64; P]) -> [f64; P] {
    law.natural(theta)
        .map(|value| value.clamp(-LARGEST, LARGEST))
}

/// What tells how sure a fit's parameters are.
struct Spread<'a, L, const P: usize> {
    problem: &'a Problem<'a, L, P>,
    form: Form,
    best: &'a Minimum<P>,
    units: usize,
    least_loss: f64,
    resamples: &'a Resamples<P>,
    jackknife: &'a [[f64; P]],
}

impl<L: Law<P>, const P: usize> Spread<'_, L, P> {
    fn parameters(&self) -> Vec<Parameter> {
        let rise = self.rise();
        (0..P)
            .into_par_iter()
            .map(|index| self.parameter(index, rise))
            .collect()
    }

    fn parameter(&self, index: usize, rise: f64) -> Parameter {
        let law = self.problem.law;
        let drawn = |thetas: &[[f64; P]]| -> Vec<f64> {
            thetas
                .iter()
                .map(|theta| natural(law, theta)[index])
                .collect()
        };
        let value = natural(law, &self.best.theta)[index];
        let values = drawn(&self.resamples.thetas);
        let left_out = drawn(self.jackknife);
        let enough = values.len() >= LEAST_RESAMPLES;
        let tail = tail(self.units, P);
        let coordinates: Vec<f64> = values.iter().map(|v| self.coordinate(index, *v)).collect();
        let spread = deviation(&coordinates);
        let ends = self.best.converged.then(|| {
            let role = self.form.roles()[index];
            let at = self.coordinate(index, value);
            let reach = Reach::new(role, law.logarithmic(index), at, self.least_loss);
            let step = spread.filter(|d| *d < 1.0).unwrap_or(0.05).max(1e-4);
            profile(self.problem, self.best, index, at, step, rise, reach)
        });
        let verdict = ends.map(Verdict::of);
        Parameter {
            name: self.form.parameters()[index].to_owned(),
            value,
            se: deviation(&values),
            ci95: bca(&values, value, &left_out, tail)
                .or_else(|| percentile(&values, tail))
                .filter(|_| enough),
            percentile95: percentile(&values, tail).filter(|_| enough),
            profile95: ends.map(|ends| {
                ends.map(|end| end.map(|end| self.value(index, end).clamp(-LARGEST, LARGEST)))
            }),
            verdict,
            advice: verdict.and_then(|verdict| advice(self.form, index, verdict)),
        }
    }

    fn coordinate(&self, index: usize, value: f64) -> f64 {
        if self.problem.law.logarithmic(index) {
            value.ln()
        } else {
            value
        }
    }

    fn value(&self, index: usize, coordinate: f64) -> f64 {
        if self.problem.law.logarithmic(index) {
            coordinate.exp()
        } else {
            coordinate
        }
    }

    /// How far above its minimum the objective is not to be told from it, for one parameter. In the
    /// resamples the objective at the fit lies above their own minimum by noise alone, in proportion
    /// to a chi-squared of P degrees: that measures the noise, whatever its distribution. Where there
    /// are too few, the objective's own density does.
    fn rise(&self) -> f64 {
        let (n, p) = (self.units as f64, P as f64);
        let left = (n - p).max(1.0);
        let unit = if self.resamples.drops.len() >= LEAST_RESAMPLES {
            let chi = ChiSquared::new(p).expect("a freedom above zero");
            quantile(&self.resamples.drops, 0.5).unwrap_or(0.0).max(0.0) / chi.inverse_cdf(0.5)
        } else {
            let weight = self.problem.weight();
            0.5 * self.problem.objective.temperature(self.best.value, weight)
        };
        unit * n / left * student_quantile(left).powi(2)
    }
}

fn root_mean_square(residuals: &[(f64, f64)]) -> f64 {
    let sum: f64 = residuals.iter().map(|(r, _)| r * r).sum();
    (sum / residuals.len() as f64).sqrt()
}

/// Quantiles of how far measured losses lie from the law.
fn noise(residuals: &[(f64, f64)], parameters: usize) -> Vec<f64> {
    let n = residuals.len() as f64;
    let widened = (n / (n - parameters as f64).max(1.0)).sqrt();
    let values: Vec<f64> = residuals.iter().map(|(r, _)| -r * widened).collect();
    (0..QUANTILES)
        .filter_map(|k| quantile(&values, k as f64 / (QUANTILES - 1) as f64))
        .collect()
}

fn aicc<L: Law<P>, const P: usize>(problem: &Problem<L, P>, best: &Minimum<P>) -> Option<f64> {
    let n = problem.points.len() as f64;
    // The noise's scale is a parameter too.
    let k = P as f64 + 1.0;
    let likelihood = problem.objective.likelihood(best.value, problem.weight());
    let aicc = 2.0 * likelihood + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    Some(aicc).filter(|aicc| n > k + 1.0 && aicc.is_finite())
}

//! A fit: the law that suits the points best, and how sure it is.

use serde::{Deserialize, Serialize};

use crate::bootstrap::resample;
use crate::minimize::{Minimum, Problem};
use crate::quantile::{deviation, middle_95};
use crate::starts::starts;
use crate::{Form, LawError, Objective, Table};

/// Two minima whose values differ by less than this share are one.
const SAME_MINIMUM: f64 = 1e-6;
/// A floor below this share of the least loss is none.
const NO_FLOOR: f64 = 1e-3;
/// Exponents out of these bounds say nothing about the data: the power is flat, or gone.
const EXPONENTS: std::ops::Range<f64> = 5e-3..4.0;

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
    /// Standard error: the spread over the resamples.
    pub se: Option<f64>,
    /// Percentile interval over the resamples.
    pub ci95: Option<[f64; 2]>,
    /// Whether the data bound the parameter: its interval reaches neither a floor of nothing nor a
    /// power that is flat or gone. `None` where there was no bootstrap to tell.
    pub identified: Option<bool>,
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
    /// Whether the gradient vanishes at the optimum and the objective curves upwards.
    pub converged: bool,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// Smallest and largest value of each variable among the points.
    pub range: Vec<[f64; 2]>,
    /// The parameters of every resample, in the same order.
    pub resamples: Vec<Vec<f64>>,
}

/// A predicted loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// At the optimum.
    pub loss: f64,
    /// Of the law there, over the resamples; a new run scatters around it.
    pub ci95: Option<[f64; 2]>,
}

impl Fit {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The law's loss at a point, given in the order of [`Form::variables`].
    ///
    /// # Panics
    /// If the point has another number of variables.
    pub fn predict(&self, x: &[f64]) -> Prediction {
        assert_eq!(
            x.len(),
            self.form.variables().len(),
            "a point has the form's variables"
        );
        let law = self.form.law();
        let losses: Vec<f64> = self
            .resamples
            .iter()
            .map(|values| law.loss(values, x))
            .collect();
        Prediction {
            loss: law.loss(&self.values(), x),
            ci95: middle_95(&losses),
        }
    }

    pub(crate) fn values(&self) -> Vec<f64> {
        self.parameters
            .iter()
            .map(|parameter| parameter.value)
            .collect()
    }
}

/// Fits a form to a table: descents from a grid of starts, the best minimum, and its bootstrap.
///
/// # Errors
/// If there are too few points, a variable does not vary, or no descent ends at a minimum.
///
/// # Panics
/// If the table has another number of variables than the form.
pub fn fit(form: Form, table: &Table, options: &FitOptions) -> Result<Fit, LawError> {
    check(form, table)?;
    let law = form.law();
    let problem = Problem {
        law,
        centre: table.centre(),
        weights: vec![1.0; table.len()],
        objective: options.objective,
        table,
    };
    let starts = starts(&problem);
    let minima: Vec<Minimum> = starts.iter().map(|start| problem.descend(start)).collect();
    let best = best(&minima).ok_or(LawError::NoMinimum { form: form.name() })?;
    let at_optimum =
        |minimum: &&Minimum| minimum.value <= best.value * (1.0 + SAME_MINIMUM) + 1e-24;
    let natural = |theta: &Vec<f64>| law.natural(theta, &problem.centre);
    let thetas = resample(
        &problem,
        &best.theta,
        &starts,
        options.bootstrap,
        options.seed,
    );
    let resamples: Vec<Vec<f64>> = thetas.iter().map(natural).collect();
    Ok(Fit {
        form,
        objective: options.objective,
        points: table.len(),
        parameters: parameters(form, table, &natural(&best.theta), &resamples),
        value: best.value,
        gradient_norm: best.gradient,
        starts: starts.len(),
        starts_at_optimum: minima.iter().filter(at_optimum).count(),
        converged: best.converged,
        residual: residual(&problem, &best.theta),
        range: (0..table.variables())
            .map(|variable| range(table, variable))
            .collect(),
        resamples,
    })
}

fn check(form: Form, table: &Table) -> Result<(), LawError> {
    assert_eq!(
        table.variables(),
        form.variables().len(),
        "a table has the form's variables"
    );
    let parameters = form.law().dimensions();
    if table.len() <= parameters {
        return Err(LawError::TooFew {
            points: table.len(),
            form: form.name(),
            parameters,
            needed: parameters + 1,
        });
    }
    // Two values make a power, a third one makes its floor.
    let needed = if form.law().has_floor() { 3 } else { 2 };
    for (index, variable) in form.variables().iter().enumerate() {
        let distinct = table.distinct(index);
        if distinct < needed {
            return Err(LawError::NotVaried {
                variable,
                distinct,
                needed,
            });
        }
    }
    Ok(())
}

/// The lowest minimum; where none converged, the lowest point reached, which then says so.
fn best(minima: &[Minimum]) -> Option<&Minimum> {
    let finite = || minima.iter().filter(|minimum| minimum.value.is_finite());
    let least = finite().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let same = |minimum: &&Minimum| minimum.value <= least.value * (1.0 + SAME_MINIMUM) + 1e-24;
    let converged = finite().filter(same).filter(|minimum| minimum.converged);
    Some(
        converged
            .min_by(|a, b| a.value.total_cmp(&b.value))
            .unwrap_or(least),
    )
}

fn parameters(form: Form, table: &Table, values: &[f64], resamples: &[Vec<f64>]) -> Vec<Parameter> {
    let law = form.law();
    let names = law.names();
    let drawn = |index: usize| {
        resamples
            .iter()
            .map(|values| values[index])
            .collect::<Vec<_>>()
    };
    let bounded = |index: usize| -> Option<bool> {
        let [low, high] = middle_95(&drawn(index))?;
        if law.has_floor() && index == 0 {
            return Some(low > NO_FLOOR * table.least_loss());
        }
        Some(EXPONENTS.contains(&low) && EXPONENTS.contains(&high))
    };
    (0..names.len())
        .map(|index| Parameter {
            name: names[index].to_owned(),
            value: values[index],
            se: deviation(&drawn(index)),
            ci95: middle_95(&drawn(index)),
            // An amplitude is known as far as its exponent is.
            identified: match law
                .terms()
                .iter()
                .position(|term| term.amplitude == names[index])
            {
                Some(term) => bounded(law.amplitude_at(term) + 1),
                None => bounded(index),
            },
        })
        .collect()
}

fn residual(problem: &Problem, theta: &[f64]) -> f64 {
    let table = problem.table;
    let squared = |point: usize| {
        let z = |term: usize| table.log_x(point)[term] - problem.centre[term];
        (problem.law.log_loss(theta, z) - table.log_loss(point)).powi(2)
    };
    ((0..table.len()).map(squared).sum::<f64>() / table.len() as f64).sqrt()
}

fn range(table: &Table, variable: usize) -> [f64; 2] {
    let values = (0..table.len()).map(|point| table.log_x(point)[variable].exp());
    values.fold([f64::INFINITY, 0.0], |[low, high], value| {
        [low.min(value), high.max(value)]
    })
}

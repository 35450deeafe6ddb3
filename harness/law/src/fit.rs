//! A fit: the law that suits the points best, and how sure it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::effects::RandomEffects;
use crate::identification::Identification;
use crate::interval::{holding, percentile, tail};
use crate::misfit::{LackOfFit, Pattern};
use crate::{Form, LawError, Objective, Table};

/// Of fewer points (or groups) than this there are not as many different resamples as percentiles
/// need: of six there are 462, of five 126.
pub(crate) const LEAST_UNITS: usize = 6;

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// What is made small.
    pub objective: Objective,
    /// Bootstrap resamples.
    pub bootstrap: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Parameters that are not fitted, by name, and their values.
    pub fixed: Vec<(String, f64)>,
    /// Between what parameters of a written law lie, by name.
    pub bounds: Vec<(String, [f64; 2])>,
    /// Where the search for parameters of a written law begins, by name.
    pub starts: Vec<(String, f64)>,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
            objective: Objective::default(),
            bootstrap: 1000,
            seed: 0,
            fixed: Vec::new(),
            bounds: Vec::new(),
            starts: Vec::new(),
        }
    }
}

/// One parameter of a fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the form's equation.
    pub name: String,
    /// At the optimum.
    pub value: f64,
    /// Standard error: the spread over the resamples. An amplitude's are far from normal, and it is
    /// the interval that says how sure it is. `None` where resamples pile up at a boundary.
    pub se: Option<f64>,
    /// The interval to quote: bias-corrected and accelerated, over the resamples. Where these pile up at
    /// a boundary (a floor at nothing), they say nothing of how far the parameter may lie from it, and it
    /// is the profile's; `None` if that has no end, and where the resamples do not surround the value.
    pub ci95: Option<[f64; 2]>,
    /// Percentile interval over the resamples, where they surround the value.
    pub percentile95: Option<[f64; 2]>,
    /// Interval by profile likelihood; an end is `None` where the data do not bound it.
    pub profile95: Option<[Option<f64>; 2]>,
    /// Whether the data bound the parameter; `None` where the fit did not converge.
    pub verdict: Option<Identification>,
    /// What kind of run would bound it, where these do not.
    pub advice: Option<String>,
}

impl Parameter {
    /// Whether its interval begins at nothing and its value is next to that: what it is to the last digit says only
    /// where the search stopped.
    pub fn is_nothing(&self) -> bool {
        const NEXT_TO_NOTHING: f64 = 1e-3;
        self.ci95
            .is_some_and(|[low, high]| low == 0.0 && self.value < NEXT_TO_NOTHING * high)
    }

    /// Whether the data bound the parameter on both sides; `None` where they were not asked.
    pub fn identified(&self) -> Option<bool> {
        match self.verdict? {
            Identification::Fixed => None,
            verdict => Some(verdict == Identification::Identified),
        }
    }
}

impl Parameter {
    /// One that is not fitted.
    pub(crate) fn fixed(name: String, value: f64) -> Self {
        Parameter {
            name,
            value,
            se: None,
            ci95: None,
            percentile95: None,
            profile95: None,
            verdict: Some(Identification::Fixed),
            advice: None,
        }
    }
}

/// A fit of several groups of points at once, which share some of their law's parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// The parameters that they share.
    pub shared: Vec<String>,
    /// Groups.
    pub groups: usize,
    /// Points of all of them.
    pub points: usize,
    /// What the bootstrap draws, of all of them.
    pub units: usize,
    /// Parameters that are fitted, of all of them.
    pub free: usize,
}

/// A fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The law's form.
    pub form: Form,
    /// What was made small.
    pub objective: Objective,
    /// Between what parameters were kept, by name; an end that is open is `None`.
    pub bounds: BTreeMap<String, [Option<f64>; 2]>,
    /// Points fitted.
    pub points: usize,
    /// What the bootstrap draws: points, or groups of them.
    pub units: usize,
    /// The law's parameters, in the order of its equation.
    pub parameters: Vec<Parameter>,
    /// The objective at the optimum; of a joint fit that of all groups.
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
    /// Why it is not converged, in words.
    pub trouble: Option<String>,
    /// Why there are no intervals, in words, where there are too few points or groups for any.
    pub no_intervals: Option<String>,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// Equally spaced quantiles, 0 to 1, of log measured over predicted loss, widened by
    /// `sqrt(n / (n - p))`; of runs that count by random effects, by their weights.
    pub noise: Vec<f64>,
    /// How replicates scatter, and their cells, where runs count by that.
    pub effects: Option<RandomEffects>,
    /// What runs that repeat say of the law, where some do.
    pub lack_of_fit: Option<LackOfFit>,
    /// Where residuals run in a pattern, the surest first.
    pub patterns: Vec<Pattern>,
    /// The fit that this one is a part of, where several groups of points were fitted at once.
    pub joint: Option<Joint>,
    /// Akaike's criterion, corrected for few points (Hurvich and Tsai 1989): of two forms fitted to
    /// the same points by the same objective, the lower is the better bet. Of a joint fit it is that of all groups.
    pub aicc: Option<f64>,
    /// Smallest and largest value of each variable among the points.
    pub range: Vec<[f64; 2]>,
    /// The parameters of every resample, in the same order.
    pub resamples: Vec<Vec<f64>>,
    /// Resamples whose refit did not converge, and which are not among these.
    pub failed_resamples: usize,
    /// The parameters at the ends of the profile of each parameter whose resamples pile up at a boundary:
    /// predictions hold what these say as well.
    pub ends: Vec<Vec<f64>>,
}

impl Fit {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The 95% interval of what resamples make of a number, wider for few points as parameters' are, and
    /// with what the law makes of it at the `ends` of profiles. `None` where it does not hold the estimate.
    pub(crate) fn interval(&self, estimate: f64, values: &[f64], also: &[f64]) -> Option<[f64; 2]> {
        let [low, high] = percentile(values, self.tail())?;
        let held = also.iter().filter(|value| value.is_finite());
        let ends = held.fold([low, high], |[low, high], value| {
            [low.min(*value), high.max(*value)]
        });
        holding(estimate, ends)
    }

    /// Whether the law misses its runs in a way that their noise does not explain: then no further run
    /// would mend it.
    pub fn is_misfit(&self) -> bool {
        let misses = |it: &LackOfFit| it.misses();
        self.lack_of_fit.as_ref().is_some_and(misses) || !self.patterns.is_empty()
    }

    /// The share of resamples beyond either end of an interval.
    pub(crate) fn tail(&self) -> f64 {
        if let Some(joint) = &self.joint {
            return tail(joint.units, joint.free);
        }
        let free = self
            .parameters
            .iter()
            .filter(|it| it.verdict != Some(Identification::Fixed));
        tail(self.units, free.count())
    }

    /// Whether its residuals are of losses, and not of their logarithms.
    pub fn is_of_values(&self) -> bool {
        matches!(self.form, Form::Written(_)) && self.objective.is_of_values()
    }

    /// How far a point lies outside of the points fitted: each variable that does, by name, with its
    /// value over the largest fitted, or over the smallest.
    ///
    /// # Panics
    /// If the point has another number of variables than the form.
    pub fn beyond(&self, x: &[f64]) -> Vec<(&'static str, f64)> {
        let names = self.form.variables();
        assert_eq!(x.len(), names.len(), "a point has the form's variables");
        let all = names.iter().zip(x).zip(&self.range);
        all.filter_map(|((name, value), [low, high])| {
            let times = if *low > 0.0 {
                (value / high).max(1.0) * (value / low).min(1.0)
            } else {
                // Of what may be zero, by how many widths of the range.
                let width = (high - low).max(f64::MIN_POSITIVE);
                1.0 + ((value - high).max(low - value) / width).max(0.0)
            };
            // The range is kept as logarithms, which round.
            ((times - 1.0).abs() > 1e-9).then_some((*name, times))
        })
        .collect()
    }

    pub(crate) fn values(&self) -> Vec<f64> {
        self.parameters
            .iter()
            .map(|parameter| parameter.value)
            .collect()
    }
}

/// Whether a form could be fitted to a table, whatever its losses.
///
/// # Errors
/// If there are too few points, a variable does not vary enough, or an option makes no sense.
///
/// # Panics
/// If the table has another number of variables than the form.
pub fn possible(form: Form, table: &Table, options: &FitOptions) -> Result<(), LawError> {
    assert_eq!(
        table.variables(),
        form.variables().len(),
        "a table has the form's variables"
    );
    let written = matches!(form, Form::Written(_));
    if !written && matches!(options.objective, Objective::Huber { .. }) {
        return Err(LawError::OfLogarithms(form.name()));
    }
    if written && options.objective.is_of_values() != table.is_of_values() {
        return Err(LawError::OtherResiduals(options.objective.name()));
    }
    if let Objective::HuberLog { delta }
    | Objective::HuberLikelihood { delta }
    | Objective::Huber { delta } = options.objective
        && !(delta.is_finite() && delta > 0.0)
    {
        return Err(LawError::BadDelta(delta));
    }
    let parameters = form.parameters().len().saturating_sub(options.fixed.len());
    if table.len() <= parameters {
        return Err(LawError::TooFew {
            points: table.len(),
            form: form.name(),
            parameters,
            needed: parameters + 1,
        });
    }
    // Whoever gives some of the parameters may have what tells the others.
    let varied = form.variables().iter().enumerate();
    for (index, variable) in varied.filter(|_| options.fixed.is_empty()) {
        let (distinct, needed) = (table.distinct(index), form.declaration().distinct[index]);
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

//! A fit: the law that suits the points best, and how sure it is.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::bootstrap::{Resamples, jackknife, resample};
use crate::declaration::Role;
use crate::identification::{Identification, advice};
use crate::interval::{bca, deviation, holding, percentile, quantile, student_quantile, tail};
use crate::law::Law;
use crate::minimize::{Minimum, Problem, Stop};
use crate::misfit::{LackOfFit, Pattern, Residuals};
use crate::points::Points;
use crate::profile::{End, Reach, profile};
use crate::{Form, LawError, Objective, Table};

/// Minima beside the best one that refits begin at.
const MOST_MINIMA: usize = 4;
/// Fewer resamples than this have no percentiles to speak of.
const LEAST_RESAMPLES: usize = 20;
/// Of fewer points (or groups) than this there are not as many different resamples as percentiles
/// need: of six there are 462, of five 126.
pub(crate) const LEAST_UNITS: usize = 6;
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
    fn fixed(name: String, value: f64) -> Self {
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
    /// Why it is not converged, in words.
    pub trouble: Option<String>,
    /// Why there are no intervals, in words, where there are too few points or groups for any.
    pub no_intervals: Option<String>,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// Equally spaced quantiles, 0 to 1, of log measured over predicted loss, widened by
    /// `sqrt(n / (n - p))`.
    pub noise: Vec<f64>,
    /// What runs that repeat say of the law, where some do.
    pub lack_of_fit: Option<LackOfFit>,
    /// Where residuals run in a pattern, the surest first.
    pub patterns: Vec<Pattern>,
    /// Akaike's criterion, corrected for few points (Hurvich and Tsai 1989): of two forms fitted to
    /// the same points by the same objective, the lower is the better bet.
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

/// Fits a form to a table: descents from a grid of starts, the best minimum, and how sure it is.
///
/// # Errors
/// If there are too few points, a variable does not vary, or no descent ends at a minimum.
///
/// # Panics
/// If the table has another number of variables than the form.
pub fn fit(form: Form, table: &Table, options: &FitOptions) -> Result<Fit, LawError> {
    possible(form, table, options)?;
    let centre = table.centre();
    let points = Points::new(table, &centre, table.weights(options.objective)?);
    let law = form.law(table, options)?;
    fit_law(&*law, form, table, &points, options)
}

fn fit_law(
    law: &dyn Law,
    form: Form,
    table: &Table,
    points: &Points,
    options: &FitOptions,
) -> Result<Fit, LawError> {
    let objective = if table.is_of_values() {
        options.objective.of_values()
    } else {
        options.objective
    };
    let mut problem = Problem::new(law, points, objective);
    problem.pins = fixed(law, form, &options.fixed)?;
    let free = law.count() - problem.pins.len();
    let mut search = search(&problem, form)?;
    let lost = lost(law, form, &search.minima[0].theta);
    search.minima[0].converged &= lost.is_none();
    let best = &search.minima[0];
    let units = table.units();
    let no_intervals = too_few_units(table, units.len(), free);
    let minima: Vec<Vec<f64>> = search
        .minima
        .iter()
        .map(|minimum| minimum.theta.clone())
        .collect();
    let drawn = best.converged && no_intervals.is_none();
    let count = if drawn { options.bootstrap } else { 0 };
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
        free,
        profiled: drawn,
        least_loss: table.least_loss(),
        resamples: &resamples,
        jackknife: &left_out,
    };
    let residuals = problem.residuals(&best.theta);
    let seen = Residuals::new(form, points, &residuals);
    let (parameters, ends): (Vec<_>, Vec<_>) = spread.parameters().into_iter().unzip();
    Ok(Fit {
        form,
        objective: options.objective,
        points: table.len(),
        units: units.len(),
        parameters,
        value: best.value,
        // JSON has no infinity: where nothing pulls, or without end, it is as large as numbers are.
        gradient_norm: if best.gradient.is_finite() {
            best.gradient
        } else {
            f64::MAX
        },
        starts: search.starts,
        starts_at_optimum: search.at_optimum,
        next_minimum: search.minima.get(1).map(|minimum| minimum.value),
        converged: best.converged,
        trouble: (!best.converged).then(|| lost.unwrap_or_else(|| trouble(&problem, form, best))),
        no_intervals,
        residual: root_mean_square(&residuals),
        noise: noise(&residuals, free),
        lack_of_fit: if best.converged && !table.is_of_values() {
            seen.lack_of_fit(free)
        } else {
            None
        },
        patterns: if best.converged && !table.is_of_values() {
            seen.patterns(free)
        } else {
            Vec::new()
        },
        aicc: aicc(&problem, best, free),
        range: (0..table.variables()).map(|v| table.range(v)).collect(),
        resamples: resamples
            .thetas
            .iter()
            .map(|theta| natural(law, theta))
            .collect(),
        failed_resamples: resamples.failed,
        ends: ends.concat(),
    })
}

/// The parameters that are not fitted, by index, as [`Law::pin`] takes them.
fn fixed(
    law: &dyn Law,
    form: Form,
    given: &[(String, f64)],
) -> Result<Vec<(usize, f64)>, LawError> {
    let one = |(name, value): &(String, f64)| {
        let names = form.parameters();
        let index = names.iter().position(|it| it == name);
        let index = index.ok_or_else(|| LawError::NoParameter {
            name: name.clone(),
            form: form.name(),
            parameters: names,
        })?;
        let value = if law.logarithmic(index) {
            value.ln()
        } else {
            *value
        };
        // A floor or an amplitude of nothing has no logarithm: as good as nothing will do.
        let value = if value == f64::NEG_INFINITY {
            NOTHING
        } else {
            value
        };
        let [low, high] = law.bounds(index);
        if !(low..=high).contains(&value) {
            return Err(LawError::NoRoom(name.clone()));
        }
        if value.is_finite() {
            Ok((index, value))
        } else {
            Err(LawError::NoValue(name.clone()))
        }
    };
    for (at, (name, _)) in given.iter().enumerate() {
        if given[..at].iter().any(|(before, _)| before == name) {
            return Err(LawError::FixedTwice(name.clone()));
        }
    }
    given.iter().map(one).collect()
}

/// The logarithm that stands for nothing.
const NOTHING: f64 = -700.0;

/// Why there is no interval to be had of so few points, or groups of them.
fn too_few_units(table: &Table, units: usize, free: usize) -> Option<String> {
    let needed = (free + 3).max(LEAST_UNITS);
    (units < needed).then(|| {
        let what = if units < table.len() {
            "groups"
        } else {
            "points"
        };
        format!(
            "{units} {what} are too few for intervals of {free} parameters; {needed} are the least"
        )
    })
}

/// Why a descent did not end at a minimum, in words.
fn trouble(problem: &Problem, form: Form, end: &Minimum) -> String {
    let why = match end.stop {
        Stop::Steps => "the search used up its steps",
        Stop::NotFinite => "the objective is not finite",
        Stop::NoStep | Stop::Minimum => "no step lowers the objective any more",
    };
    let values = natural(problem.law, &end.theta);
    // Far out on a logarithmic scale: what it runs to, it never reaches.
    let far = |index: &usize| {
        let value = values[*index].abs();
        problem.law.logarithmic(*index) && !(1e-12..1e12).contains(&value)
    };
    let run: Vec<String> = (0..values.len())
        .filter(far)
        .map(|index| format!("{} = {:.1e}", form.parameters()[index], values[index]))
        .collect();
    let run = if run.is_empty() {
        String::new()
    } else {
        format!(", with {}", run.join(" and "))
    };
    format!(
        "{why}, and the relative gradient is still {:.0e}{run}",
        end.gradient
    )
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

/// What the descents found.
struct Search {
    starts: usize,
    at_optimum: usize,
    /// Different minima, best first; where none converged, the lowest point reached.
    minima: Vec<Minimum>,
}

fn search(problem: &Problem, form: Form) -> Result<Search, LawError> {
    let starts = problem.law.starts(problem.points);
    let mut ends: Vec<Minimum> = starts
        .par_iter()
        .map(|start| problem.descend(start))
        .filter(|end| end.value.is_finite() && end.theta.iter().all(|t| t.is_finite()))
        .collect();
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    let lowest = ends
        .first()
        .cloned()
        .ok_or(LawError::NoMinimum { form: form.name() })?;
    let tolerance = problem.objective.tolerance(lowest.value, problem.weight());
    let same = |a: f64, b: f64| (a - b).abs() <= tolerance;
    let mut minima: Vec<Minimum> = Vec::new();
    for end in ends.iter().filter(|end| end.converged) {
        let new = minima
            .last()
            .is_none_or(|last| !same(last.value, end.value));
        if new && minima.len() < MOST_MINIMA {
            minima.push(end.clone());
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

/// Which parameters are so large or small that no number holds them: the law that is kept would not be the one that
/// was fitted.
fn lost(law: &dyn Law, form: Form, theta: &[f64]) -> Option<String> {
    let values = law.natural(theta);
    let beyond = |index: &usize| {
        let size = values[*index].abs();
        let vanished = law.logarithmic(*index) && size < LARGEST.recip();
        vanished || size.is_nan() || size >= LARGEST
    };
    let names: Vec<&str> = (0..values.len())
        .filter(beyond)
        .map(|index| form.parameters()[index])
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} lies beyond 1e300 or below 1e-300: the runs do not tell it",
            names.join(" and ")
        )
    })
}

/// The form's parameters from theta, none infinite.
fn natural(law: &dyn Law, theta: &[f64]) -> Vec<f64> {
    let values = law.natural(theta).into_iter();
    values.map(|value| value.clamp(-LARGEST, LARGEST)).collect()
}

/// What tells how sure a fit's parameters are.
struct Spread<'a> {
    problem: &'a Problem<'a>,
    form: Form,
    best: &'a Minimum,
    units: usize,
    /// Parameters that are not fixed.
    free: usize,
    /// Whether intervals are to be had at all.
    profiled: bool,
    least_loss: f64,
    resamples: &'a Resamples,
    jackknife: &'a [Vec<f64>],
}

impl Spread<'_> {
    /// Every parameter, with the law at the ends of its profile where its resamples pile up.
    fn parameters(&self) -> Vec<(Parameter, Vec<Vec<f64>>)> {
        let rise = self.rise();
        (0..self.problem.law.count())
            .into_par_iter()
            .map(|index| self.parameter(index, rise))
            .collect()
    }

    fn parameter(&self, index: usize, rise: f64) -> (Parameter, Vec<Vec<f64>>) {
        let law = self.problem.law;
        let name = self.form.parameters()[index].to_owned();
        let value = natural(law, &self.best.theta)[index];
        if self.problem.pins.iter().any(|(pinned, _)| *pinned == index) {
            return (Parameter::fixed(name, value), Vec::new());
        }
        let drawn = |thetas: &[Vec<f64>]| -> Vec<f64> {
            thetas
                .iter()
                .map(|theta| natural(law, theta)[index])
                .collect()
        };
        let values = drawn(&self.resamples.thetas);
        let left_out = drawn(self.jackknife);
        let enough = values.len() >= LEAST_RESAMPLES;
        let tail = tail(self.units, self.free);
        let coordinates: Vec<f64> = values.iter().map(|v| self.coordinate(index, *v)).collect();
        let at = self.coordinate(index, value);
        let reach = Reach::new(self.form, law, index, at, self.least_loss);
        let ends = (self.profiled && self.best.converged).then(|| {
            let step = self.step(index, at, &coordinates);
            profile(self.problem, self.best, index, at, step, rise, reach)
        });
        let bounds = ends
            .as_ref()
            .map(|ends| ends.each_ref().map(|end| end.bound));
        let profile95 = bounds.map(|bounds| {
            let value = |end| self.value(index, end).clamp(-LARGEST, LARGEST);
            // An amplitude that underflows has no logarithm to start from.
            let [low, high] = bounds.map(|end| end.map(value).filter(|value| !value.is_nan()));
            // From its logarithm and back a bound may move past the value by a rounding.
            let at = natural(law, &self.best.theta)[index];
            [low.map(|low| low.min(at)), high.map(|high| high.max(at))]
        });
        let piled = ends.filter(|_| enough && self.piles_up(index, &coordinates, reach, tail));
        let verdict = bounds.map(Identification::of);
        let held = |interval: Option<[f64; 2]>| interval.and_then(|ends| holding(value, ends));
        let percentile95 = held(percentile(&values, tail)).filter(|_| enough && piled.is_none());
        let resampled = held(bca(&values, value, &left_out, tail)).filter(|_| enough);
        let parameter = Parameter {
            name,
            value,
            se: deviation(&values).filter(|_| piled.is_none()),
            ci95: match (&piled, profile95) {
                (Some(_), Some(profile)) => self.closed(index, value, profile),
                _ => resampled.or(percentile95),
            },
            percentile95,
            profile95,
            verdict,
            advice: verdict.and_then(|verdict| {
                advice(self.form, index, verdict, &natural(law, &self.best.theta))
            }),
        };
        let natural_end = |end: &End| natural(law, &end.theta);
        let ends = piled.map_or_else(Vec::new, |ends| ends.iter().map(natural_end).collect());
        (parameter, ends)
    }

    /// How far a profile goes at first.
    fn step(&self, index: usize, at: f64, coordinates: &[f64]) -> f64 {
        let is_amplitude = matches!(
            self.form.roles()[index],
            Role::Floor | Role::Amplitude(_) | Role::Other
        );
        let spread = deviation(coordinates);
        if is_amplitude && !self.problem.law.logarithmic(index) {
            let size = at.abs().max(f64::MIN_POSITIVE);
            return spread.unwrap_or(0.05 * size).clamp(1e-4 * size, size);
        }
        spread.filter(|d| *d < 1.0).unwrap_or(0.05).max(1e-4)
    }

    /// Whether as many resamples of a parameter lie where the data say nothing of it any more as beyond an
    /// end of its interval: the interval would end among them.
    fn piles_up(&self, index: usize, coordinates: &[f64], reach: Reach, tail: f64) -> bool {
        let limits = self.problem.law.limits(self.least_loss.ln());
        let limits: Vec<_> = limits.iter().filter(|limit| limit.index == index).collect();
        let share = |is_there: &dyn Fn(f64) -> bool| {
            let there = coordinates.iter().filter(|at| is_there(**at)).count();
            there as f64 / coordinates.len() as f64
        };
        [
            share(&|at| {
                reach.is_left_below(at) || limits.iter().any(|it| !it.above && it.is_passed(at))
            }),
            share(&|at| {
                reach.is_left_above(at) || limits.iter().any(|it| it.above && it.is_passed(at))
            }),
        ]
        .into_iter()
        .any(|share| share >= tail && share > 0.0)
    }

    /// A profile as an interval: what is not bounded towards nothing, and cannot change its sign, ends
    /// there. `None` where the other end is open too.
    fn closed(&self, index: usize, value: f64, [low, high]: [Option<f64>; 2]) -> Option<[f64; 2]> {
        let keeps_sign = self.problem.law.logarithmic(index)
            || matches!(self.form.roles()[index], Role::Exponent(_));
        let nothing = keeps_sign.then_some(0.0);
        let ends = if value < 0.0 {
            [low?, high.or(nothing)?]
        } else {
            [low.or(nothing)?, high?]
        };
        holding(value, ends)
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
        let (n, p) = (self.units as f64, self.free.max(1) as f64);
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

fn aicc(problem: &Problem, best: &Minimum, free: usize) -> Option<f64> {
    let n = problem.points.len() as f64;
    // The noise's scale is a parameter too.
    let k = free as f64 + 1.0;
    let likelihood = problem.objective.likelihood(best.value, problem.weight());
    let aicc = 2.0 * likelihood + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    Some(aicc).filter(|aicc| n > k + 1.0 && aicc.is_finite())
}

//! A fit's problem, solved: the search, the resamples, and what they say of every parameter.

use std::collections::BTreeMap;

use crate::bootstrap::{Resamples, jackknife, resample};
use crate::effects::{RandomEffects, random_effects};
use crate::fit::LEAST_UNITS;
use crate::interval::quantiles;
use crate::law::Law;
use crate::layout::Layout;
use crate::minimize::{Minimum, Problem};
use crate::misfit::Residuals;
use crate::points::Points;
use crate::search::{Search, lost, natural, search, trouble};
use crate::spread::{LEAST_RESAMPLES, Spread};
use crate::{Fit, FitOptions, Form, Joint, LawError, Parameter, Table, possible};

/// Quantiles kept of the residuals.
const QUANTILES: usize = 41;

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
    let layout = Layout::alone(form);
    let mut problem = Problem::new(&*law, &points, table.objective(options.objective));
    problem.pins = fixed(&*law, &layout, &options.fixed)?;
    let Some(effects) = random_effects(&problem, &layout, table, &centre, options)? else {
        let solved = Solved::new(&*law, &layout, &points, &[table], options)?;
        return Ok(solved.fit(0, table, &points, None, None));
    };
    let weights = effects.weights(table);
    let weighed = Points::new(table, &centre, weights);
    let solved = Solved::new(&*law, &layout, &weighed, &[table], options)?;
    let fit = solved.fit(0, table, &weighed, None, Some(effects));
    // Runs are not independent, and other laws have other weights: the criterion would compare nothing.
    Ok(Fit { aicc: None, ..fit })
}

/// A problem that is solved: its best minimum, and what tells how sure that is.
pub struct Solved<'a> {
    problem: Problem<'a>,
    layout: &'a Layout,
    options: &'a FitOptions,
    search: Search,
    /// Parameters that are not fixed.
    pub free: usize,
    /// What the bootstrap draws.
    pub units: usize,
    lost: Option<String>,
    no_intervals: Option<String>,
    resamples: Resamples,
    /// Every coordinate as a parameter, with the coordinates at the ends of its profile.
    parameters: Vec<(Parameter, Vec<Vec<f64>>)>,
    /// Of the points of each table.
    residuals: Vec<Vec<(f64, f64)>>,
}

impl<'a> Solved<'a> {
    /// Solves for the points of one table, or of several, one after the other.
    ///
    /// # Errors
    /// If a parameter cannot be fixed, or no descent ends at a minimum.
    pub fn new(
        law: &'a dyn Law,
        layout: &'a Layout,
        points: &'a Points,
        tables: &[&Table],
        options: &'a FitOptions,
    ) -> Result<Self, LawError> {
        let objective = tables[0].objective(options.objective);
        let mut problem = Problem::new(law, points, objective);
        problem.pins = fixed(law, layout, &options.fixed)?;
        let free = law.count() - problem.pins.len();
        let mut search = search(&problem, layout.form)?;
        let lost = lost(law, layout, &search.minima[0].theta);
        search.minima[0].converged &= lost.is_none();
        let best = &search.minima[0];
        let strata = strata(tables);
        let units = strata.iter().map(Vec::len).sum();
        let no_intervals = too_few_units(points.len(), units, free);
        let minima: Vec<Vec<f64>> = search
            .minima
            .iter()
            .map(|minimum| minimum.theta.clone())
            .collect();
        let drawn = best.converged && no_intervals.is_none();
        let count = if drawn { options.bootstrap } else { 0 };
        let resamples = resample(&problem, &minima, &strata, count, options.seed);
        let left_out = if resamples.thetas.len() < LEAST_RESAMPLES {
            Vec::new()
        } else {
            jackknife(&problem, &minima, &strata)
        };
        let least = tables.iter().map(|table| table.least_loss());
        let spread = Spread {
            problem: &problem,
            layout,
            best,
            units,
            free,
            profiled: drawn,
            least_loss: least.fold(f64::INFINITY, f64::min),
            resamples: &resamples,
            jackknife: &left_out,
        };
        let parameters = spread.parameters();
        let mut residuals = problem.residuals(&best.theta).into_iter();
        let of_table = |table: &&Table| residuals.by_ref().take(table.len()).collect();
        Ok(Solved {
            residuals: tables.iter().map(of_table).collect(),
            parameters,
            problem,
            layout,
            options,
            search,
            free,
            units,
            lost,
            no_intervals,
            resamples,
        })
    }

    /// The fit of one of its groups of points.
    pub fn fit(
        &self,
        group: usize,
        table: &Table,
        points: &Points,
        joint: Option<Joint>,
        effects: Option<RandomEffects>,
    ) -> Fit {
        let law = self.problem.law;
        let best = &self.search.minima[0];
        let places = self.layout.of_group(group);
        let pick = |theta: &Vec<f64>| self.layout.pick(group, &natural(law, theta));
        let residuals = &self.residuals[group];
        // Random effects say how much a run tells of the law, and not how replicates scatter.
        let counts = |weight: f64| if effects.is_some() { 1.0 } else { weight };
        let each = residuals
            .iter()
            .map(|(residual, weight)| (*residual, counts(*weight)));
        let judged_by: Vec<(f64, f64)> = each.collect();
        // What several groups share costs each of them its part of it.
        let cost = |at: &usize| match self.problem.is_pinned(*at) {
            true => 0.0,
            false => 1.0 / self.layout.holders(*at) as f64,
        };
        let free = places.iter().map(cost).sum::<f64>().ceil() as usize;
        let seen = Residuals::new(self.layout.form, points, &judged_by);
        let judged = best.converged && !table.is_of_values();
        let parameters = places.iter().map(|at| &self.parameters[*at]);
        let ends = parameters.clone().flat_map(|(_, ends)| ends);
        Fit {
            form: self.layout.form,
            objective: self.options.objective,
            bounds: bounds(self.options),
            points: table.len(),
            units: table.runs(),
            parameters: parameters.map(|(it, _)| it.clone()).collect(),
            value: best.value,
            // JSON has no infinity: where nothing pulls, or without end, it is as large as numbers are.
            gradient_norm: if best.gradient.is_finite() {
                best.gradient
            } else {
                f64::MAX
            },
            starts: self.search.starts,
            starts_at_optimum: self.search.at_optimum,
            next_minimum: self.search.minima.get(1).map(|minimum| minimum.value),
            converged: best.converged,
            trouble: (!best.converged).then(|| {
                let lost = self.lost.clone();
                lost.unwrap_or_else(|| trouble(&self.problem, self.layout, best))
            }),
            no_intervals: self.no_intervals.clone(),
            residual: root_mean_square(residuals),
            noise: noise(residuals, effects.is_some(), free),
            effects,
            lack_of_fit: judged.then(|| seen.lack_of_fit(free)).flatten(),
            patterns: if judged {
                seen.patterns(free)
            } else {
                Vec::new()
            },
            joint,
            aicc: aicc(&self.problem, best, self.free),
            range: (0..table.variables()).map(|v| table.range(v)).collect(),
            resamples: self.resamples.thetas.iter().map(pick).collect(),
            failed_resamples: self.resamples.failed,
            ends: ends.map(|values| self.layout.pick(group, values)).collect(),
        }
    }
}

fn bounds(options: &FitOptions) -> BTreeMap<String, [Option<f64>; 2]> {
    let each = options.bounds.iter();
    each.map(|(name, ends)| {
        (
            name.clone(),
            ends.map(|end| Some(end).filter(|end| end.is_finite())),
        )
    })
    .collect()
}

/// What the bootstrap draws of each table, by points of all tables one after the other.
fn strata(tables: &[&Table]) -> Vec<Vec<Vec<usize>>> {
    let mut before = 0;
    let mut strata = Vec::new();
    for table in tables {
        let moved = |unit: Vec<usize>| unit.into_iter().map(|point| before + point).collect();
        strata.push(table.units().into_iter().map(moved).collect());
        before += table.len();
    }
    strata
}

/// The parameters that are not fitted, by index, as [`Law::pin`] takes them.
pub fn fixed(
    law: &dyn Law,
    layout: &Layout,
    given: &[(String, f64)],
) -> Result<Vec<(usize, f64)>, LawError> {
    let one = |index: usize, (name, value): &(String, f64)| {
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
    let mut pins = Vec::new();
    for fixed in given {
        let parameter = layout.form.parameter(&fixed.0)?;
        for index in layout.coordinates(parameter) {
            pins.push(one(index, fixed)?);
        }
    }
    Ok(pins)
}

/// The logarithm that stands for nothing.
const NOTHING: f64 = -700.0;

/// Why there is no interval to be had of so few points, or groups of them.
fn too_few_units(points: usize, units: usize, free: usize) -> Option<String> {
    let needed = (free + 3).max(LEAST_UNITS);
    (units < needed).then(|| {
        let what = if units < points { "groups" } else { "points" };
        format!(
            "{units} {what} are too few for intervals of {free} parameters; {needed} are the least"
        )
    })
}

fn root_mean_square(residuals: &[(f64, f64)]) -> f64 {
    let sum: f64 = residuals.iter().map(|(r, _)| r * r).sum();
    (sum / residuals.len() as f64).sqrt()
}

/// Quantiles of how far measured losses lie from the law. Where runs count by random effects they do so here, or a cell with many
/// replicates would say what all runs scatter by.
fn noise(residuals: &[(f64, f64)], weighed: bool, parameters: usize) -> Vec<f64> {
    let weight = |weight: f64| if weighed { weight } else { 1.0 };
    let weights = || residuals.iter().map(|(_, it)| weight(*it));
    // As many runs of equal weights would tell as much (Kish 1965).
    let n = weights().sum::<f64>().powi(2) / weights().map(|it| it * it).sum::<f64>();
    let widened = (n / (n - parameters as f64).max(1.0)).sqrt();
    let values = residuals.iter().map(|(r, it)| (-r * widened, weight(*it)));
    quantiles(values.collect(), QUANTILES)
}

fn aicc(problem: &Problem, best: &Minimum, free: usize) -> Option<f64> {
    let n = problem.points.len() as f64;
    // The noise's scale is a parameter too.
    let k = free as f64 + 1.0;
    let likelihood = problem.objective.likelihood(best.value, problem.weight());
    let aicc = 2.0 * likelihood + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    Some(aicc).filter(|aicc| n > k + 1.0 && aicc.is_finite())
}

//! The search for the best minimum: descents from many starts.

use rayon::prelude::*;

use crate::law::{End, Law};
use crate::layout::Layout;
use crate::minimize::{Minimum, Problem, Stop};
use crate::{Form, LawError};

/// Minima beside the best one that refits begin at.
const MOST_MINIMA: usize = 4;
/// Descents that are to end at the best point.
const ENOUGH: usize = 3;
/// Rounds of starts, at most.
const MOST_ROUNDS: usize = 8;
/// An amplitude far from the data overflows where its exponent is not bounded; JSON has no infinity.
pub const LARGEST: f64 = 1e300;

/// What the descents found.
pub struct Search {
    pub starts: usize,
    pub at_optimum: usize,
    /// Different minima, best first; where none converged, the lowest point reached.
    pub minima: Vec<Minimum>,
}

/// Descends from the law's starts, and from more of them while so few end at the best point that a better one may not
/// have been found.
pub fn search(problem: &Problem, form: Form) -> Result<Search, LawError> {
    let (mut ends, mut starts) = (Vec::new(), 0);
    let mut next = problem.law.starts(problem.points);
    for round in 1..=MOST_ROUNDS {
        starts += next.len();
        ends.extend(descents(problem, &next));
        ends.sort_by(|a: &Minimum, b| a.value.total_cmp(&b.value));
        if round == MOST_ROUNDS || ends.is_empty() || reached(problem, &ends) >= ENOUGH {
            break;
        }
        let places: Vec<End> = ends
            .iter()
            .map(|it| (it.value, it.theta.as_slice()))
            .collect();
        next = problem.law.more_starts(problem.points, round, &places);
        if next.is_empty() {
            break;
        }
    }
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
        starts,
        at_optimum: ends
            .iter()
            .filter(|end| end.converged && same(end.value, best))
            .count(),
        minima,
    })
}

/// Where descents from these starts end, those that end anywhere.
fn descents(problem: &Problem, starts: &[Vec<f64>]) -> Vec<Minimum> {
    let ends = starts.par_iter().map(|start| problem.descend(start));
    ends.filter(|end| end.value.is_finite() && end.theta.iter().all(|t| t.is_finite()))
        .collect()
}

/// How many of the ends, the best first, converged at the best.
fn reached(problem: &Problem, ends: &[Minimum]) -> usize {
    let best = ends[0].value;
    let tolerance = problem.objective.tolerance(best, problem.weight());
    let near = ends.iter().take_while(|end| end.value - best <= tolerance);
    near.filter(|end| end.converged).count()
}

/// Why a descent did not end at a minimum, in words.
pub fn trouble(problem: &Problem, layout: &Layout, end: &Minimum) -> String {
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
        .map(|index| format!("{} = {:.1e}", layout.name(index), values[index]))
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

/// Which parameters are so large or small that no number holds them: the law that is kept would not be the one that
/// was fitted.
pub fn lost(law: &dyn Law, layout: &Layout, theta: &[f64]) -> Option<String> {
    let values = law.natural(theta);
    let beyond = |index: &usize| {
        let size = values[*index].abs();
        let vanished = law.logarithmic(*index) && size < LARGEST.recip();
        vanished || size.is_nan() || size >= LARGEST
    };
    let names: Vec<&str> = (0..values.len())
        .filter(beyond)
        .map(|index| layout.name(index))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} lies beyond 1e300 or below 1e-300: the runs do not tell it",
            names.join(" and ")
        )
    })
}

/// The form's parameters from theta, none infinite.
pub fn natural(law: &dyn Law, theta: &[f64]) -> Vec<f64> {
    let values = law.natural(theta).into_iter();
    values.map(|value| value.clamp(-LARGEST, LARGEST)).collect()
}

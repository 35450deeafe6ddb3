//! How sure the parameters of a fit are.

use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::Parameter;
use crate::bootstrap::Resamples;
use crate::declaration::Role;
use crate::identification::{Identification, advice};
use crate::interval::{bca, deviation, holding, percentile, quantile, student_quantile, tail};
use crate::layout::Layout;
use crate::minimize::{Minimum, Problem};
use crate::profile::{End, Reach, profile};
use crate::search::{LARGEST, natural};

/// Fewer resamples than this have no percentiles to speak of.
pub const LEAST_RESAMPLES: usize = 20;

/// What tells how sure a fit's parameters are.
pub struct Spread<'a> {
    pub problem: &'a Problem<'a>,
    pub layout: &'a Layout,
    pub best: &'a Minimum,
    pub units: usize,
    /// Parameters that are not fixed.
    pub free: usize,
    /// Whether intervals are to be had at all.
    pub profiled: bool,
    pub least_loss: f64,
    pub resamples: &'a Resamples,
    pub jackknife: &'a [Vec<f64>],
}

impl Spread<'_> {
    /// Every parameter, with the law at the ends of its profile where its resamples pile up.
    pub fn parameters(&self) -> Vec<(Parameter, Vec<Vec<f64>>)> {
        let rise = self.rise();
        (0..self.problem.law.count())
            .into_par_iter()
            .map(|index| self.parameter(index, rise))
            .collect()
    }

    fn parameter(&self, index: usize, rise: f64) -> (Parameter, Vec<Vec<f64>>) {
        let law = self.problem.law;
        let name = self.layout.name(index).to_owned();
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
        let reach = Reach::new(self.layout, law, index, at, self.least_loss);
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
                let (group, index) = self.layout.owner(index);
                let values = self.layout.pick(group, &natural(law, &self.best.theta));
                advice(self.layout.form, index, verdict, &values)
            }),
        };
        let natural_end = |end: &End| natural(law, &end.theta);
        let ends = piled.map_or_else(Vec::new, |ends| ends.iter().map(natural_end).collect());
        (parameter, ends)
    }

    fn role(&self, index: usize) -> Role {
        self.layout.form.roles()[self.layout.owner(index).1]
    }

    /// How far a profile goes at first.
    fn step(&self, index: usize, at: f64, coordinates: &[f64]) -> f64 {
        let is_amplitude = matches!(
            self.role(index),
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
        let keeps_sign =
            self.problem.law.logarithmic(index) || matches!(self.role(index), Role::Exponent(_));
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

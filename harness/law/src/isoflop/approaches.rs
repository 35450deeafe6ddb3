//! Three ways to the law of the best model, `N* = G C^a`.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::slice::Slice;
use super::{Method, Minimum, of};
use crate::fit::LEAST_UNITS;
use crate::interval::{deviation, percentile};
use crate::{AllocationExponent, Convention, Fit, FitOptions, Table};

/// Budgets at which the curves' envelope is read.
const BUDGETS: usize = 100;
/// Curves of which one must be the best and not the smallest or largest.
const LEAST_CURVES: usize = 3;

/// A law of the best model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// 1, 2 or 3, as Hoffmann et al. number them.
    pub number: u32,
    /// In words.
    pub name: String,
    /// How the second one finds its minima.
    pub method: Option<Method>,
    /// What it rests on: slices, models or runs.
    pub points: usize,
    /// The exponent a of `N* = G C^a`; that of D is `1 - a`.
    pub a: f64,
    /// Its standard error.
    pub a_se: Option<f64>,
    /// Its 95% interval.
    pub a_ci95: Option<[f64; 2]>,
    /// The amplitude G, parameters at one FLOP.
    pub g: f64,
}

impl Approach {
    /// The best N for a budget.
    pub fn parameters(&self, flops: f64) -> f64 {
        self.g * flops.powf(self.a)
    }
}

/// What the second approach makes of losses that obey the third's law exactly, on the same cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bias {
    /// How minima are found.
    pub method: Method,
    /// The exponent it finds.
    pub a: f64,
    /// The law's own exponent.
    pub true_a: f64,
}

/// Every approach that the runs allow.
pub fn all(
    table: &Table,
    flops: &[f64],
    minima: &[Minimum],
    law: Option<&Fit>,
    options: &FitOptions,
) -> Vec<Approach> {
    let second = Method::ALL.map(|method| second(minima, method));
    let all = [first(table, flops, options)].into_iter().chain(second);
    all.chain([law.and_then(third)]).flatten().collect()
}

/// The envelope of the models' curves of loss over compute: at each budget the best model that has
/// been trained so far.
fn first(table: &Table, flops: &[f64], options: &FitOptions) -> Option<Approach> {
    let curves = curves(table, flops);
    let [g, a] = envelope(&curves.iter().collect::<Vec<_>>())?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    // Of a few curves there are only a few resamples, and no interval.
    let count = if curves.len() < LEAST_UNITS {
        0
    } else {
        options.bootstrap
    };
    let drawn: Vec<f64> = (0..count)
        .filter_map(|_| {
            let some: Vec<&Curve> = (0..curves.len())
                .map(|_| &curves[rng.random_range(0..curves.len())])
                .collect();
            envelope(&some).map(|[_, a]| a)
        })
        .collect();
    Some(Approach {
        number: 1,
        name: "envelope of the models' curves".to_owned(),
        method: None,
        points: curves.len(),
        a,
        a_se: deviation(&drawn),
        a_ci95: percentile(&drawn, 0.025),
        g: g.exp(),
    })
}

/// A model's log losses over log compute.
struct Curve {
    log_n: f64,
    points: Vec<[f64; 2]>,
}

impl Curve {
    fn at(&self, log_c: f64) -> Option<f64> {
        let after = self.points.iter().position(|[c, _]| *c >= log_c)?;
        let [c1, l1] = self.points[after];
        if c1 == log_c {
            return Some(l1);
        }
        let [c0, l0] = *self.points.get(after.checked_sub(1)?)?;
        Some(l0 + (l1 - l0) * (log_c - c0) / (c1 - c0))
    }
}

/// Models trained on more than one budget.
fn curves(table: &Table, flops: &[f64]) -> Vec<Curve> {
    let mut order: Vec<usize> = (0..table.len()).collect();
    order.sort_by(|a, b| {
        let n = |point: &usize| table.log_x(*point)[0];
        n(a).total_cmp(&n(b)).then(flops[*a].total_cmp(&flops[*b]))
    });
    order
        .chunk_by(|a, b| table.log_x(*b)[0] - table.log_x(*a)[0] < 1e-9)
        .map(|model| Curve {
            log_n: table.log_x(model[0])[0],
            points: model
                .iter()
                .map(|point| [flops[*point].ln(), table.log_loss(*point)])
                .collect(),
        })
        .filter(|curve| curve.points.first().map(|p| p[0]) < curve.points.last().map(|p| p[0]))
        .collect()
}

/// `ln G` and a of the best models, where neither the smallest nor the largest is best.
fn envelope(curves: &[&Curve]) -> Option<[f64; 2]> {
    let ends = curves
        .iter()
        .flat_map(|curve| &curve.points)
        .map(|[c, _]| *c);
    let low = ends.clone().fold(f64::INFINITY, f64::min);
    let high = ends.fold(f64::NEG_INFINITY, f64::max);
    let mut best = Vec::new();
    for k in 0..BUDGETS {
        let log_c = low + (high - low) * k as f64 / (BUDGETS - 1) as f64;
        let mut there: Vec<[f64; 2]> = curves
            .iter()
            .filter_map(|curve| Some([curve.log_n, curve.at(log_c)?]))
            .collect();
        there.sort_by(|a, b| a[0].total_cmp(&b[0]));
        there.dedup_by(|a, b| a[0] == b[0]);
        let lowest = (0..there.len()).min_by(|a, b| there[*a][1].total_cmp(&there[*b][1]));
        if let Some(lowest) = lowest
            && there.len() >= LEAST_CURVES
            && lowest > 0
            && lowest + 1 < there.len()
        {
            best.push([log_c, there[lowest][0], 1.0]);
        }
    }
    line(&best)
}

/// The power law through the minima of slices.
fn second(minima: &[Minimum], method: Method) -> Option<Approach> {
    let minima: Vec<&Minimum> = of(minima, method).collect();
    let through = |log_n: &dyn Fn(&Minimum) -> Option<f64>| {
        let points: Vec<[f64; 3]> = minima
            .iter()
            .filter_map(|m| Some([m.flops.ln(), log_n(m)?, m.log_n_se.powi(-2)]))
            .collect();
        line(&points)
    };
    let [g, a] = through(&|minimum| Some(minimum.n.ln()))?;
    let draws = minima.iter().map(|minimum| minimum.draws.len()).min()?;
    let drawn: Vec<f64> = (0..draws)
        .filter_map(|draw| through(&|minimum| minimum.draws[draw]).map(|[_, a]| a))
        .collect();
    Some(Approach {
        number: 2,
        name: format!("minima of slices by {}", method.words()),
        method: Some(method),
        points: minima.len(),
        a,
        a_se: deviation(&drawn),
        a_ci95: percentile(&drawn, 0.025),
        g: g.exp(),
    })
}

/// The parametric law's own optimum.
fn third(law: &Fit) -> Option<Approach> {
    let convention = Convention::six_n_d();
    let AllocationExponent { a, a_se, a_ci95 } = AllocationExponent::of(law, &convention).ok()?;
    let at_one = crate::allocate(law, 1.0, &convention).ok()?;
    Some(Approach {
        number: 3,
        name: "parametric law".to_owned(),
        method: None,
        points: law.points,
        a,
        a_se,
        a_ci95,
        g: at_one.n,
    })
}

/// The second approach on the third's law: the slices' cells and weights, and no noise.
pub fn bias(slices: &[Slice], minima: &[Minimum], law: &Fit) -> Vec<Bias> {
    let Some(true_a) = third(law).map(|third| third.a) else {
        return Vec::new();
    };
    let exact = |slice: &Slice| {
        let losses = slice.log_n.iter().map(|log_n| {
            let n = log_n.exp();
            law.form.loss(&law.values(), &[n, slice.flops / (6.0 * n)])
        });
        slice.with(losses.collect())
    };
    let of_method = |method: Method| {
        let points: Vec<[f64; 3]> = of(minima, method)
            .filter_map(|minimum| {
                let slice = slices.iter().find(|slice| slice.flops == minimum.flops)?;
                let [log_n, _] = method.minimum(&slice.log_n, &exact(slice).loss)?;
                Some([minimum.flops.ln(), log_n, minimum.log_n_se.powi(-2)])
            })
            .collect();
        let [_, a] = line(&points)?;
        Some(Bias { method, a, true_a })
    };
    Method::ALL.into_iter().filter_map(of_method).collect()
}

/// Intercept and slope of a straight line through weighted points `[x, y, weight]`, by least squares.
fn line(points: &[[f64; 3]]) -> Option<[f64; 2]> {
    let sum = |of: &dyn Fn(&[f64; 3]) -> f64| points.iter().map(|p| p[2] * of(p)).sum::<f64>();
    let weight = sum(&|_| 1.0);
    let (x, y) = (sum(&|p| p[0]) / weight, sum(&|p| p[1]) / weight);
    let slope = sum(&|p| (p[0] - x) * (p[1] - y)) / sum(&|p| (p[0] - x).powi(2));
    (points.len() > 1 && slope.is_finite()).then_some([y - slope * x, slope])
}

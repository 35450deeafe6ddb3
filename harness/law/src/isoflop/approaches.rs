//! Three ways to the law of the best model, `N* = G C^a`.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::slice::Slice;
use super::{Method, Minimum, of};
use crate::allocate::{best_at_one, is_told};
use crate::fit::LEAST_UNITS;
use crate::interval::{deviation, holding, percentile};
use crate::{AllocationExponent, Convention, Fit, FitOptions, LawError, Table};

/// Budgets at which the curves' envelope is read.
const BUDGETS: usize = 100;
/// Models that are the best of some budget, and curves there: one below and one above the best.
const LEAST_CURVES: usize = 3;

/// A law of the best model, and of its tokens.
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
    /// The exponent a of `N* = G C^a`.
    pub a: f64,
    /// Its standard error.
    pub a_se: Option<f64>,
    /// Its 95% interval.
    pub a_ci95: Option<[f64; 2]>,
    /// The amplitude G, parameters at one FLOP.
    pub g: f64,
    /// The law of the best model's tokens; fits of older versions have none.
    #[serde(default)]
    pub tokens: Option<BestTokens>,
}

/// The law `D* = H C^b` of the tokens of the best model, by the table's own D.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestTokens {
    /// The exponent b.
    pub b: f64,
    /// Its standard error.
    pub b_se: Option<f64>,
    /// Its 95% interval.
    pub b_ci95: Option<[f64; 2]>,
    /// The amplitude H, tokens at one FLOP.
    pub h: f64,
}

/// An approach that says nothing here, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoApproach {
    /// 1, 2 or 3.
    pub number: u32,
    /// In words.
    pub name: String,
    /// What it lacks.
    pub reason: String,
}

impl Approach {
    /// The best N for a budget.
    pub fn parameters(&self, flops: f64) -> f64 {
        self.g * flops.powf(self.a)
    }

    /// The tokens of the best model for a budget.
    pub fn tokens(&self, flops: f64) -> Option<f64> {
        Some(self.tokens?.h * flops.powf(self.tokens?.b))
    }
}

/// Lines through the logs of the best models' N and of their D, over log C.
struct Lines {
    n: [f64; 2],
    d: [f64; 2],
}

impl Lines {
    /// Through points `[ln C, ln N, ln D, weight]`.
    fn through(points: &[[f64; 4]]) -> Option<Self> {
        let of = |index: usize| {
            let points: Vec<[f64; 3]> = points.iter().map(|p| [p[0], p[index], p[3]]).collect();
            line(&points)
        };
        Some(Lines {
            n: of(1)?,
            d: of(2)?,
        })
    }

    /// The approach that found these, and these of resamples; `None` of them where too many gave none.
    fn approach(
        &self,
        number: u32,
        name: String,
        method: Option<Method>,
        points: usize,
        drawn: &[Option<Lines>],
    ) -> Approach {
        let found: Vec<&Lines> = drawn.iter().flatten().collect();
        let enough = 2 * found.len() > drawn.len();
        let of = |estimate: f64, of: fn(&Lines) -> f64| {
            let values: Vec<f64> = found.iter().map(|lines| of(lines)).collect();
            let ends = percentile(&values, 0.025).filter(|_| enough);
            let ends = ends.and_then(|ends| holding(estimate, ends));
            (deviation(&values).filter(|_| enough), ends)
        };
        let (a_se, a_ci95) = of(self.n[1], |lines| lines.n[1]);
        let (b_se, b_ci95) = of(self.d[1], |lines| lines.d[1]);
        Approach {
            number,
            name,
            method,
            points,
            a: self.n[1],
            a_se,
            a_ci95,
            g: self.n[0].exp(),
            tokens: Some(BestTokens {
                b: self.d[1],
                b_se,
                b_ci95,
                h: self.d[0].exp(),
            }),
        }
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

/// What approaches are made of.
pub struct Found<'a> {
    pub table: &'a Table,
    /// FLOPs of every usable point.
    pub flops: &'a [f64],
    pub slices: &'a [Slice],
    pub minima: &'a [Minimum],
    /// The parametric law, or why there is none.
    pub law: Result<&'a Fit, String>,
    pub options: &'a FitOptions,
}

/// Every approach that the runs allow, and why they do not allow the others.
pub fn all(found: &Found) -> (Vec<Approach>, Vec<NoApproach>) {
    let tried = [(1, ENVELOPE.to_owned(), first(found))]
        .into_iter()
        .chain(Method::ALL.map(|method| (2, of_slices(method), second(found, method))))
        .chain([(3, PARAMETRIC.to_owned(), third(found))]);
    let (mut approaches, mut without) = (Vec::new(), Vec::new());
    for (number, name, approach) in tried {
        match approach.and_then(told) {
            Ok(approach) => approaches.push(approach),
            Err(reason) => without.push(NoApproach {
                number,
                name,
                reason,
            }),
        }
    }
    (approaches, without)
}

const ENVELOPE: &str = "envelope of the models' curves";
const PARAMETRIC: &str = "parametric law";

fn of_slices(method: Method) -> String {
    format!("minima of slices by {}", method.words())
}

/// An approach whose exponent the data tell.
fn told(approach: Approach) -> Result<Approach, String> {
    match approach.a_ci95 {
        Some([low, high]) if !is_told([low, high]) => {
            Err(format!("its exponent could be any, {low:.3} to {high:.3}"))
        }
        _ => Ok(approach),
    }
}

/// The envelope of the models' curves of loss over compute: at each budget the best model that has
/// been trained so far.
fn first(found: &Found) -> Result<Approach, String> {
    let curves = curves(found.table, found.flops);
    if curves.len() < LEAST_CURVES {
        return Err(format!(
            "{} models were trained on more than one budget, and it needs {LEAST_CURVES}",
            curves.len()
        ));
    }
    let lines = envelope(&curves.iter().collect::<Vec<_>>()).ok_or_else(|| {
        format!("fewer than {LEAST_CURVES} models are the best of smaller and larger ones")
    })?;
    let mut rng = ChaCha8Rng::seed_from_u64(found.options.seed);
    // Of a few curves there are only a few resamples, and no interval.
    let count = if curves.len() < LEAST_UNITS {
        0
    } else {
        found.options.bootstrap
    };
    let drawn: Vec<Option<Lines>> = (0..count)
        .map(|_| {
            let some: Vec<&Curve> = (0..curves.len())
                .map(|_| &curves[rng.random_range(0..curves.len())])
                .collect();
            envelope(&some)
        })
        .collect();
    Ok(lines.approach(1, ENVELOPE.to_owned(), None, curves.len(), &drawn))
}

/// A model's log losses and log tokens over log compute.
struct Curve {
    log_n: f64,
    /// `[ln C, ln L, ln D]`.
    points: Vec<[f64; 3]>,
}

impl Curve {
    /// Log loss and log tokens at a budget.
    fn at(&self, log_c: f64) -> Option<[f64; 2]> {
        let after = self.points.iter().position(|[c, ..]| *c >= log_c)?;
        let [c1, l1, d1] = self.points[after];
        if c1 == log_c {
            return Some([l1, d1]);
        }
        let [c0, l0, d0] = *self.points.get(after.checked_sub(1)?)?;
        let share = (log_c - c0) / (c1 - c0);
        Some([l0 + (l1 - l0) * share, d0 + (d1 - d0) * share])
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
                .map(|point| {
                    let log_d = table.log_x(*point)[1];
                    [flops[*point].ln(), table.log_loss(*point), log_d]
                })
                .collect(),
        })
        .filter(|curve| curve.points.first().map(|p| p[0]) < curve.points.last().map(|p| p[0]))
        .collect()
}

/// The best models, where neither the smallest nor the largest is best; `None` of fewer than three.
fn envelope(curves: &[&Curve]) -> Option<Lines> {
    let ends = curves
        .iter()
        .flat_map(|curve| &curve.points)
        .map(|[c, ..]| *c);
    let low = ends.clone().fold(f64::INFINITY, f64::min);
    let high = ends.fold(f64::NEG_INFINITY, f64::max);
    let mut best = Vec::new();
    for k in 0..BUDGETS {
        let log_c = low + (high - low) * k as f64 / (BUDGETS - 1) as f64;
        let mut there: Vec<(f64, [f64; 2])> = curves
            .iter()
            .filter_map(|curve| Some((curve.log_n, curve.at(log_c)?)))
            .collect();
        there.sort_by(|a, b| a.0.total_cmp(&b.0));
        there.dedup_by(|a, b| a.0 == b.0);
        let lowest = (0..there.len()).min_by(|a, b| there[*a].1[0].total_cmp(&there[*b].1[0]));
        if let Some(lowest) = lowest
            && there.len() >= LEAST_CURVES
            && lowest > 0
            && lowest + 1 < there.len()
        {
            let (log_n, [_, log_d]) = there[lowest];
            best.push([log_c, log_n, log_d, 1.0]);
        }
    }
    // One model has no power, and two have any.
    let mut models: Vec<f64> = best.iter().map(|[_, log_n, ..]| *log_n).collect();
    models.sort_by(f64::total_cmp);
    models.dedup();
    (models.len() >= LEAST_CURVES).then(|| Lines::through(&best))?
}

/// The power law through the minima of slices, weighed as Porian et al. weigh them. Minima scatter about a power law by
/// more than the noise of their losses moves them, where learning rates or the curve's form favour some: what is left of
/// their scatter (DerSimonian and Laird 1986, for a line) moves them in the resamples too.
fn second(found: &Found, method: Method) -> Result<Approach, String> {
    let minima: Vec<&Minimum> = of(found.minima, method).collect();
    let beyond_noise = scatter(&minima);
    let places = |log_n: &dyn Fn(&Minimum) -> Option<[f64; 2]>| {
        let place = |minimum: &&Minimum| {
            let [log_n, log_d] = log_n(minimum)?;
            Some([minimum.flops.ln(), log_n, log_d, minimum.log_n_se.powi(-2)])
        };
        minima.iter().filter_map(place).collect::<Vec<[f64; 4]>>()
    };
    let best = |minimum: &Minimum| Some([minimum.n.ln(), minimum.d.ln()]);
    let lines = Lines::through(&places(&best));
    let lines = lines.ok_or("fewer than two slices have such a minimum")?;
    let draws = minima.iter().map(|minimum| minimum.draws.len()).min();
    let mut rng = ChaCha8Rng::seed_from_u64(found.options.seed);
    let normal = Normal::standard();
    let drawn: Vec<Option<Lines>> = (0..draws.unwrap_or(0))
        .map(|draw| {
            let moves: Vec<f64> = minima
                .iter()
                .map(|_| {
                    beyond_noise.sqrt() * normal.inverse_cdf(rng.random_range(f64::EPSILON..1.0))
                })
                .collect();
            let moved = |minimum: &Minimum| {
                let at = minima.iter().position(|it| std::ptr::eq(*it, minimum))?;
                let slice = found
                    .slices
                    .iter()
                    .find(|slice| slice.flops == minimum.flops)?;
                let [log_n, _] = minimum.draws[draw]?;
                let log_n = log_n + moves[at];
                Some([log_n, slice.log_d(log_n)])
            };
            Lines::through(&places(&moved))
        })
        .collect();
    Ok(lines.approach(2, of_slices(method), Some(method), minima.len(), &drawn))
}

/// The variance of minima's `ln N` about their line over `ln C`, beyond what the noise of the losses makes.
fn scatter(minima: &[&Minimum]) -> f64 {
    // Without any noise minima would weigh without end.
    let weight = |minimum: &Minimum| minimum.noise_se.max(1e-9).powi(-2);
    let point = |minimum: &&Minimum| [minimum.flops.ln(), minimum.n.ln(), weight(minimum)];
    let points: Vec<[f64; 3]> = minima.iter().map(point).collect();
    let Some([at, slope]) = line(&points) else {
        return 0.0;
    };
    let sum = |of: &dyn Fn(&[f64; 3]) -> f64| points.iter().map(of).sum::<f64>();
    let freedom = points.len() as f64 - 2.0;
    let misses = sum(&|p| p[2] * (p[1] - at - slope * p[0]).powi(2));
    // The trace of the weights less what the line's two coefficients take of it.
    let weight = sum(&|p| p[2]);
    let mean = sum(&|p| p[2] * p[0]) / weight;
    let spread = sum(&|p| p[2] * (p[0] - mean).powi(2));
    let taken = sum(&|p| p[2].powi(2) * (1.0 / weight + (p[0] - mean).powi(2) / spread));
    let left = (misses - freedom) / (weight - taken);
    if freedom > 0.0 && left.is_finite() {
        left.max(0.0)
    } else {
        0.0
    }
}

/// The parametric law's own optimum, with FLOPs counted as the table counts them.
fn third(found: &Found) -> Result<Approach, String> {
    let law = found.law.clone()?;
    let convention = Convention::fitted("the table's own", found.table, found.flops);
    let convention = convention.ok_or("FLOPs per token do not rise with N in this table")?;
    let said = |error: LawError| error.to_string();
    let exponent = AllocationExponent::of(law, &convention).map_err(said)?;
    if exponent.open {
        return Err("too many resamples of it have no best share of compute".to_owned());
    }
    let AllocationExponent {
        a, a_se, a_ci95, ..
    } = exponent;
    let g = best_at_one(law, &convention).ok_or(said(LawError::NoOptimum))?;
    // With C = k N^p D, D* = C^(1 - p a) / (k G^p).
    let p = convention.exponent;
    Ok(Approach {
        number: 3,
        name: PARAMETRIC.to_owned(),
        method: None,
        points: law.points,
        a,
        a_se,
        a_ci95,
        g,
        tokens: Some(BestTokens {
            b: 1.0 - p * a,
            b_se: a_se.map(|se| p * se),
            b_ci95: a_ci95.map(|[low, high]| [1.0 - p * high, 1.0 - p * low]),
            h: g.powf(-p) / convention.coefficient,
        }),
    })
}

/// The second approach on the third's law: the slices' cells and weights, and no noise.
pub fn bias(found: &Found, approaches: &[Approach]) -> Vec<Bias> {
    let third = approaches.iter().find(|approach| approach.number == 3);
    let (Ok(law), Some(third)) = (&found.law, third) else {
        return Vec::new();
    };
    let exact = |slice: &Slice| {
        let losses = slice.log_n.iter().map(|log_n| {
            let x = [log_n.exp(), slice.log_d(*log_n).exp()];
            law.form.loss(&law.values(), &x)
        });
        slice.with(losses.collect())
    };
    let of_method = |method: Method| {
        let points: Vec<[f64; 3]> = of(found.minima, method)
            .filter_map(|minimum| {
                let mut slices = found.slices.iter();
                let slice = slices.find(|slice| slice.flops == minimum.flops)?;
                let [log_n, _] = method.minimum(&slice.log_n, &exact(slice).loss)?;
                Some([minimum.flops.ln(), log_n, minimum.log_n_se.powi(-2)])
            })
            .collect();
        let [_, a] = line(&points)?;
        let true_a = third.a;
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

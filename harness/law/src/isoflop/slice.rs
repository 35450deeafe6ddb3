//! Runs of equal compute.

use serde::{Deserialize, Serialize};

use super::minimum::Method;
use crate::Table;

/// Budgets that differ by less than this are one.
const SAME_BUDGET: f64 = 0.1;
/// Models whose `ln N` differ by less than this are one.
const SAME_MODEL: f64 = 0.01;
/// The next run, by FLOPs, is so many times as far from a slice as its runs are from each other.
const LEAST_APART: f64 = 3.0;
/// Models a minimum needs: one on each side of it.
const LEAST_MODELS: usize = 3;

/// Runs of one budget, smallest model first; runs of the same model are one, with their mean loss.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The budget: the geometric mean of its runs' FLOPs.
    pub flops: f64,
    pub log_n: Vec<f64>,
    /// Log FLOPs per token of each model, by the runs' own FLOPs and tokens.
    log_per_token: Vec<f64>,
    /// Logs of the least and the most FLOPs among its runs.
    ends: [f64; 2],
    /// Its runs.
    pub runs: usize,
    /// Runs of each model.
    pub runs_of: Vec<usize>,
    /// Runs beyond the first of their model, and the sum of squares by which the log losses of runs of one model
    /// differ from their mean.
    pub repeats: (usize, f64),
    pub loss: Vec<f64>,
    /// Standard errors of the losses, where all are known.
    pub se: Option<Vec<f64>>,
}

/// A slice that has no minimum to read off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Its budget in FLOPs.
    pub flops: f64,
    /// By which methods.
    pub methods: Vec<Method>,
    /// Why.
    pub reason: String,
    /// Parameters of the cell to add.
    pub add_n: f64,
    /// Tokens of the cell to add.
    pub add_d: f64,
}

impl Slice {
    /// A table's slices, smallest budget first. `flops` has one count per usable point.
    pub fn of(table: &Table, flops: &[f64]) -> Vec<Slice> {
        let mut order: Vec<usize> = (0..table.len()).collect();
        order.sort_by(|a, b| flops[*a].total_cmp(&flops[*b]));
        let mut budgets: Vec<Vec<usize>> = Vec::new();
        for point in order {
            match budgets.last_mut() {
                Some(last) if flops[point] <= (1.0 + SAME_BUDGET) * flops[last[0]] => {
                    last.push(point)
                }
                _ => budgets.push(vec![point]),
            }
        }
        let slice = |points: Vec<usize>| Slice::new(table, flops, points);
        budgets.into_iter().map(slice).collect()
    }

    /// Slices that are of one budget, and how many runs are in none: those of which the next run, by FLOPs, is
    /// hardly farther from them than they are from each other are neighbours by chance.
    pub fn of_one_budget(slices: Vec<Slice>) -> (Vec<Slice>, usize) {
        let gap = |a: &Slice, b: &Slice| b.ends[0] - a.ends[1];
        let alone = |at: usize| {
            let before = at
                .checked_sub(1)
                .map(|before| gap(&slices[before], &slices[at]));
            let after = slices.get(at + 1).map(|after| gap(&slices[at], after));
            let nearest = before
                .into_iter()
                .chain(after)
                .fold(f64::INFINITY, f64::min);
            let width = slices[at].ends[1] - slices[at].ends[0];
            width * LEAST_APART <= nearest
        };
        let kept: Vec<bool> = (0..slices.len()).map(alone).collect();
        let (mut alone, mut mixed) = (Vec::new(), 0);
        for (slice, kept) in slices.into_iter().zip(kept) {
            if kept {
                alone.push(slice);
            } else {
                mixed += slice.runs;
            }
        }
        (alone, mixed)
    }

    /// Log of the tokens that a model of this `ln N` sees for the budget: between models, and beyond the
    /// last, by a power of N.
    pub fn log_d(&self, log_n: f64) -> f64 {
        let last = self.log_n.len() - 1;
        let after = self.log_n.partition_point(|at| *at < log_n);
        let high = after.clamp(1, last.max(1)).min(last);
        let low = high.saturating_sub(1);
        let width = self.log_n[high] - self.log_n[low];
        // FLOPs per token are in proportion to N where one model alone tells of them.
        let slope = if width > 0.0 {
            (self.log_per_token[high] - self.log_per_token[low]) / width
        } else {
            1.0
        };
        let per_token = self.log_per_token[low] + slope * (log_n - self.log_n[low]);
        self.flops.ln() - per_token
    }

    fn new(table: &Table, flops: &[f64], mut points: Vec<usize>) -> Slice {
        points.sort_by(|a, b| table.log_x(*a)[0].total_cmp(&table.log_x(*b)[0]));
        let models: Vec<&[usize]> = points
            .chunk_by(|a, b| table.log_x(*b)[0] - table.log_x(*a)[0] < SAME_MODEL)
            .collect();
        let mean = |model: &[usize], of: &dyn Fn(usize) -> f64| {
            model.iter().map(|point| of(*point)).sum::<f64>() / model.len() as f64
        };
        let se = |model: &[usize]| {
            let squares: Option<Vec<f64>> = model
                .iter()
                .map(|point| table.se(*point).map(|se| se * se))
                .collect();
            Some(squares?.iter().sum::<f64>().sqrt() / model.len() as f64)
        };
        let squares = |model: &[usize]| -> f64 {
            let middle = mean(model, &|p| table.log_loss(p));
            model
                .iter()
                .map(|p| (table.log_loss(*p) - middle).powi(2))
                .sum()
        };
        let logs: Vec<f64> = points.iter().map(|point| flops[*point].ln()).collect();
        let per_token = |point: usize| flops[point].ln() - table.log_x(point)[1];
        Slice {
            flops: (logs.iter().sum::<f64>() / points.len() as f64).exp(),
            ends: logs
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], log| {
                    [low.min(*log), high.max(*log)]
                }),
            runs: points.len(),
            runs_of: models.iter().map(|model| model.len()).collect(),
            repeats: (
                points.len() - models.len(),
                models.iter().map(|model| squares(model)).sum(),
            ),
            log_per_token: models.iter().map(|model| mean(model, &per_token)).collect(),
            log_n: models
                .iter()
                .map(|model| table.log_x(model[0])[0])
                .collect(),
            loss: models
                .iter()
                .map(|model| mean(model, &|p| table.loss(p)))
                .collect(),
            se: models.iter().map(|model| se(model)).collect(),
        }
    }

    /// Whether it has models enough for a minimum.
    pub fn is_whole(&self) -> bool {
        self.log_n.len() >= LEAST_MODELS
    }

    /// Mean distance of neighbouring models in `ln N`.
    pub fn spacing(&self) -> f64 {
        let steps = (self.log_n.len() - 1).max(1) as f64;
        (self.log_n[self.log_n.len() - 1] - self.log_n[0]) / steps
    }

    /// The slice with other losses.
    pub fn with(&self, loss: Vec<f64>) -> Slice {
        Slice {
            loss,
            ..self.clone()
        }
    }

    /// How far each model's `ln L` lies from the cubic in `ln N` through the two models on either side
    /// of it, over how far noise alone of size 1 would bring it (pseudo-residuals, as of Gasser,
    /// Sroka and Jennen-Steinmetz 1986). A slice bends too much for one polynomial through it all.
    pub fn roughness(&self) -> Vec<f64> {
        let neighbours = |x: &[f64], y: &[f64], runs: &[usize]| {
            let others = [0, 1, 3, 4];
            let share = |i: usize| -> f64 {
                let rest = others.iter().filter(|j| **j != i);
                rest.map(|j| (x[2] - x[*j]) / (x[i] - x[*j])).product()
            };
            let through: f64 = others.iter().map(|i| share(*i) * y[*i].ln()).sum();
            let of = |i: usize| runs[i] as f64;
            let spread: f64 = others.iter().map(|i| share(*i).powi(2) / of(*i)).sum();
            (y[2].ln() - through) / (1.0 / of(2) + spread).sqrt()
        };
        let models = self.log_n.windows(5).zip(self.loss.windows(5));
        let models = models.zip(self.runs_of.windows(5));
        models
            .map(|((x, y), runs)| neighbours(x, y, runs))
            .collect()
    }

    /// Why the slice has no minimum by these methods, and the cell that would give it one.
    pub fn refused(&self, methods: Vec<Method>) -> Refused {
        let n = self.log_n.len();
        let lowest = (0..n)
            .min_by(|a, b| self.loss[*a].total_cmp(&self.loss[*b]))
            .unwrap_or(0);
        let step = if n > 1 { self.spacing() } else { 2f64.ln() };
        let (reason, log_n) = if !self.is_whole() {
            let models = if n == 1 {
                "one model".to_owned()
            } else {
                format!("{n} models")
            };
            let reason = format!("it has {models}, and a minimum needs {LEAST_MODELS}");
            let outwards = if lowest == 0 {
                self.log_n[0] - step
            } else {
                self.log_n[n - 1] + step
            };
            (reason, outwards)
        } else if lowest == 0 {
            let reason = "its smallest model has the lowest loss".to_owned();
            (reason, self.log_n[0] - step)
        } else if lowest == n - 1 {
            let reason = "its largest model has the lowest loss".to_owned();
            (reason, self.log_n[n - 1] + step)
        } else {
            let reason = "no smooth curve through its losses has a minimum inside".to_owned();
            // Between the lowest and its farther neighbour.
            let [before, at, after] = [-1, 0, 1].map(|d| self.log_n[lowest.wrapping_add_signed(d)]);
            let farther = if at - before > after - at {
                before
            } else {
                after
            };
            (reason, 0.5 * (at + farther))
        };
        Refused {
            flops: self.flops,
            methods,
            reason,
            add_n: log_n.exp(),
            add_d: self.log_d(log_n).exp(),
        }
    }
}

//! Runs of equal compute.

use serde::{Deserialize, Serialize};

use super::minimum::Method;
use crate::Table;

/// Budgets that differ by less than this are one.
const SAME_BUDGET: f64 = 0.1;
/// Models whose `ln N` differ by less than this are one.
const SAME_MODEL: f64 = 0.01;
/// Models a minimum needs: one on each side of it.
const LEAST_MODELS: usize = 3;

/// Runs of one budget, smallest model first; runs of the same model are one, with their mean loss.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The budget: the geometric mean of its runs' FLOPs.
    pub flops: f64,
    pub log_n: Vec<f64>,
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
        let logs = points.iter().map(|point| flops[*point].ln());
        Slice {
            flops: (logs.sum::<f64>() / points.len() as f64).exp(),
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
        let neighbours = |x: &[f64], y: &[f64]| {
            let others = [0, 1, 3, 4];
            let share = |i: usize| -> f64 {
                let rest = others.iter().filter(|j| **j != i);
                rest.map(|j| (x[2] - x[*j]) / (x[i] - x[*j])).product()
            };
            let through: f64 = others.iter().map(|i| share(*i) * y[*i].ln()).sum();
            let spread: f64 = others.iter().map(|i| share(*i).powi(2)).sum();
            (y[2].ln() - through) / (1.0 + spread).sqrt()
        };
        let models = self.log_n.windows(5).zip(self.loss.windows(5));
        models.map(|(x, y)| neighbours(x, y)).collect()
    }

    /// Why the slice has no minimum by these methods, and the cell that would give it one.
    pub fn refused(&self, methods: Vec<Method>) -> Refused {
        let n = self.log_n.len();
        let lowest = (0..n)
            .min_by(|a, b| self.loss[*a].total_cmp(&self.loss[*b]))
            .unwrap_or(0);
        let step = if n > 1 { self.spacing() } else { 2f64.ln() };
        let (reason, log_n) = if n < LEAST_MODELS {
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
            let reason = "its losses do not bend upwards around their lowest".to_owned();
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
            add_d: self.flops / (6.0 * log_n.exp()),
        }
    }
}

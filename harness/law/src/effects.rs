//! Random effects: where cells were trained several times, how a law's residuals split into what a cell's replicates
//! share and what is each one's own.

use serde::{Deserialize, Serialize};

use crate::Table;
use crate::layout::Layout;
use crate::minimize::Problem;
use crate::points::Points;
use crate::search::search;
use crate::{FitOptions, LawError};

/// Rounds in which weights and scatter decide each other.
const ROUNDS: usize = 3;
/// Replicates beyond the first of their cells that tell how these scatter, at least.
const LEAST_REPLICATES: usize = 2;
/// Logarithms of variables that differ by less than this are of one cell.
const SAME: f64 = 1e-9;

/// How runs scatter: a residual is its cell's part, which all replicates share, and its own (a mixed model of one level,
/// Searle, Casella and McCulloch 1992, chapter 3). A run then counts by `1 / (m c^2 + r^2)`, of m replicates: cells count nearly alike,
/// however many of them there are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RandomEffects {
    /// Cells, of one run or several.
    pub cells: usize,
    /// Runs beyond the first of their cells.
    pub replicates: usize,
    /// Standard deviation of cells about the law: c, of residuals in log losses or in losses.
    pub of_cells: f64,
    /// Standard deviation of replicates about their cells: r.
    pub of_replicates: f64,
}

impl RandomEffects {
    /// By the sums of squares within cells and between them, of a law of so many free parameters. `None` where replicates do
    /// not scatter, or there are no more cells than parameters.
    fn of(table: &Table, residuals: &[f64], parameters: usize) -> Option<Self> {
        let cells = table.units();
        let replicates = table.len() - cells.len();
        let left = cells
            .len()
            .checked_sub(parameters)
            .filter(|left| *left > 0)?;
        let (mut within, mut between, mut shares) = (0.0, 0.0, 0.0);
        for cell in &cells {
            let size = cell.len() as f64;
            let mean = cell.iter().map(|run| residuals[*run]).sum::<f64>() / size;
            let off = cell.iter().map(|run| (residuals[*run] - mean).powi(2));
            within += off.sum::<f64>();
            between += mean * mean;
            shares += 1.0 / size;
        }
        let own = within / replicates as f64;
        let shared = between / left as f64 - own * shares / cells.len() as f64;
        let found = RandomEffects {
            cells: cells.len(),
            replicates,
            of_cells: shared.max(0.0).sqrt(),
            of_replicates: own.sqrt(),
        };
        (own > 0.0 && own.is_finite() && shared.is_finite()).then_some(found)
    }

    /// How much each point counts, with a mean of one.
    pub(crate) fn weights(&self, table: &Table) -> Vec<f64> {
        let mut weights = vec![0.0; table.len()];
        for cell in table.units() {
            let variance = cell.len() as f64 * self.of_cells.powi(2) + self.of_replicates.powi(2);
            for run in cell {
                weights[run] = variance.recip();
            }
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        weights.iter().map(|weight| weight / mean).collect()
    }
}

/// Whether a table's groups are cells with replicates, and no runs with checkpoints.
fn has_replicates(table: &Table) -> bool {
    let cells = table.units();
    let alike = |cell: &Vec<usize>| cell.iter().all(|run| same(table, cell[0], *run));
    cells.len() + LEAST_REPLICATES <= table.len() && cells.iter().all(alike)
}

fn same(table: &Table, one: usize, other: usize) -> bool {
    let (one, other) = (table.log_x(one), table.log_x(other));
    one.iter().zip(other).all(|(a, b)| (a - b).abs() < SAME)
}

/// The random effects of a law's points, where these have replicates and no errors that say how much each counts.
///
/// # Errors
/// If no descent ends at a minimum.
pub(crate) fn random_effects(
    problem: &Problem,
    layout: &Layout,
    table: &Table,
    centre: &[f64],
    options: &FitOptions,
) -> Result<Option<RandomEffects>, LawError> {
    if table.with_errors() > 0 || !has_replicates(table) {
        return Ok(None);
    }
    let objective = table.objective(options.objective);
    let free = problem.law.count() - problem.pins.len();
    let mut found: Option<RandomEffects> = None;
    for _ in 0..ROUNDS {
        let weights = found.map_or_else(|| vec![1.0; table.len()], |it| it.weights(table));
        let points = Points::new(table, centre, weights);
        let mut weighed = Problem::new(problem.law, &points, objective);
        weighed.pins.clone_from(&problem.pins);
        let search = search(&weighed, layout.form)?;
        let residuals = weighed.residuals(&search.minima[0].theta).into_iter();
        let residuals: Vec<f64> = residuals.map(|(residual, _)| residual).collect();
        found = RandomEffects::of(table, &residuals, free);
        if found.is_none() {
            break;
        }
    }
    Ok(found)
}

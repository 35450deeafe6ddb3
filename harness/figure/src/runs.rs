//! What figures are drawn from: tables, as plain numbers.

use isoflop_ledger::limits::LOSSES;
use isoflop_ledger::{Columns, LedgerError, names};

use crate::FigureError;

/// One run that is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// All parameters.
    pub params: f64,
    /// Training tokens.
    pub tokens: f64,
    /// Training FLOPs, 6 N D over all parameters.
    pub flops: f64,
    /// The compute budget it was made for, if any.
    pub budget: Option<f64>,
    /// Validation loss, nats per token.
    pub loss: f64,
    /// Its standard error.
    pub loss_se: f64,
}

/// The runs of a `cells` table that are done and that their definition asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// In the table's order.
    pub all: Vec<Run>,
    /// The corpus's exact entropy rate, where it is known.
    pub entropy_rate: Option<f64>,
    /// Whether the errors of losses are the cells' own, without what all of them share.
    pub own_errors: bool,
}

/// The training loss of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// All parameters of its model.
    pub params: f64,
    /// Tokens seen, and the mean loss of the batch there.
    pub points: Vec<(f64, f64)>,
}

/// Where a figure is from: it stands in the figure's foot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The suite's name and device.
    pub title: String,
    /// The command that makes the figure again.
    pub command: String,
    /// SHA-256 of the table it is drawn from.
    pub table_hash: String,
}

impl Source {
    pub(crate) fn note(&self) -> String {
        format!(
            "{} · table {}",
            self.command,
            &self.table_hash[..self.table_hash.len().min(12)]
        )
    }
}

impl Runs {
    /// The runs of a `cells` table.
    ///
    /// # Errors
    /// If the table lacks a column, or a loss is none that is believed.
    pub fn read(cells: &Columns) -> Result<Self, FigureError> {
        let params = cells.numbers(names::PARAMS_TOTAL)?;
        let tokens = cells.numbers(names::TOKENS)?;
        let flops = cells.numbers(names::FLOPS_6N_TOTAL)?;
        let budget = cells.numbers(names::FLOPS_BUDGET)?;
        let loss = cells.numbers(names::LOSS)?;
        // What all cells share moves them together, and no one of them against another.
        let own = match cells.has(names::LOSS_SE_OWN) {
            true => cells.numbers(names::LOSS_SE_OWN)?,
            false => Vec::new(),
        };
        let all_errors = cells.numbers(names::LOSS_SE)?;
        let lacks = |(own, all): (&Option<f64>, &Option<f64>)| own.is_none() && all.is_some();
        let own_errors = own.iter().any(Option::is_some) && !own.iter().zip(&all_errors).any(lacks);
        let loss_se = if own_errors { own } else { all_errors };
        let entropy_rate = cells.numbers(names::ENTROPY_RATE)?;
        let status = cells.words(names::STATUS);
        let planned = cells.words(names::PLANNED);
        let all = (0..cells.rows())
            .filter(|row| status[*row] == "done" && planned[*row] != "false")
            .filter_map(|row| {
                Some(Run {
                    params: params[row]?,
                    tokens: tokens[row]?,
                    flops: flops[row]?,
                    budget: budget[row],
                    loss: loss[row]?,
                    loss_se: loss_se[row].unwrap_or(0.0),
                })
            });
        let all: Vec<Run> = all.collect();
        if let Some(absurd) = all.iter().find(|run| !LOSSES.contains(&run.loss)) {
            return Err(FigureError::Loss(absurd.loss));
        }
        Ok(Runs {
            all,
            entropy_rate: entropy_rate.into_iter().flatten().next(),
            own_errors,
        })
    }

    /// Runs by the value of `of`, smallest first; values within a twentieth count as one.
    pub(crate) fn series(&self, of: impl Fn(&Run) -> Option<f64>) -> Vec<(f64, Vec<Run>)> {
        let mut keyed: Vec<(f64, Run)> = self
            .all
            .iter()
            .filter_map(|run| Some((of(run)?, *run)))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut series: Vec<(f64, Vec<Run>)> = Vec::new();
        for (key, run) in keyed {
            match series.last_mut() {
                Some((first, runs)) if key <= *first * 1.05 => runs.push(run),
                _ => series.push((key, vec![run])),
            }
        }
        series
    }
}

impl Curve {
    /// The curves of a `curves` table, largest models last.
    ///
    /// # Errors
    /// If the table lacks a column.
    pub fn read(curves: &Columns) -> Result<Vec<Self>, LedgerError> {
        let cells = curves.words(names::CELL);
        let planned = curves.words(names::PLANNED);
        let params = curves.numbers(names::PARAMS_TOTAL)?;
        let tokens = curves.numbers(names::TOKENS)?;
        let loss = curves.numbers(names::LOSS)?;
        let mut all: Vec<Curve> = Vec::new();
        let mut last = None;
        for row in (0..curves.rows()).filter(|row| planned[*row] != "false") {
            let (Some(params), Some(tokens), Some(loss)) = (params[row], tokens[row], loss[row])
            else {
                continue;
            };
            if last != Some(&cells[row]) {
                last = Some(&cells[row]);
                all.push(Curve {
                    params,
                    points: Vec::new(),
                });
            }
            if let Some(curve) = all.last_mut() {
                curve.points.push((tokens, loss));
            }
        }
        all.sort_by(|a, b| a.params.total_cmp(&b.params));
        Ok(all)
    }
}

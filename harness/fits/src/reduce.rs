//! Rows of one cell as one point: the best of its learning rates, the mean of its seeds, the last of its
//! checkpoints.

use std::collections::HashMap;
use std::fmt;

use isoflop_ledger::{Columns, LedgerError};
use strum::{Display, EnumString};

use crate::points::Candidate;

/// What to take of the rows of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Take {
    /// The row of the least loss.
    Best,
    /// The mean of the losses.
    Mean,
    /// The row where the first column of `over` is largest: of one run's checkpoints the last, whatever
    /// their tokens.
    Last,
}

/// Rows that are to be one point each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduction {
    /// What is taken of them.
    pub take: Take,
    /// Columns in which rows of one cell differ.
    pub over: Vec<String>,
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {}", self.take, self.over.join(", "))
    }
}

impl Reduction {
    /// One candidate for each cell, in the order of their rows, and what is to be said of it. A cell is made of the
    /// rows of the same variables and the same group; of one run's checkpoints, of those but the variables that
    /// `grow` with training.
    ///
    /// # Errors
    /// If there is no such column.
    pub(crate) fn of(
        &self,
        columns: &Columns,
        candidates: Vec<Candidate>,
        grow: &[usize],
    ) -> Result<(Vec<Candidate>, String), LedgerError> {
        let over: Vec<Vec<String>> = self
            .over
            .iter()
            .map(|column| columns.words_of(column))
            .collect::<Result<_, _>>()?;
        let before = candidates.len();
        let mut of_key: HashMap<Vec<String>, usize> = HashMap::new();
        let mut cells: Vec<Vec<Candidate>> = Vec::new();
        for candidate in candidates {
            let cell = *of_key
                .entry(self.key(&candidate, grow))
                .or_insert(cells.len());
            if cell == cells.len() {
                cells.push(Vec::new());
            }
            cells[cell].push(candidate);
        }
        let alike = cells.iter().map(|cell| alike(cell, &over)).sum::<usize>();
        let reduced: Vec<Candidate> = match self.take {
            Take::Best => cells.into_iter().filter_map(best).collect(),
            Take::Mean => cells.into_iter().filter_map(mean).collect(),
            Take::Last => {
                let order = columns.numbers(&self.over[0])?;
                let at = |candidate: &Candidate| order[candidate.row].unwrap_or(f64::NEG_INFINITY);
                let last =
                    |cell: Vec<Candidate>| cell.into_iter().max_by(|a, b| at(a).total_cmp(&at(b)));
                cells.into_iter().filter_map(last).collect()
            }
        };
        let mut said = format!("{before} rows are {} points by {self}", reduced.len());
        if alike > 0 {
            said += &format!(
                "; {alike} of them are alike in {} with another of their cell: what else tells them apart, if it \
                 is no repeat, belongs to `--over` or, of runs, to `--group`",
                self.over.join(", ")
            );
        }
        Ok((reduced, said))
    }

    /// What rows of one cell share: numbers to nine digits.
    fn key(&self, candidate: &Candidate, grow: &[usize]) -> Vec<String> {
        let fixed = |(at, _): &(usize, &f64)| self.take != Take::Last || !grow.contains(at);
        let variables = candidate.x.iter().enumerate().filter(fixed);
        let words = variables.map(|(_, value)| format!("{value:.9e}"));
        let group = candidate.group.map(|group| group.to_string());
        words.chain(group).collect()
    }
}

/// Rows of a cell that another of it equals in all columns along which they should differ.
fn alike(cell: &[Candidate], over: &[Vec<String>]) -> usize {
    let mut seen: HashMap<Vec<&str>, usize> = HashMap::new();
    for candidate in cell {
        let values = over.iter().map(|column| column[candidate.row].as_str());
        *seen.entry(values.collect()).or_insert(0) += 1;
    }
    seen.into_values().map(|count| count - 1).sum()
}

fn best(cell: Vec<Candidate>) -> Option<Candidate> {
    cell.into_iter().min_by(|a, b| a.loss.total_cmp(&b.loss))
}

/// The mean loss, with the standard error of a mean.
fn mean(cell: Vec<Candidate>) -> Option<Candidate> {
    let count = cell.len() as f64;
    let loss = cell.iter().map(|it| it.loss).sum::<f64>() / count;
    let squares: Option<Vec<f64>> = cell.iter().map(|it| it.se.map(|se| se * se)).collect();
    let se = squares.map(|squares| squares.iter().sum::<f64>().sqrt() / count);
    let first = cell.into_iter().next()?;
    Some(Candidate { loss, se, ..first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Vec<Candidate> {
        let row = |(row, loss): (usize, f64)| Candidate {
            row,
            x: vec![1e6, 1e8],
            loss,
            se: Some(0.2),
            group: None,
        };
        [3.0, 2.0, 4.0].into_iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_cell_is_its_best_row_or_its_mean() {
        assert_eq!(best(cell()).map(|it| it.row), Some(1));
        let mean = mean(cell()).unwrap();
        assert_eq!(mean.loss, 3.0);
        assert!((mean.se.unwrap() - 0.2 / 3f64.sqrt()).abs() < 1e-12);
    }
}

//! Rows as the points of a law.

use std::collections::HashMap;

use isoflop_law::{Point, Table, Unusable};
use isoflop_ledger::limits::LOSSES;
use isoflop_ledger::{LedgerError, names};

use crate::status::is_finished;
use crate::{FitsError, Names, Quantity, QuantitySource, Rows};

/// A law's points, and the rows that they are.
pub(crate) struct Points {
    pub table: Table,
    /// The row of every usable point.
    pub rows: Vec<usize>,
    /// What was read beside the variables, per usable point.
    pub more: Vec<Vec<f64>>,
    pub left_out: Vec<String>,
    pub columns: Vec<String>,
}

impl Rows<'_> {
    /// The rows as a law's points. `more` are read beside the variables, and a row without one of
    /// them is left out as well.
    pub(crate) fn points(
        &self,
        sources: &[QuantitySource],
        more: &[QuantitySource],
        names: &Names,
    ) -> Result<Points, FitsError> {
        let read = |sources: &[QuantitySource]| -> Result<Vec<Vec<Option<f64>>>, LedgerError> {
            sources
                .iter()
                .map(|source| source.numbers(self.columns))
                .collect()
        };
        let (variables, beside) = (read(sources)?, read(more)?);
        let loss = names.source(self.columns, Quantity::Loss)?;
        let losses = loss.numbers(self.columns)?;
        let errors = self.errors(names)?;
        let groups = names
            .group
            .as_deref()
            .map(|column| self.columns.words_of(column))
            .transpose()?;
        let (statuses, cells) = (
            self.columns.words(names::STATUS),
            self.columns.words(names::CELL),
        );
        let planned = self.columns.words(names::PLANNED);
        // A row's name: its cell, or its place in the table.
        let name = |row: usize| match cells[row].as_str() {
            "" => format!("row {}", row + 1),
            cell => cell.to_owned(),
        };
        let mut table = Table::new(sources.len());
        let (mut pushed, mut left_out) = (Vec::new(), Vec::new());
        let mut of_group: HashMap<&str, u64> = HashMap::new();
        for &row in &self.rows {
            if planned[row] == "false" {
                left_out.push((
                    row,
                    "its definition does not ask for it any more".to_owned(),
                ));
                continue;
            }
            let status = statuses[row].as_str();
            if !is_finished(status) {
                left_out.push((row, status.to_owned()));
                continue;
            }
            let number = |column: &Vec<Option<f64>>| column[row].unwrap_or(f64::NAN);
            let doubted = losses[row].filter(|loss| *loss > 0.0 && !LOSSES.contains(loss));
            if let Some(loss) = doubted.filter(|loss| loss.is_finite()) {
                let (low, high) = (LOSSES.start(), LOSSES.end());
                let reason = format!(
                    "a loss of {loss:e}, and none below {low:e} or above {high:e} is believed"
                );
                left_out.push((row, reason));
                continue;
            }
            let x: Vec<f64> = variables.iter().map(number).collect();
            let usable = |value: f64| value.is_finite() && value > 0.0;
            let all_beside = beside.iter().map(number).all(usable);
            let groups_so_far = of_group.len() as u64;
            table.push_point(Point {
                x: &x,
                loss: if all_beside {
                    number(&losses)
                } else {
                    f64::NAN
                },
                se: errors.as_ref().map(number),
                group: groups
                    .as_ref()
                    .map(|groups| *of_group.entry(&groups[row]).or_insert(groups_so_far)),
            });
            pushed.push(row);
        }
        let named = sources
            .iter()
            .zip(&variables)
            .chain(more.iter().zip(&beside));
        let named: Vec<(String, &Vec<Option<f64>>)> = named
            .chain([(&loss, &losses)])
            .map(|(source, column)| (source.to_string(), column))
            .chain(
                errors
                    .iter()
                    .map(|column| (names.se.clone().unwrap_or_default(), column)),
            )
            .collect();
        for (point, reason) in table.left_out() {
            let reason = match reason {
                Unusable::Number => unusable(&named, pushed[*point]),
                Unusable::Duplicate(first) => {
                    format!("the same numbers as {}", name(pushed[*first]))
                }
            };
            left_out.push((pushed[*point], reason));
        }
        left_out.sort();
        if table.is_empty() && !left_out.is_empty() {
            return Err(FitsError::nothing_left(
                left_out.into_iter().map(|(_, reason)| reason),
            ));
        }
        let rows: Vec<usize> = table
            .pushed_as()
            .iter()
            .map(|point| pushed[*point])
            .collect();
        let of_rows = |column: &Vec<Option<f64>>| {
            rows.iter()
                .map(|row| column[*row].unwrap_or(f64::NAN))
                .collect()
        };
        Ok(Points {
            more: beside.iter().map(of_rows).collect(),
            left_out: left_out
                .into_iter()
                .map(|(row, reason)| format!("{}: {reason}", name(row)))
                .collect(),
            columns: sources
                .iter()
                .chain([&loss])
                .map(QuantitySource::to_string)
                .collect(),
            rows,
            table,
        })
    }

    /// The standard error of every row's loss.
    fn errors(&self, names: &Names) -> Result<Option<Vec<Option<f64>>>, LedgerError> {
        let Some(se) = &names.se else {
            return Ok(None);
        };
        if !self.columns.has(se)
            && let Ok(number) = se.parse::<f64>()
        {
            return Ok(Some(vec![Some(number); self.columns.rows()]));
        }
        self.columns.numbers(se).map(Some)
    }
}

/// Which of a row's numbers no law can use, and why.
fn unusable(named: &[(String, &Vec<Option<f64>>)], row: usize) -> String {
    let usable = |value: f64| value.is_finite() && value > 0.0;
    let first = named
        .iter()
        .find(|(_, column)| !column[row].is_some_and(usable));
    match first.map(|(name, column)| (name, column[row])) {
        Some((name, Some(value))) if value.is_nan() => format!("{name} is missing"),
        Some((name, Some(value))) => format!("{name} is {value}, and is to be above zero"),
        Some((name, None)) => format!("{name} is missing"),
        None => Unusable::Number.to_string(),
    }
}

//! Rows as the points of a law.

use std::collections::HashMap;

use isoflop_law::{Form, Point, Table};
use isoflop_ledger::limits::LOSSES;
use isoflop_ledger::{Columns, LedgerError, names};

use crate::status::{is_finished, statuses};
use crate::{Choice, FitsError, Names, Quantity, QuantitySource, Rows, Shape};

/// A law's points, and the rows that they are.
pub(crate) struct Points {
    pub table: Table,
    /// The row of every usable point.
    pub rows: Vec<usize>,
    /// What was read beside the variables, per usable point.
    pub more: Vec<Vec<f64>>,
    pub left_out: Vec<String>,
    pub columns: Vec<String>,
    /// How many rows became how many points, and by what.
    pub reduced: Option<String>,
}

/// Rows that are no points, and why.
type LeftOut = Vec<(usize, String)>;

/// A row that could be a point.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub row: usize,
    pub x: Vec<f64>,
    /// Not a number where something that the point needs is missing.
    pub loss: f64,
    pub se: Option<f64>,
    pub group: Option<u64>,
}

impl Candidate {
    /// Whether a law can use all its numbers, of which those that are `plain` may be zero or negative.
    fn is_usable(&self, plain: &Plain) -> bool {
        let usable = |value: f64, plain: bool| value.is_finite() && (plain || value > 0.0);
        let mut variables = self.x.iter().zip(&plain.variables);
        variables.all(|(value, plain)| usable(*value, *plain))
            && usable(self.loss, plain.loss)
            && self.se.is_none_or(|se| usable(se, false))
    }
}

/// What may be zero or negative: of a written law, variables that are so somewhere in the rows or in those that were split
/// from them, and losses whose residuals are not of
/// logarithms.
struct Plain {
    variables: Vec<bool>,
    loss: bool,
}

impl Plain {
    fn of(choice: &Choice, whole: &[usize], variables: &[Vec<Option<f64>>]) -> Self {
        let written = match choice.shape {
            Shape::Law(Form::Written(written)) => Some(written),
            _ => None,
        };
        let below = |variable: usize| {
            let mut all = whole.iter().filter_map(|row| variables[variable][*row]);
            all.any(|value| value <= 0.0)
        };
        let is_plain = |variable: usize| {
            written.is_some_and(|law| law.may_be_zero(variable)) && below(variable)
        };
        Plain {
            variables: (0..variables.len()).map(is_plain).collect(),
            loss: written.is_some() && choice.options.objective.is_of_values(),
        }
    }
}

/// What is read of every row.
struct Numbers<'a> {
    variables: &'a [Vec<Option<f64>>],
    beside: &'a [Vec<Option<f64>>],
    losses: &'a [Option<f64>],
    errors: Option<&'a Vec<Option<f64>>>,
    /// Whether the losses are to be losses of models.
    believed: bool,
}

impl Numbers<'_> {
    /// Why a row's loss is none of a model.
    fn doubt(&self, row: usize) -> Option<String> {
        let absurd = |loss: &f64| loss.is_finite() && *loss > 0.0 && !LOSSES.contains(loss);
        let loss = self.losses[row].filter(absurd).filter(|_| self.believed)?;
        let (low, high) = (LOSSES.start(), LOSSES.end());
        Some(format!(
            "a loss of {loss:e}, and none below {low:e} or above {high:e} is believed"
        ))
    }

    fn candidate(&self, row: usize, group: Option<u64>) -> Candidate {
        let number = |column: &Vec<Option<f64>>| column[row].unwrap_or(f64::NAN);
        let usable = |value: f64| value.is_finite() && value > 0.0;
        let all_beside = self.beside.iter().map(number).all(usable);
        let loss = self.losses[row].filter(|_| all_beside);
        Candidate {
            row,
            x: self.variables.iter().map(number).collect(),
            loss: loss.unwrap_or(f64::NAN),
            se: self.errors.map(number),
            group,
        }
    }
}

impl Rows<'_> {
    /// The rows as a law's points. `more` are read beside the variables, and a row without one of
    /// them is left out as well. `grow` are the variables that grow with training.
    pub(crate) fn points(
        &self,
        sources: &[QuantitySource],
        more: &[QuantitySource],
        choice: &Choice,
        grow: &[usize],
    ) -> Result<Points, FitsError> {
        let read = |sources: &[QuantitySource]| -> Result<Vec<Vec<Option<f64>>>, LedgerError> {
            sources
                .iter()
                .map(|source| source.numbers(self.columns))
                .collect()
        };
        let names = &choice.names;
        let (variables, beside) = (read(sources)?, read(more)?);
        let loss = names.source(self.columns, Quantity::Loss)?;
        let losses = loss.numbers(self.columns)?;
        let errors = self.errors(names)?;
        let numbers = Numbers {
            variables: &variables,
            beside: &beside,
            losses: &losses,
            errors: errors.as_ref(),
            // Whoever names the column knows what it holds, which need not be a loss.
            believed: names.loss.is_none(),
        };
        let (candidates, mut left_out) = self.candidates(&numbers, names)?;
        let (mut candidates, copies) = self.without_copies(candidates);
        let plain = Plain::of(choice, &self.whole, &variables);
        let cells = self.columns.words(names::CELL);
        // A row's name: its cell, or its place in the table.
        let name = |row: usize| match cells[row].as_str() {
            "" => format!("row {}", row + 1),
            cell => cell.to_owned(),
        };
        for (copy, first) in copies {
            left_out.push((copy, format!("a copy of {}", name(first))));
        }
        let mut reduced = None;
        if let Some(reduction) = &choice.reduction {
            let (usable, others): (Vec<_>, Vec<_>) =
                candidates.into_iter().partition(|it| it.is_usable(&plain));
            let (usable, said) = reduction.of(self.columns, usable, grow)?;
            candidates = usable.into_iter().chain(others).collect();
            reduced = Some(said);
        }
        let mut table = Table::of_equation(&plain.variables, plain.loss);
        for candidate in &candidates {
            table.push_point(Point {
                x: &candidate.x,
                loss: candidate.loss,
                se: candidate.se,
                group: candidate.group,
            });
        }
        let named = sources
            .iter()
            .zip(&variables)
            .chain(more.iter().zip(&beside))
            .chain([(&loss, &losses)])
            .map(|(source, column)| (source.to_string(), column));
        let se = names.se.clone().unwrap_or_default();
        let named: Vec<_> = named
            .chain(errors.iter().map(|column| (se.clone(), column)))
            .collect();
        for point in table.left_out() {
            let row = candidates[*point].row;
            left_out.push((row, unusable(&named, &plain, self.columns, row)));
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
            .map(|point| candidates[*point].row)
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
            reduced,
        })
    }

    /// Candidates of which no earlier row has the same cells throughout, and the copies with the row that they
    /// repeat. Runs that differ in anything are runs, though their losses be the same.
    fn without_copies(&self, candidates: Vec<Candidate>) -> (Vec<Candidate>, Vec<(usize, usize)>) {
        let mut of_numbers: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
        let (mut kept, mut copies) = (Vec::new(), Vec::new());
        for candidate in candidates {
            // Rows without a loss are left out for that, and there may be many of them.
            if candidate.loss.is_nan() {
                kept.push(candidate);
                continue;
            }
            let numbers = candidate.x.iter().chain([&candidate.loss]);
            let key: Vec<u64> = numbers.map(|number| number.to_bits()).collect();
            let alike = of_numbers.entry(key).or_default();
            let mut earlier = alike.iter().copied();
            match earlier.find(|row| self.columns.same_cells(*row, candidate.row)) {
                Some(first) => copies.push((candidate.row, first)),
                None => {
                    alike.push(candidate.row);
                    kept.push(candidate);
                }
            }
        }
        (kept, copies)
    }

    /// The rows that could be points, and the others with the reason why they are none.
    fn candidates(
        &self,
        numbers: &Numbers,
        names: &Names,
    ) -> Result<(Vec<Candidate>, LeftOut), LedgerError> {
        let groups = names
            .group
            .as_deref()
            .map(|column| self.columns.words_of(column))
            .transpose()?;
        let statuses = statuses(self.columns);
        let planned = self.columns.words(names::PLANNED);
        let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
        let mut of_group: HashMap<&str, u64> = HashMap::new();
        for &row in &self.rows {
            if planned[row] == "false" {
                let reason = "its definition does not ask for it any more";
                left_out.push((row, reason.to_owned()));
            } else if !is_finished(&statuses[row]) {
                left_out.push((row, statuses[row].clone()));
            } else if let Some(reason) = numbers.doubt(row) {
                left_out.push((row, reason));
            } else {
                let groups_so_far = of_group.len() as u64;
                let group = groups
                    .as_ref()
                    .map(|groups| *of_group.entry(&groups[row]).or_insert(groups_so_far));
                candidates.push(numbers.candidate(row, group));
            }
        }
        Ok((candidates, left_out))
    }

    /// The standard error of every row's loss.
    fn errors(&self, names: &Names) -> Result<Option<Vec<Option<f64>>>, FitsError> {
        let Some(se) = &names.se else {
            return Ok(None);
        };
        if !self.columns.has(se)
            && let Ok(number) = se.parse::<f64>()
        {
            return Ok(Some(vec![Some(number); self.columns.rows()]));
        }
        QuantitySource::expressed(se, self.columns)?
            .numbers(self.columns)
            .map(Some)
            .map_err(FitsError::from)
    }
}

/// Which of a row's numbers no law can use, and why.
fn unusable(
    named: &[(String, &Vec<Option<f64>>)],
    plain: &Plain,
    columns: &Columns,
    row: usize,
) -> String {
    let mut all = named.iter().enumerate();
    let first = all.find(|(at, (_, column))| {
        let any = plain.variables.get(*at) == Some(&true);
        !column[row].is_some_and(|value| value.is_finite() && (any || value > 0.0))
    });
    let first = first.map(|(_, named)| named);
    match first.map(|(name, column)| (name, column[row])) {
        Some((name, Some(value))) if value.is_nan() => format!("{name} is missing"),
        Some((name, Some(value))) => format!("{name} is {value}, and is to be above zero"),
        Some((name, None)) => match columns.word(name, row).as_str() {
            "" => format!("{name} is missing"),
            word => format!("{name} is `{word}`, no number"),
        },
        None => "a number is missing".to_owned(),
    }
}

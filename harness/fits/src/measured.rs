//! The runs that a kept fit was fitted to, read from its table again.

use isoflop_law::{FitOptions, Record};
use isoflop_ledger::Columns;

use crate::{Choice, Filter, FitsError, Names, QuantitySource, Rows, Shape};

/// A run: its variables in the form's order, of slices N, D and C; and its loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The variables.
    pub x: Vec<f64>,
    /// The loss.
    pub loss: f64,
}

/// The runs of a table that a fit is of: by the columns that it was fitted to, or else those with usual names.
///
/// # Errors
/// If the table lacks a column.
pub fn measured(record: &Record, columns: &Columns) -> Result<Vec<Measured>, FitsError> {
    let (fitted, filter, by, shape) = match record {
        Record::Law(it) => (&it.columns, &it.filter, &it.by, Shape::Law(it.form)),
        Record::Isoflop(it) => (&it.columns, &it.filter, &it.by, Shape::Isoflop),
    };
    let filter: Option<Filter> = filter.as_ref().map(|text| text.parse()).transpose()?;
    let rows = Rows::of(columns, record.table_hash(), filter.as_ref())?;
    let rows = match by {
        None => Some(rows),
        Some([column, value]) => {
            let parts = rows.by(column)?;
            parts
                .into_iter()
                .find(|part| part.by.as_ref().is_some_and(|it| it[1] == *value))
        }
    };
    let Some(rows) = rows else {
        return Ok(Vec::new());
    };
    let choice = Choice {
        names: names(&shape, fitted, columns),
        shape,
        options: FitOptions::default(),
        holdout: None,
        reduction: None,
    };
    rows.measured(&choice)
}

/// The columns that a fit names and the table has.
fn names(shape: &Shape, fitted: &[String], columns: &Columns) -> Names {
    let there = |at: usize| {
        let text = fitted.get(at)?;
        QuantitySource::expressed(text, columns)
            .ok()
            .map(|_| text.clone())
    };
    let variables: &[&str] = match shape {
        Shape::Law(form) => form.variables(),
        Shape::Isoflop | Shape::Written(_) => &["N", "D", "C"],
    };
    let of = |letter: &str| {
        variables
            .iter()
            .position(|it| *it == letter)
            .and_then(there)
    };
    Names {
        n: of("N"),
        d: of("D"),
        c: of("C"),
        x: of("x"),
        unique: of("U"),
        width: of("W"),
        depth: of("H"),
        loss: there(variables.len()),
        se: None,
        group: None,
    }
}

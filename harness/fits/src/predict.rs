//! What kept laws say of the rows of a table.

use isoflop_law::{Fit, Prediction};
use isoflop_ledger::{Columns, LedgerError};

use crate::{FitsError, Names, each_value};

/// A law, and the rows that it is for: all, or those of a value of a column.
#[derive(Debug)]
pub struct KeptLaw {
    by: Option<[String; 2]>,
    /// The columns that the law was fitted to: its variables', in the form's order, and the loss's.
    columns: Vec<String>,
    /// The law.
    pub fit: Fit,
}

/// What a law says of a row.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// The loss, and its intervals.
    pub said: Prediction,
    /// How far the row lies beyond the runs fitted, by variable.
    pub beyond: Vec<(&'static str, f64)>,
}

impl Predicted {
    /// How many times the largest value fitted, or the smallest; 1 within.
    pub fn times_beyond(&self) -> f64 {
        let times = self.beyond.iter().map(|(_, times)| times.max(1.0 / times));
        times.fold(1.0, f64::max)
    }
}

/// The laws among kept fits: of several of the same rows the first.
///
/// # Errors
/// If one lacks parameters of its form.
pub fn kept_laws(records: &[isoflop_law::Record]) -> Result<Vec<KeptLaw>, FitsError> {
    let laws = each_value(records, |record| record.law().is_some());
    let laws = laws
        .into_iter()
        .filter_map(|(by, record)| Some((by, record.law()?)));
    laws.map(|(by, law)| {
        Ok(KeptLaw {
            by: by.cloned(),
            columns: law.columns.clone(),
            fit: law.fit().ok_or(FitsError::NoParameters)?,
        })
    })
    .collect()
}

/// What the laws say of every row, by the columns that are named, or else those that the law was fitted to, or else
/// those with a usual name; nothing of one that lacks a number above zero for its law, or that
/// none of them is for.
///
/// # Errors
/// If the table lacks a column.
pub fn predict_rows(
    laws: &[KeptLaw],
    columns: &Columns,
    names: &Names,
) -> Result<Vec<Option<Predicted>>, FitsError> {
    let mut rows = vec![None; columns.rows()];
    for law in laws {
        law.predict(columns, names, &mut rows)?;
    }
    Ok(rows)
}

impl KeptLaw {
    fn predict(
        &self,
        columns: &Columns,
        names: &Names,
        rows: &mut [Option<Predicted>],
    ) -> Result<(), FitsError> {
        let variables: Vec<Vec<Option<f64>>> = names
            .variables_of(columns, self.fit.form, &self.columns)?
            .iter()
            .map(|source| source.numbers(columns))
            .collect::<Result<_, LedgerError>>()?;
        let mine: Vec<bool> = match &self.by {
            None => vec![true; columns.rows()],
            Some([column, value]) => {
                let values = columns.words_of(column);
                let values = values.map_err(|error| FitsError::NoGroups {
                    column: column.clone(),
                    error,
                })?;
                values.iter().map(|it| it == value).collect()
            }
        };
        for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| mine[*at]) {
            let x: Option<Vec<f64>> = variables.iter().map(|values| values[at]).collect();
            // What was zero or negative in the runs fitted may be so here.
            let usable = x.filter(|x| {
                let mut all = x.iter().zip(&self.fit.range);
                all.all(|(x, [low, _])| x.is_finite() && (*x > 0.0 || *low <= 0.0))
            });
            *row = usable.map(|x| Predicted {
                said: self.fit.predict(&x),
                beyond: self.fit.beyond(&x),
            });
        }
        Ok(())
    }
}

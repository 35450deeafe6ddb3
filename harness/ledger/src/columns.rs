//! A table's columns as plain numbers and words, for those who know nothing of Polars.

use polars::prelude::{Column, DataFrame, DataType, NamedFrom, Series};

use crate::LedgerError;
use crate::reading::{Read, number_of};

/// Read access to a table.
#[derive(Debug, Clone)]
pub struct Columns(DataFrame);

impl Columns {
    /// Reads a table.
    pub fn new(table: DataFrame) -> Self {
        Columns(table)
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.0.height()
    }

    /// Names of the columns, in order.
    pub fn names(&self) -> Vec<String> {
        self.0
            .get_column_names()
            .into_iter()
            .map(|name| name.to_string())
            .collect()
    }

    /// Names of the columns of numbers, in order.
    pub fn number_names(&self) -> Vec<String> {
        let numbers = self.0.columns().iter().filter(|it| it.dtype().is_numeric());
        numbers.map(|column| column.name().to_string()).collect()
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.column(name).is_ok()
    }

    /// A column as numbers, `None` where a row has none. Words that are numbers count as such, as `1.25M`
    /// and `1,250,000` are: one "n/a" makes words of a whole column of a CSV.
    ///
    /// # Errors
    /// If there is no such column, or it does not hold a number.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, LedgerError> {
        let column = self.0.column(name).map_err(|_| LedgerError::NoColumn {
            column: name.to_owned(),
            present: self.names(),
        })?;
        let none = |holds: String| LedgerError::NoNumbers {
            column: name.to_owned(),
            holds,
        };
        if let Ok(words) = column.str() {
            let (mut numbers, mut word) = (Vec::with_capacity(words.len()), None);
            for cell in words.iter() {
                let read = cell.map_or(Read::Missing, |cell| number_of(cell, false));
                if read == Read::Word {
                    word = word.or(cell);
                }
                numbers.push(match read {
                    Read::Number(number) => Some(number),
                    Read::Missing | Read::Word => None,
                });
            }
            return match (numbers.iter().all(Option::is_none), word) {
                (true, Some(word)) => Err(none(format!("words, such as `{word}`"))),
                (true, None) => Err(none("nothing".to_owned())),
                _ => Ok(numbers),
            };
        }
        let kind = || none(format!("values of the type {}", column.dtype()));
        if !column.dtype().is_numeric() {
            return Err(kind());
        }
        let floats = column.cast(&DataType::Float64).map_err(|_| kind())?;
        Ok(floats.f64().map_err(|_| kind())?.iter().collect())
    }

    /// Whether two rows have the same cells throughout.
    pub fn same_cells(&self, one: usize, other: usize) -> bool {
        let mut columns = self.0.columns().iter();
        columns.all(|column| match (column.get(one), column.get(other)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        })
    }

    /// The table with columns of numbers added, or put in the place of those of the same name.
    ///
    /// # Errors
    /// If one has not as many values as the table has rows.
    pub fn with(&self, added: Vec<(&str, Vec<Option<f64>>)>) -> Result<DataFrame, LedgerError> {
        let mut table = self.0.clone();
        for (name, values) in added {
            let column = Column::from(Series::new(name.into(), values));
            table
                .with_column(column)
                .map_err(|error| LedgerError::Column(error.to_string()))?;
        }
        Ok(table)
    }

    /// A column as words, empty where a row has none or the table has no such column.
    pub fn words(&self, name: &str) -> Vec<String> {
        let column = self.0.column(name).ok().and_then(strings);
        column.unwrap_or_else(|| vec![String::new(); self.rows()])
    }

    /// One row's word of a column, empty where it has none.
    pub fn word(&self, name: &str, row: usize) -> String {
        let column = self.0.column(name).ok();
        let cell = column.and_then(|column| strings(&column.slice(row as i64, 1)));
        cell.and_then(|mut words| words.pop()).unwrap_or_default()
    }

    /// A column as words, empty where a row has none.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn words_of(&self, name: &str) -> Result<Vec<String>, LedgerError> {
        if self.has(name) {
            return Ok(self.words(name));
        }
        Err(LedgerError::NoColumn {
            column: name.to_owned(),
            present: self.names(),
        })
    }
}

/// A column as words, empty where a row has none.
fn strings(column: &Column) -> Option<Vec<String>> {
    let column = column.cast(&DataType::String).ok()?;
    let words = column.str().ok()?.iter();
    Some(
        words
            .map(|word| word.unwrap_or_default().to_owned())
            .collect(),
    )
}

//! Where numbers come from.

use std::fmt;

use isoflop_ledger::{Columns, LedgerError};

use super::Quantity;
use super::units::unit;
use crate::{Expression, FitsError};

/// Where a quantity's numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub enum QuantitySource {
    /// A column.
    Column(String),
    /// A column that counts by so many.
    Scaled(String, f64),
    /// An expression of columns.
    Expressed(Expression),
    /// `C / (6 N)` or `C / (6 D)`, of C and the other.
    OverSix(Box<QuantitySource>, Box<QuantitySource>),
    /// `6 N D`.
    SixTimes(Box<QuantitySource>, Box<QuantitySource>),
}

impl QuantitySource {
    /// What a user names for a quantity: a column, or an expression of columns.
    pub(super) fn named(
        name: &str,
        columns: &Columns,
        quantity: Quantity,
    ) -> Result<Self, FitsError> {
        if columns.has(name) {
            columns.numbers(name)?;
            return Ok(Self::of(name.to_owned(), quantity));
        }
        Self::expressed(name, columns)
    }

    /// A column, or an expression of columns.
    pub(crate) fn expressed(text: &str, columns: &Columns) -> Result<Self, FitsError> {
        if columns.has(text) {
            columns.numbers(text)?;
            return Ok(QuantitySource::Column(text.to_owned()));
        }
        let expression: Expression = text.parse()?;
        expression.numbers(columns)?;
        Ok(QuantitySource::Expressed(expression))
    }

    /// A column of a quantity, in the unit that its name says.
    pub(super) fn of(column: String, quantity: Quantity) -> Self {
        let counts = [
            Quantity::Parameters,
            Quantity::Tokens,
            Quantity::Flops,
            Quantity::UniqueTokens,
        ];
        let (_, times) = unit(&column);
        if times != 1.0 && counts.contains(&quantity) {
            QuantitySource::Scaled(column, times)
        } else {
            QuantitySource::Column(column)
        }
    }

    pub(super) fn over_six(flops: Option<Self>, other: Option<Self>) -> Option<Self> {
        Some(QuantitySource::OverSix(flops?.into(), other?.into()))
    }

    pub(super) fn six_times(n: Option<Self>, d: Option<Self>) -> Option<Self> {
        Some(QuantitySource::SixTimes(n?.into(), d?.into()))
    }

    /// As a part of an expression.
    fn part(&self) -> String {
        match self {
            QuantitySource::Column(name) => quoted(name),
            QuantitySource::Expressed(expression) => format!("({expression})"),
            other => other.to_string(),
        }
    }

    /// Whether it follows from others, by `C = 6 N D`.
    pub fn is_derived(&self) -> bool {
        matches!(
            self,
            QuantitySource::OverSix(..) | QuantitySource::SixTimes(..)
        )
    }

    /// Its number in every row.
    ///
    /// # Errors
    /// If a column is not there.
    pub fn numbers(&self, columns: &Columns) -> Result<Vec<Option<f64>>, LedgerError> {
        let of_two = |a: &Self, b: &Self, of: fn(f64, f64) -> f64| {
            let (a, b) = (a.numbers(columns)?, b.numbers(columns)?);
            Ok(a.into_iter()
                .zip(b)
                .map(|(a, b)| Some(of(a?, b?)))
                .collect())
        };
        match self {
            QuantitySource::Column(name) => columns.numbers(name),
            QuantitySource::Expressed(expression) => expression.numbers(columns),
            QuantitySource::Scaled(name, times) => {
                let numbers = columns.numbers(name)?.into_iter();
                Ok(numbers.map(|number| Some(number? * times)).collect())
            }
            QuantitySource::OverSix(flops, other) => of_two(flops, other, |c, x| c / (6.0 * x)),
            QuantitySource::SixTimes(n, d) => of_two(n, d, |n, d| 6.0 * n * d),
        }
    }
}

impl fmt::Display for QuantitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuantitySource::Column(name) => f.write_str(name),
            QuantitySource::Expressed(expression) => expression.fmt(f),
            QuantitySource::Scaled(name, times) => write!(f, "{times:e} * {}", quoted(name)),
            QuantitySource::OverSix(flops, other) => {
                write!(f, "{} / (6 * {})", flops.part(), other.part())
            }
            QuantitySource::SixTimes(n, d) => write!(f, "6 * {} * {}", n.part(), d.part()),
        }
    }
}

/// A column's name as a part of an expression.
pub fn quoted(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_.".contains(letter);
    let begins = name.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if name.chars().all(plain) && !begins {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}

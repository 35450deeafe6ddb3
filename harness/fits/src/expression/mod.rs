//! Numbers and conditions made of a table's columns, in one grammar: `step * batch * 1024`, `log(ppl)`,
//! `loss < 4 and (dataset = 'rw' or not C >= 1e18)`.

mod evaluate;
mod filter;

use std::fmt;
use std::str::FromStr;

use isoflop_grammar::{GrammarError, Node, number};
use isoflop_ledger::{Columns, LedgerError};

use evaluate::{holds, numbers};
pub use filter::Filter;

/// A number of every row, made of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    root: Node,
}

impl Expression {
    /// Its number in every row; none where a column has none.
    ///
    /// # Errors
    /// If the table lacks a column, or one holds no number.
    pub fn numbers(&self, columns: &Columns) -> Result<Vec<Option<f64>>, LedgerError> {
        numbers(&self.root, columns)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Ok(Expression {
            root: number(text)?,
            text: text.trim().to_owned(),
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What cannot be read as an expression or a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; an expression is like `step * batch * 1024` or `log(ppl)`, a filter like `loss < 4 and (dataset = 'rw' or not C >= 1e18)`, with `back quotes` around names with spaces or signs in them"
)]
pub struct ExpressionError(#[from] GrammarError);

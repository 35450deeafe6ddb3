//! Numbers and conditions made of a table's columns, in one grammar: `step * batch * 1024`, `log(ppl)`,
//! `loss < 4 and (dataset = 'rw' or not C >= 1e18)`.

mod evaluate;
mod filter;
mod parse;
mod tokens;

use std::fmt;
use std::str::FromStr;

use isoflop_ledger::{Columns, LedgerError};

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
        self.root.numbers(columns)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Ok(Expression {
            root: parse::number(text)?,
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
    "{message} at character {at} of `{text}`; an expression is like `step * batch * 1024` or `log(ppl)`, a filter like `loss < 4 and (dataset = 'rw' or not C >= 1e18)`, with `back quotes` around names with spaces or signs in them"
)]
pub struct ExpressionError {
    message: String,
    at: usize,
    text: String,
}

/// A part of an expression or a condition.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    /// In quotes.
    Word(String),
    /// A column, or, compared for being equal, a word.
    Name(String),
    Negated(Box<Node>),
    Called(Function, Box<Node>),
    /// Two numbers, and how they were written: a column may have that name.
    Joined {
        by: Operator,
        parts: Box<[Node; 2]>,
        text: String,
    },
    Compared {
        by: Comparison,
        parts: Box<[Node; 2]>,
    },
    Not(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
}

impl Node {
    /// Whether it is true or false of a row, and no number.
    fn is_condition(&self) -> bool {
        matches!(
            self,
            Node::Compared { .. } | Node::Not(_) | Node::And(_) | Node::Or(_)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
enum Function {
    /// The natural logarithm.
    #[strum(serialize = "log", serialize = "ln")]
    Log,
    Log2,
    Log10,
    Exp,
    Sqrt,
    Abs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

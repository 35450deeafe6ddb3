//! What people type where a number, a condition or an equation is asked for, in one grammar: `step * batch * 1024`,
//! `loss < 4 and (dataset = 'rw' or not C >= 1e18)`, `loss = E + A*N^-alpha`. What the names stand for is the reader's.
//!
//! ```
//! use isoflop_grammar::{equations, number};
//!
//! assert!(number("log(ppl)").is_ok());
//! assert_eq!(number("log(ppl").unwrap_err().at, 8);
//! assert_eq!(equations("x = N/1e6; loss = E + A*x^-alpha").unwrap().len(), 2);
//! ```

mod parse;
mod tokens;

use std::cmp::Ordering;

pub use parse::{condition, equations, number};

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {at} of `{text}`")]
pub struct GrammarError {
    /// What is wrong.
    pub message: String,
    /// Where, in characters from 1.
    pub at: usize,
    /// All that was to be read.
    pub text: String,
}

/// A part of an expression or a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A number.
    Number(f64),
    /// A word in quotes.
    Word(String),
    /// A name: of a column or a parameter, or, compared for being equal, a word.
    Name(String),
    /// A number with its sign changed.
    Negated(Box<Node>),
    /// A function of as many numbers as it takes.
    Called(Function, Vec<Node>),
    /// Two numbers, and how they were written: a column may have that name.
    Joined {
        /// What joins them.
        by: Operator,
        /// Both.
        parts: Box<[Node; 2]>,
        /// As written.
        text: String,
    },
    /// Two numbers or words, compared.
    Compared {
        /// How.
        by: Comparison,
        /// Both.
        parts: Box<[Node; 2]>,
    },
    /// A condition that is not to hold.
    Not(Box<Node>),
    /// Two conditions that are both to hold.
    And(Box<[Node; 2]>),
    /// Two conditions of which one is to hold.
    Or(Box<[Node; 2]>),
}

impl Node {
    /// Whether it is true or false of a row, and no number.
    pub fn is_condition(&self) -> bool {
        matches!(
            self,
            Node::Compared { .. } | Node::Not(_) | Node::And(_) | Node::Or(_)
        )
    }
}

/// What joins two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Power,
}

impl Operator {
    /// What it makes of two numbers.
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Operator::Plus => a + b,
            Operator::Minus => a - b,
            Operator::Times => a * b,
            Operator::Over => a / b,
            Operator::Power => a.powf(b),
        }
    }
}

/// A function of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Function {
    /// The natural logarithm.
    #[strum(serialize = "log", serialize = "ln")]
    Log,
    Log2,
    Log10,
    Exp,
    Sqrt,
    Abs,
    Min,
    Max,
}

impl Function {
    /// The fewest and the most numbers that it takes.
    pub fn takes(self) -> [usize; 2] {
        match self {
            Function::Min | Function::Max => [2, usize::MAX],
            _ => [1, 1],
        }
    }

    /// What it makes of its numbers; NaN of none.
    pub fn of(self, numbers: &[f64]) -> f64 {
        let x = numbers.first().copied().unwrap_or(f64::NAN);
        let all = || numbers.iter().copied();
        match self {
            Function::Log => x.ln(),
            Function::Log2 => x.log2(),
            Function::Log10 => x.log10(),
            Function::Exp => x.exp(),
            Function::Sqrt => x.sqrt(),
            Function::Abs => x.abs(),
            Function::Min => all().fold(x, f64::min),
            Function::Max => all().fold(x, f64::max),
        }
    }
}

/// How two numbers or words are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Comparison {
    /// Whether it holds of two that have this order.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::More => order.is_gt(),
            Comparison::MoreOrEqual => order.is_ge(),
        }
    }
}

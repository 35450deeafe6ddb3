//! What an expression is of every row of a table.

use std::cmp::Ordering;

use isoflop_ledger::{Columns, LedgerError};

use super::{Comparison, Function, Node, Operator};

type Numbers = Vec<Option<f64>>;

impl Node {
    /// Its number in every row.
    pub(super) fn numbers(&self, columns: &Columns) -> Result<Numbers, LedgerError> {
        match self {
            Node::Number(number) => Ok(vec![Some(*number); columns.rows()]),
            Node::Name(name) => columns.numbers(name),
            Node::Negated(inner) => Ok(each(inner.numbers(columns)?, |number| -number)),
            Node::Called(function, inner) => {
                Ok(each(inner.numbers(columns)?, |number| function.of(number)))
            }
            // `val/loss` is a column where there is one of that name.
            Node::Joined { text, .. } if columns.has(text) => columns.numbers(text),
            Node::Joined { by, parts, .. } => {
                let [first, second] = &**parts;
                let (first, second) = (first.numbers(columns)?, second.numbers(columns)?);
                let both = first.into_iter().zip(second);
                Ok(both.map(|(a, b)| Some(by.of(a?, b?))).collect())
            }
            // The grammar has made sure that it is a number.
            _ => Ok(vec![None; columns.rows()]),
        }
    }

    /// Whether it holds of every row. Of a row without the number or word compared it does not.
    pub(super) fn holds(&self, columns: &Columns) -> Result<Vec<bool>, LedgerError> {
        let both = |parts: &[Node; 2], join: fn(bool, bool) -> bool| {
            let (first, second) = (parts[0].holds(columns)?, parts[1].holds(columns)?);
            let both = first.into_iter().zip(second);
            Ok(both.map(|(a, b)| join(a, b)).collect())
        };
        match self {
            Node::Not(inner) => Ok(inner.holds(columns)?.iter().map(|it| !it).collect()),
            Node::And(parts) => both(parts, |a, b| a && b),
            Node::Or(parts) => both(parts, |a, b| a || b),
            Node::Compared { by, parts } => compare(columns, *by, &parts[0], &parts[1]),
            // The grammar has made sure that it is a condition.
            _ => Ok(vec![false; columns.rows()]),
        }
    }

    /// The column that it names by itself.
    fn name<'a>(&'a self, columns: &Columns) -> Option<&'a str> {
        match self {
            Node::Name(name) => Some(name),
            Node::Joined { text, .. } if columns.has(text) => Some(text),
            _ => None,
        }
    }
}

fn each(numbers: Numbers, of: impl Fn(f64) -> f64) -> Numbers {
    numbers.into_iter().map(|number| number.map(&of)).collect()
}

fn compare(
    columns: &Columns,
    by: Comparison,
    first: &Node,
    second: &Node,
) -> Result<Vec<bool>, LedgerError> {
    let holds = |order: Option<Ordering>| order.is_some_and(|order| by.holds(order));
    if let (Some(name), Some(word)) = (first.name(columns), word(columns, by, second)) {
        let words = columns.words_of(name)?;
        let compared = words
            .iter()
            .map(|it| (!it.is_empty()).then(|| it.as_str().cmp(word)));
        return Ok(compared.map(holds).collect());
    }
    let numbers = first
        .numbers(columns)?
        .into_iter()
        .zip(second.numbers(columns)?);
    Ok(numbers
        .map(|(a, b)| holds(a.zip(b).and_then(|(a, b)| a.partial_cmp(&b))))
        .collect())
}

/// A word that a column is compared with: one in quotes, or, where it is asked whether they are equal, a
/// bare one that names no column.
fn word<'a>(columns: &Columns, by: Comparison, node: &'a Node) -> Option<&'a str> {
    let equality = matches!(by, Comparison::Equal | Comparison::Unequal);
    match node {
        Node::Word(word) => Some(word),
        Node::Name(name) if equality && !columns.has(name) => Some(name),
        // `rw-2` and `a/b` are words as well.
        Node::Joined { text, .. } if equality && !columns.has(text) => {
            let named = |node: &Node| !matches!(node, Node::Name(name) if !columns.has(name));
            let Node::Joined { parts, .. } = node else {
                return None;
            };
            (!parts.iter().all(named)).then_some(text)
        }
        _ => None,
    }
}

impl Operator {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Operator::Plus => a + b,
            Operator::Minus => a - b,
            Operator::Times => a * b,
            Operator::Over => a / b,
            Operator::Power => a.powf(b),
        }
    }
}

impl Function {
    fn of(self, x: f64) -> f64 {
        match self {
            Function::Log => x.ln(),
            Function::Log2 => x.log2(),
            Function::Log10 => x.log10(),
            Function::Exp => x.exp(),
            Function::Sqrt => x.sqrt(),
            Function::Abs => x.abs(),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
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

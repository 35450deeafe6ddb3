//! What an expression is of every row of a table.

use std::cmp::Ordering;

use isoflop_grammar::{Comparison, Node};
use isoflop_ledger::{Columns, LedgerError};

type Numbers = Vec<Option<f64>>;

/// A node's number in every row.
pub fn numbers(node: &Node, columns: &Columns) -> Result<Numbers, LedgerError> {
    match node {
        Node::Number(number) => Ok(vec![Some(*number); columns.rows()]),
        Node::Name(name) => columns.numbers(name),
        Node::Negated(inner) => Ok(each(numbers(inner, columns)?, |number| -number)),
        Node::Called(function, inner) => {
            let inner: Result<Vec<Numbers>, LedgerError> =
                inner.iter().map(|it| numbers(it, columns)).collect();
            let inner = inner?;
            let of = |row: usize| {
                let row: Option<Vec<f64>> = inner.iter().map(|it| it[row]).collect();
                Some(function.of(&row?))
            };
            Ok((0..columns.rows()).map(of).collect())
        }
        // `val/loss` is a column where there is one of that name.
        Node::Joined { text, .. } if columns.has(text) => columns.numbers(text),
        Node::Joined { by, parts, .. } => {
            let [first, second] = &**parts;
            let (first, second) = (numbers(first, columns)?, numbers(second, columns)?);
            let both = first.into_iter().zip(second);
            Ok(both.map(|(a, b)| Some(by.of(a?, b?))).collect())
        }
        // The grammar has made sure that it is a number.
        _ => Ok(vec![None; columns.rows()]),
    }
}

/// Whether a condition holds of every row. Of a row without the number or word compared it does not.
pub fn holds(node: &Node, columns: &Columns) -> Result<Vec<bool>, LedgerError> {
    let both = |parts: &[Node; 2], join: fn(bool, bool) -> bool| {
        let (first, second) = (holds(&parts[0], columns)?, holds(&parts[1], columns)?);
        let both = first.into_iter().zip(second);
        Ok(both.map(|(a, b)| join(a, b)).collect())
    };
    match node {
        Node::Not(inner) => Ok(holds(inner, columns)?.iter().map(|it| !it).collect()),
        Node::And(parts) => both(parts, |a, b| a && b),
        Node::Or(parts) => both(parts, |a, b| a || b),
        Node::Compared { by, parts } => compare(columns, *by, &parts[0], &parts[1]),
        // The grammar has made sure that it is a condition.
        _ => Ok(vec![false; columns.rows()]),
    }
}

/// The column that a node names by itself.
fn name<'a>(node: &'a Node, columns: &Columns) -> Option<&'a str> {
    match node {
        Node::Name(name) => Some(name),
        Node::Joined { text, .. } if columns.has(text) => Some(text),
        _ => None,
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
    if let (Some(name), Some(word)) = (name(first, columns), word(columns, by, second)) {
        let words = columns.words_of(name)?;
        let compared = words
            .iter()
            .map(|it| (!it.is_empty()).then(|| it.as_str().cmp(word)));
        return Ok(compared.map(holds).collect());
    }
    let both = numbers(first, columns)?.into_iter();
    Ok(both
        .zip(numbers(second, columns)?)
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

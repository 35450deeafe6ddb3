//! Which rows of a table to fit: comparisons of columns, joined by `and`, `or` and `not`.

use std::fmt;
use std::str::FromStr;

use isoflop_ledger::{Columns, LedgerError};

/// A condition on a row, such as `loss < 4 and dataset = 'rw'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    root: Condition,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Compare {
        column: String,
        by: Comparison,
        with: Value,
    },
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
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

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Word(String),
}

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{message} at character {at}; a filter is like `loss < 4 and (dataset = 'rw' or not C >= 1e18)`, with `back quotes` around names with spaces"
)]
pub struct FilterError {
    message: String,
    at: usize,
}

impl Filter {
    /// Which rows of a table it keeps. A row without the number or word compared is not kept.
    ///
    /// # Errors
    /// If the table lacks a column, or one compared with a number has none.
    pub fn keeps(&self, columns: &Columns) -> Result<Vec<bool>, LedgerError> {
        self.root.keeps(columns)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    fn keeps(&self, columns: &Columns) -> Result<Vec<bool>, LedgerError> {
        let both = |a: &Condition, b: &Condition, join: fn(bool, bool) -> bool| {
            let (a, b) = (a.keeps(columns)?, b.keeps(columns)?);
            Ok(a.into_iter().zip(b).map(|(a, b)| join(a, b)).collect())
        };
        match self {
            Condition::Not(inner) => Ok(inner.keeps(columns)?.iter().map(|keep| !keep).collect()),
            Condition::And(a, b) => both(a, b, |a, b| a && b),
            Condition::Or(a, b) => both(a, b, |a, b| a || b),
            Condition::Compare { column, by, with } => compare(columns, column, *by, with),
        }
    }
}

fn compare(
    columns: &Columns,
    column: &str,
    by: Comparison,
    with: &Value,
) -> Result<Vec<bool>, LedgerError> {
    match with {
        Value::Number(number) => {
            let values = columns.numbers(column)?;
            let keep = |value: &Option<f64>| {
                let order = value.and_then(|value| value.partial_cmp(number));
                order.is_some_and(|order| by.holds(order))
            };
            Ok(values.iter().map(keep).collect())
        }
        Value::Word(word) => {
            if !columns.has(column) {
                return Err(LedgerError::NoColumn {
                    column: column.to_owned(),
                    present: columns.names(),
                });
            }
            let values = columns.words(column);
            let keep = |value: &String| !value.is_empty() && by.holds(value.as_str().cmp(word));
            Ok(values.iter().map(keep).collect())
        }
    }
}

impl Comparison {
    fn holds(self, order: std::cmp::Ordering) -> bool {
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

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A bare word: a column's name, a value, `and`, `or` or `not`.
    Bare(String),
    /// In back quotes: a column's name.
    Name(String),
    /// In quotes: a value.
    Word(String),
    Number(f64),
    By(Comparison),
    Open,
    Close,
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader {
            tokens: tokens(text)?,
            next: 0,
            end: text.chars().count() + 1,
        };
        let root = reader.either()?;
        if reader.next < reader.tokens.len() {
            return Err(reader.error("expected `and`, `or` or the end"));
        }
        Ok(Filter {
            text: text.to_owned(),
            root,
        })
    }
}

/// The text's tokens, each with its place from 1.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, FilterError> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = &characters[at..];
        let (token, length) = token(first, rest).map_err(|message| FilterError {
            message: message.to_owned(),
            at: at + 1,
        })?;
        found.push((token, at + 1));
        at += length;
    }
    Ok(found)
}

/// The token that a text begins with, and its length.
fn token(first: char, rest: &[char]) -> Result<(Token, usize), &'static str> {
    const OPERATORS: [(&str, Comparison); 8] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::Unequal),
        ("<>", Comparison::Unequal),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::MoreOrEqual),
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        (">", Comparison::More),
    ];
    let begins = |with: &str| rest.iter().copied().take(with.len()).eq(with.chars());
    match first {
        '(' => return Ok((Token::Open, 1)),
        ')' => return Ok((Token::Close, 1)),
        '`' | '\'' | '"' => {
            let inside: String = rest[1..].iter().take_while(|c| **c != first).collect();
            let length = inside.chars().count() + 2;
            if length > rest.len() {
                return Err("a quote that does not end");
            }
            let quoted = if first == '`' {
                Token::Name(inside)
            } else {
                Token::Word(inside)
            };
            return Ok((quoted, length));
        }
        _ => {}
    }
    if let Some((text, by)) = OPERATORS.iter().find(|(text, _)| begins(text)) {
        return Ok((Token::By(*by), text.len()));
    }
    let bare: String = rest
        .iter()
        .take_while(|c| c.is_alphanumeric() || "_.+-/%".contains(**c))
        .collect();
    let length = bare.chars().count();
    if length == 0 {
        return Err("a character that means nothing here");
    }
    Ok(match bare.parse() {
        Ok(number) => (Token::Number(number), length),
        Err(_) => (Token::Bare(bare), length),
    })
}

struct Reader {
    tokens: Vec<(Token, usize)>,
    next: usize,
    /// The place after the text.
    end: usize,
}

impl Reader {
    fn error(&self, message: &str) -> FilterError {
        let at = self.tokens.get(self.next).map_or(self.end, |(_, at)| *at);
        FilterError {
            message: message.to_owned(),
            at,
        }
    }

    /// The next token; past the end there is none, and [`Reader::back`] goes back there too.
    fn take(&mut self) -> Option<Token> {
        self.next += 1;
        let (token, _) = self.tokens.get(self.next - 1)?;
        Some(token.clone())
    }

    fn takes_bare(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((Token::Bare(bare), _)) if bare.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Condition, FilterError> {
        let mut condition = self.both()?;
        while self.takes_bare("or") {
            condition = Condition::Or(Box::new(condition), Box::new(self.both()?));
        }
        Ok(condition)
    }

    fn both(&mut self) -> Result<Condition, FilterError> {
        let mut condition = self.one()?;
        while self.takes_bare("and") {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, FilterError> {
        let mut nots = 0;
        while self.takes_bare("not") {
            nots += 1;
        }
        let condition = self.positive()?;
        Ok(if nots % 2 == 1 {
            Condition::Not(Box::new(condition))
        } else {
            condition
        })
    }

    fn positive(&mut self) -> Result<Condition, FilterError> {
        let column = match self.take() {
            Some(Token::Open) => {
                let inside = self.nested()?;
                return match self.take() {
                    Some(Token::Close) => Ok(inside),
                    _ => Err(self.back("expected `)`")),
                };
            }
            Some(Token::Bare(name) | Token::Name(name)) => name,
            _ => return Err(self.back("expected a column")),
        };
        let Some(Token::By(by)) = self.take() else {
            return Err(self.back("expected a comparison such as `<` or `=`"));
        };
        let with = match self.take() {
            Some(Token::Number(number)) => Value::Number(number),
            Some(Token::Word(word) | Token::Bare(word)) => Value::Word(word),
            _ => return Err(self.back("expected a number or a word")),
        };
        Ok(Condition::Compare { column, by, with })
    }

    /// Within parentheses, no deeper than anyone writes by hand.
    fn nested(&mut self) -> Result<Condition, FilterError> {
        const DEEPEST: usize = 50;
        let before = &self.tokens[..self.next];
        let open = before
            .iter()
            .filter(|(token, _)| *token == Token::Open)
            .count();
        let closed = before
            .iter()
            .filter(|(token, _)| *token == Token::Close)
            .count();
        if open > closed + DEEPEST {
            return Err(self.back("more parentheses than are read"));
        }
        self.either()
    }

    /// An error at the token just taken.
    fn back(&mut self, message: &str) -> FilterError {
        self.next -= 1;
        self.error(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        text.parse::<Filter>().expect(text).root
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert_eq!(
            condition("a < 1 or b >= 2e3 and c = rw"),
            condition("(a < 1) or ((b >= 2000) and (c == 'rw'))")
        );
        assert_eq!(
            condition("not a = 1 and b = 2"),
            condition("(not a = 1) and b = 2")
        );
        assert_eq!(condition("`Model Size` > -1").keeps_name(), "Model Size");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (text, at) in [
            ("", 1),
            ("loss", 5),
            ("loss <", 7),
            ("loss < 4 4", 10),
            ("(loss < 4", 10),
            ("loss < 'rw", 8),
            ("loss ? 4", 6),
            ("3 < loss", 1),
        ] {
            let error = text.parse::<Filter>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
        assert!("(".repeat(100_000).parse::<Filter>().is_err());
    }

    impl Condition {
        fn keeps_name(&self) -> &str {
            match self {
                Condition::Compare { column, .. } => column,
                _ => panic!("a comparison"),
            }
        }
    }
}

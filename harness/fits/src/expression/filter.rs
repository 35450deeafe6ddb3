//! Which rows of a table to fit.

use std::fmt;
use std::str::FromStr;

use isoflop_ledger::{Columns, LedgerError};

use isoflop_grammar::{Node, condition};

use super::{ExpressionError, holds};

/// A condition on a row, such as `loss < 4 and dataset = 'rw'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    root: Node,
}

impl Filter {
    /// Which rows of a table it keeps. A row without the number or word compared is not kept.
    ///
    /// # Errors
    /// If the table lacks a column, or one compared with a number has none.
    pub fn keeps(&self, columns: &Columns) -> Result<Vec<bool>, LedgerError> {
        holds(&self.root, columns)
    }
}

impl FromStr for Filter {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Ok(Filter {
            root: condition(text)?,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expression;

    fn read(text: &str) -> Node {
        text.parse::<Filter>().expect(text).root
    }

    #[test]
    fn and_binds_closer_than_or() {
        for (loose, bound) in [
            (
                "a < 1 or b >= 2e3 and c = rw",
                "(a < 1) or ((b >= 2000) and (c = rw))",
            ),
            ("not a = 1 and b = 2", "(not a = 1) and b = 2"),
            ("not not a = 1", "a == 1"),
            ("`a` > -1", "a > (-1)"),
        ] {
            assert_eq!(read(loose), read(bound), "{loose}");
        }
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
            ("(a < 1) < 2", 1),
            ("a < 1 and b", 12),
            ("nolog(a) < 2", 1),
        ] {
            let error = text.parse::<Filter>().unwrap_err();
            assert_eq!(error.0.at, at, "{text}: {error}");
        }
        for deep in [
            "(".repeat(100_000),
            "-".repeat(100_000),
            "2^".repeat(100_000),
        ] {
            assert!(deep.parse::<Filter>().is_err());
        }
        for text in ["a < 1", "'word'", "1 +", "log a", "a b", "log(a < 1)"] {
            assert!(text.parse::<Expression>().is_err(), "{text}");
        }
    }
}

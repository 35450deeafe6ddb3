//! A quantity that no column holds, and what to type.

use isoflop_law::Form;
use isoflop_ledger::Columns;

use super::Quantity;

/// A quantity that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{missing}; the table has {}{}", present.join(", "), wide(present))]
pub struct NoQuantity {
    missing: String,
    present: Vec<String>,
}

/// Columns that an error proposes.
const MOST_PROPOSED: usize = 3;

/// What to do with a table that has a column for each run.
fn wide(present: &[String]) -> &'static str {
    let ends = |end: &str| present.iter().any(|name| name.ends_with(end));
    if ends("__MIN") && ends("__MAX") {
        return "\n  help: this is a chart exported by Weights & Biases, with a column for each run and no \
                parameters or tokens; export the table of runs instead, with their config and summary";
    }
    ""
}

impl NoQuantity {
    pub(super) fn new(quantity: Quantity, columns: &Columns) -> Self {
        let mut alike = quantity.sounding(columns);
        alike.retain(|name| columns.numbers(name).is_ok());
        NoQuantity {
            missing: match alike.as_slice() {
                [] => format!(
                    "no column of {} was found: name it with `{} COLUMN`",
                    quantity.words(),
                    quantity.flag()
                ),
                some => {
                    let tried = some
                        .iter()
                        .take(MOST_PROPOSED)
                        .map(|name| quantity.proposal(name));
                    format!(
                        "no column of {} was found: give {}, if that is it",
                        quantity.words(),
                        tried.collect::<Vec<_>>().join(" or ")
                    )
                }
            },
            present: columns.names(),
        }
    }

    pub(super) fn no_x(form: Form, columns: &Columns) -> Self {
        NoQuantity {
            missing: format!(
                "`{form}` is a law of one variable: name its column with `--x COLUMN`, or `x = \"COLUMN\"` in a definition"
            ),
            present: columns.names(),
        }
    }
}

//! Why a table has no fit, or a file of fits cannot be read.

use std::path::{Path, PathBuf};

use isoflop_files::FileError;
use isoflop_law::LawError;
use isoflop_ledger::LedgerError;
use isoflop_suite::DefinitionError;

use crate::{ExpressionError, NoQuantity};

/// A table that cannot be fitted, or fits that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FitsError {
    /// A variable of a published law that the table lacks.
    #[error(
        "the table has no `{variable}`, which `{law}` needs: name a column so, or give the law as an equation with `--law`; `isoflop laws` says what it is"
    )]
    NoVariable {
        /// The equation.
        law: String,
        /// What it lacks.
        variable: String,
    },
    /// A table or a file of fits cannot be read, or has no such column.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The rows cannot be fitted.
    #[error(transparent)]
    Law(#[from] LawError),
    /// What is named for a quantity is neither a column nor an expression.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The table lacks a quantity of the law.
    #[error(transparent)]
    Quantity(#[from] NoQuantity),
    /// A `[[fit]]` of a definition that cannot be; the error names its line.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Two variables of a law in one column.
    #[error(
        "{} and {} would both be `{column}`: name the column of each with its flag",
        variables[0], variables[1]
    )]
    SameColumn {
        /// The variables.
        variables: [&'static str; 2],
        /// The column.
        column: String,
    },
    /// Slices that are to predict runs.
    #[error("slices predict no runs: leave out --holdout, or fit `chinchilla`")]
    NoHoldout,
    /// Hidden runs of laws that are fitted at once.
    #[error("laws that share parameters predict no hidden runs: leave out --holdout, or --shared")]
    NoHoldoutTogether,
    /// Slices with parameters in common.
    #[error("slices have no parameters to share: leave out --shared, or fit `chinchilla`")]
    SlicesTogether,
    /// Rows of which none can be fitted, each for a reason.
    #[error("none of {rows} rows can be fitted: {reasons}")]
    NothingLeft {
        /// How many rows.
        rows: usize,
        /// The reasons, with how many rows each.
        reasons: String,
    },
    /// Fits made for each value of a column that a table lacks.
    #[error("the fits are made for each value of `{column}`, and so are predictions: {error}")]
    NoGroups {
        /// The column.
        column: String,
        /// What the table has.
        error: LedgerError,
    },
    /// A fit that is no law of its form.
    #[error("the fit lacks parameters of its form")]
    NoParameters,
    /// A file of fits that is not there.
    #[error("{}: there is no such file", .0.display())]
    NoFile(PathBuf),
    /// A file of fits without one.
    #[error("{}: there is no fit in it", .0.display())]
    NoFit(PathBuf),
    /// An entry of a file of fits that cannot be read.
    #[error("{}: fit {number}: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Which entry, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reasons that an error names.
const MOST_REASONS: usize = 5;

impl FitsError {
    /// Rows that are left out for these reasons, and no others are there.
    pub(crate) fn nothing_left(reasons: impl Iterator<Item = String>) -> Self {
        let mut counted: Vec<(String, usize)> = Vec::new();
        let mut rows = 0;
        for reason in reasons {
            rows += 1;
            match counted.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => counted.push((reason, 1)),
            }
        }
        let told = counted.iter().take(MOST_REASONS);
        let told = told.map(|(reason, count)| format!("{reason} ({count})"));
        let more = counted.len().saturating_sub(MOST_REASONS);
        let more = (more > 0).then(|| format!("{more} other reasons"));
        FitsError::NothingLeft {
            rows,
            reasons: told.chain(more).collect::<Vec<_>>().join("; "),
        }
    }

    pub(crate) fn unreadable(path: &Path, number: usize, problem: impl ToString) -> Self {
        FitsError::Unreadable {
            path: path.to_owned(),
            number,
            problem: problem.to_string(),
        }
    }
}

//! How the program ends.

use std::fmt::Display;
use std::process::ExitCode;

use isoflop_fits::FitsError;
use isoflop_law::LawError;
use isoflop_ledger::LedgerError;
use isoflop_suite::{DefinitionError, NoDevice};

/// How the program ends, beside 0 for done and 1 for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Bad usage or a bad definition. `clap` uses the same code.
    BadDefinition = 2,
    /// The suite ended with cells that are not done.
    NotAllDone = 3,
    /// A fit, a device or a cell's memory was refused.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that knows how the program is to end.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    exit: Exit,
    message: String,
}

impl Refusal {
    /// Bad usage.
    pub fn usage(error: impl Display) -> Self {
        Refusal {
            exit: Exit::BadDefinition,
            message: error.to_string(),
        }
    }

    /// What is asked for is refused, for a reason.
    #[cfg(feature = "train")]
    pub fn refused(error: impl Display) -> Self {
        Refusal {
            exit: Exit::Refused,
            message: error.to_string(),
        }
    }
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    find(error).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn find(error: &anyhow::Error) -> Option<Exit> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(refusal.exit);
    }
    if error.is::<DefinitionError>() || error.is::<NoDevice>() {
        return Some(Exit::BadDefinition);
    }
    if error.is::<LawError>() {
        return Some(Exit::Refused);
    }
    if let Some(error) = error.downcast_ref::<LedgerError>() {
        return of_ledger(error);
    }
    match error.downcast_ref::<FitsError>()? {
        FitsError::Law(_)
        | FitsError::Quantity(_)
        | FitsError::NoVariable { .. }
        | FitsError::NothingLeft { .. } => Some(Exit::Refused),
        FitsError::Ledger(error) | FitsError::NoGroups { error, .. } => of_ledger(error),
        FitsError::Definition(_)
        | FitsError::Expression(_)
        | FitsError::NoHoldout
        | FitsError::NoHoldoutTogether
        | FitsError::SlicesTogether
        | FitsError::SameColumn { .. } => Some(Exit::BadDefinition),
        FitsError::File(_)
        | FitsError::NoParameters
        | FitsError::NoFile(_)
        | FitsError::NoFit(_)
        | FitsError::Unreadable { .. } => None,
    }
}

fn of_ledger(error: &LedgerError) -> Option<Exit> {
    matches!(
        error,
        LedgerError::NoColumn { .. } | LedgerError::NoNumbers { .. }
    )
    .then_some(Exit::Refused)
}

//! `isoflop`: scaling-law experiments from their definition to their figures.

#[cfg(feature = "train")]
mod agreement;
#[cfg(feature = "train")]
mod allocator;
#[cfg(feature = "train")]
mod child;
#[cfg(feature = "train")]
mod children;
mod command;
#[cfg(feature = "train")]
mod coordinator;
#[cfg(feature = "train")]
mod dispatch;
mod filter;
mod fitting;
#[cfg(feature = "train")]
mod forecast;
#[cfg(feature = "train")]
mod labels;
mod places;
#[cfg(feature = "train")]
mod probing;
#[cfg(feature = "train")]
mod progress;
#[cfg(feature = "train")]
mod protocol;
#[cfg(feature = "train")]
mod provenance;
mod quantities;
#[cfg(feature = "train")]
mod racing;
#[cfg(feature = "train")]
mod sampling;
mod show;
#[cfg(feature = "train")]
mod stopping;
#[cfg(feature = "train")]
mod suite;
mod telling;
#[cfg(feature = "train")]
mod timing;
#[cfg(feature = "train")]
mod trust;
#[cfg(feature = "train")]
mod workers;

use std::process::ExitCode;

use clap::Parser;
use isoflop_law::LawError;
use isoflop_ledger::LedgerError;
use isoflop_suite::DefinitionError;

use command::Command;
use quantities::NoQuantity;

/// Memory that a child is refused is told to its parent.
#[cfg(feature = "train")]
#[global_allocator]
static ALLOCATOR: allocator::Telling = allocator::Telling;

/// Sweeps model sizes and data with Burn, fits scaling laws to the losses, and draws them.
#[derive(Debug, Parser)]
#[command(name = "isoflop", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// How the program ends, beside 0 for done and 1 for an error.
#[derive(Debug, Clone, Copy)]
enum Exit {
    /// Bad usage or a bad definition. `clap` uses the same code.
    BadDefinition = 2,
    /// The suite ended with cells that are not done.
    #[cfg(feature = "train")]
    NotAllDone = 3,
    /// A fit was refused, or a device.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    #[cfg(feature = "train")]
    if let Some(isoflop_train::TrainError::NoDevice { .. }) = error.downcast_ref() {
        return Exit::BadDefinition.into();
    }
    #[cfg(feature = "train")]
    if error.downcast_ref::<suite::NoCell>().is_some()
        || error
            .downcast_ref::<command::compare::SameDevice>()
            .is_some()
    {
        return Exit::BadDefinition.into();
    }
    if error.downcast_ref::<DefinitionError>().is_some() {
        return Exit::BadDefinition.into();
    }
    #[cfg(feature = "train")]
    if error.downcast_ref::<trust::Untrusted>().is_some()
        || error.downcast_ref::<coordinator::TooLarge>().is_some()
    {
        return Exit::Refused.into();
    }
    let no_column = matches!(error.downcast_ref(), Some(LedgerError::NoColumn { .. }));
    if no_column
        || error.downcast_ref::<NoQuantity>().is_some()
        || error.downcast_ref::<LawError>().is_some()
    {
        return Exit::Refused.into();
    }
    ExitCode::FAILURE
}

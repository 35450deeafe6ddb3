//! What other commands ask of training, in a build without it.

use std::path::Path;
use std::process::ExitCode;

use isoflop_suite::{CellId, DeviceName, NoDevice};

use super::opened::SuiteArguments;
use crate::planning::Suite;
use crate::show::say;

/// How to train: nothing to say.
#[derive(Debug, clap::Args)]
pub struct RunOptions {}

/// A build with training goes on with the cells.
pub fn run_again(
    _: &SuiteArguments,
    _: &Path,
    _: &RunOptions,
    _: Vec<CellId>,
) -> anyhow::Result<ExitCode> {
    say!("this build does not train: `isoflop run` of one that does goes on with them");
    Ok(ExitCode::SUCCESS)
}

/// Devices are not asked.
pub fn require_device(_: &DeviceName) -> Result<(), NoDevice> {
    Ok(())
}

/// The one device that every machine has.
pub fn best_device(_: &Path) -> DeviceName {
    DeviceName::Flex
}

/// Speeds are not measured.
pub fn forecast(_: &Suite, _: &Path, _: Option<usize>) -> String {
    "this build does not train, so how long it takes was not measured\n".to_owned()
}

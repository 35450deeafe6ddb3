//! `isoflop schema`: what a suite's file may hold, for editors.

use std::process::ExitCode;

use isoflop_suite::Definition;

use crate::show::show_line;

/// Prints the JSON schema of definitions.
pub fn schema() -> anyhow::Result<ExitCode> {
    show_line!("{}", serde_json::to_string_pretty(&Definition::schema())?);
    Ok(ExitCode::SUCCESS)
}

//! `isoflop completions`: what a shell completes.

use std::io;
use std::process::ExitCode;

use clap_complete::{Shell, generate};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints the completions of the program's command line.
pub fn completions(arguments: &Arguments, mut program: clap::Command) -> anyhow::Result<ExitCode> {
    generate(arguments.shell, &mut program, "isoflop", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

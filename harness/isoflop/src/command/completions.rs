//! `isoflop completions`: what a shell completes.

use std::process::ExitCode;

use clap_complete::{Shell, generate};

use crate::show::show;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints the completions of the program's command line.
pub fn completions(arguments: &Arguments, mut program: clap::Command) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    generate(arguments.shell, &mut program, "isoflop", &mut text);
    show!("{}", String::from_utf8_lossy(&text));
    Ok(ExitCode::SUCCESS)
}

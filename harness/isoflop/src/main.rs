//! `isoflop`: scaling-law experiments from their definition to their figures.

mod command;
mod exit;
mod planning;
mod program;
mod show;
#[cfg(feature = "train")]
mod training;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use command::Command;

/// Sweeps model sizes and data with Burn, fits scaling laws to the losses, and draws them.
#[derive(Debug, Parser)]
#[command(name = "isoflop", version = program::VERSION, max_term_width = 100)]
struct Arguments {
    /// Say nothing on standard error but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.quiet {
        show::be_quiet();
    }
    match arguments.command.run(Arguments::command) {
        Ok(code) => code,
        Err(error) => {
            show::say_error(&error);
            exit::exit_code(&error)
        }
    }
}

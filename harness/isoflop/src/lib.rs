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

/// Runs the program on its command line, and returns how it is to end.
pub fn main() -> ExitCode {
    expect_full_files();
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

/// Lets a file that reaches the size that the user has set for files be an error with its name: the
/// signal alone would end the program without a word.
fn expect_full_files() {
    #[cfg(unix)]
    {
        let told = std::sync::Arc::default();
        // Without it the signal is as it was.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, told);
    }
}

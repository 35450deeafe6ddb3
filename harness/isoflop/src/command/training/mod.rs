//! Commands that only a build with training has, and what others ask of it.

mod compare;
mod devices;
mod element;
mod examples;
mod forecast;
mod run;
mod submit;

use std::process::ExitCode;

use clap::Subcommand;

use crate::training::child;

pub use crate::training::devices::{best_device, require_device};
pub use forecast::forecast;
pub use run::{RunOptions, run_again};

#[derive(Debug, Subcommand)]
pub enum Training {
    /// Show what this machine can train on, how fast it is and whether it can be trusted.
    #[command(after_help = examples::DEVICES)]
    Devices(devices::Arguments),
    /// Compare how fast devices train a suite's cells, and whether they agree.
    #[command(after_help = examples::COMPARE)]
    Compare(compare::Arguments),
    /// Train a suite's cells, make its tables, fit its laws and draw its figures.
    #[command(after_help = examples::RUN)]
    Run(run::Arguments),
    /// Give a suite to a cluster: an array of elements that take its cells.
    #[command(after_help = examples::SUBMIT)]
    Submit(submit::Arguments),
    /// Take cells of a suite until none is free; `submit` has these started.
    #[command(hide = true)]
    Element(element::Arguments),
    /// Do what a parent process orders on standard input.
    #[command(hide = true)]
    Child {
        /// What for, as lists of processes show it.
        what_for: String,
    },
    /// Give Criterion times that were measured; `compare` starts these.
    #[command(hide = true)]
    Statistics(child::statistics::Arguments),
}

impl Training {
    /// Runs the command, and returns how the program is to end.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Training::Compare(arguments) => compare::compare(arguments),
            Training::Devices(arguments) => devices::devices(arguments),
            Training::Run(arguments) => run::run(arguments),
            Training::Submit(arguments) => submit::submit(arguments),
            Training::Element(arguments) => element::element(arguments),
            Training::Child { .. } => child::child(),
            Training::Statistics(arguments) => child::statistics::statistics(arguments),
        }
    }
}

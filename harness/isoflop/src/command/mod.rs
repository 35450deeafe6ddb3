//! One file per command.

mod allocate;
#[cfg(feature = "train")]
pub mod compare;
#[cfg(feature = "train")]
mod devices;
mod fit;
#[cfg(feature = "train")]
mod plan;
mod plot;
mod predict;
#[cfg(feature = "train")]
mod rerun;
#[cfg(feature = "train")]
pub mod run;
#[cfg(feature = "train")]
pub mod statistics;
#[cfg(feature = "train")]
mod status;
mod table;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what this machine can train on, how fast it is and whether it can be trusted.
    #[cfg(feature = "train")]
    Devices(devices::Arguments),
    /// Compare how fast devices train a suite's cells, and whether they agree.
    #[cfg(feature = "train")]
    Compare(compare::Arguments),
    /// Show a suite's cells, parameters, FLOPs, memory and time, before anything is spent.
    #[cfg(feature = "train")]
    Plan(plan::Arguments),
    /// Train a suite's cells, make its tables, fit its laws and draw its figures.
    #[cfg(feature = "train")]
    Run(run::Arguments),
    /// Show what of a suite is done, running, failed and left.
    #[cfg(feature = "train")]
    Status(status::Arguments),
    /// Try cells again that have ended.
    #[cfg(feature = "train")]
    Rerun(rerun::Arguments),
    /// Do what a parent process orders on standard input.
    #[cfg(feature = "train")]
    #[command(hide = true)]
    Child {
        /// What for, as lists of processes show it.
        what_for: String,
    },
    /// Give Criterion times that were measured; `compare` starts these.
    #[cfg(feature = "train")]
    #[command(hide = true)]
    Statistics(statistics::Arguments),
    /// Make the tables of a suite's results, as Parquet and CSV.
    Table(table::Arguments),
    /// Fit laws to a table of runs, or slice it by compute.
    Fit(fit::Arguments),
    /// Say what a fitted law predicts for the runs of a table.
    Predict(predict::Arguments),
    /// Say what to train for a compute budget.
    Allocate(allocate::Arguments),
    /// Draw the figures of a suite's results.
    Plot(plot::Arguments),
}

impl Command {
    /// Runs the command, and returns how the program is to end.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            #[cfg(feature = "train")]
            Command::Compare(arguments) => compare::compare(&arguments),
            #[cfg(feature = "train")]
            Command::Devices(arguments) => devices::devices(&arguments),
            #[cfg(feature = "train")]
            Command::Plan(arguments) => plan::plan(&arguments),
            #[cfg(feature = "train")]
            Command::Run(arguments) => run::run(&arguments),
            #[cfg(feature = "train")]
            Command::Status(arguments) => status::status(&arguments),
            #[cfg(feature = "train")]
            Command::Rerun(arguments) => rerun::rerun(&arguments),
            #[cfg(feature = "train")]
            Command::Child { .. } => crate::child::child(),
            #[cfg(feature = "train")]
            Command::Statistics(arguments) => statistics::statistics(&arguments),
            Command::Table(arguments) => table::table(&arguments),
            Command::Fit(arguments) => fit::fit(&arguments),
            Command::Predict(arguments) => predict::predict(&arguments),
            Command::Allocate(arguments) => allocate::allocate(&arguments),
            Command::Plot(arguments) => plot::plot(&arguments),
        }
    }
}

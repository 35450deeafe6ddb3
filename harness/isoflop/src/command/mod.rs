//! What people see: a file per command.

mod allocate;
mod cancel;
mod columns;
mod completions;
mod examples;
mod files;
mod fit;
mod laws;
mod man;
mod numbers;
mod opened;
mod plan;
mod plot;
mod predict;
mod rerun;
mod schema;
mod status;
mod table;
#[cfg_attr(not(feature = "train"), path = "without_training.rs")]
mod training;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(feature = "train")]
    #[command(flatten)]
    Training(training::Training),
    /// Show a suite's cells, parameters, FLOPs, memory and time, before anything is spent.
    #[command(after_help = examples::PLAN)]
    Plan(plan::Arguments),
    /// Show what of a suite is done, running, failed and left.
    #[command(after_help = examples::STATUS)]
    Status(status::Arguments),
    /// Stop what was submitted of a suite.
    #[command(after_help = examples::CANCEL)]
    Cancel(cancel::Arguments),
    /// Try cells again that have ended.
    #[command(after_help = examples::RERUN)]
    Rerun(rerun::Arguments),
    /// Make the tables of a suite's results, as Parquet and CSV.
    #[command(after_help = examples::TABLE)]
    Table(table::Arguments),
    /// Fit laws to a table of runs, or slice it by compute.
    #[command(after_help = examples::FIT)]
    Fit(Box<fit::Arguments>),
    /// List the published laws that can be fitted by their names, or show one with its source.
    #[command(after_help = examples::LAWS)]
    Laws(laws::Arguments),
    /// Say what a fitted law predicts for the runs of a table.
    #[command(after_help = examples::PREDICT)]
    Predict(predict::Arguments),
    /// Say what to train for a compute budget.
    #[command(after_help = examples::ALLOCATE)]
    Allocate(allocate::Arguments),
    /// Draw the figures of a suite's results.
    #[command(after_help = examples::PLOT)]
    Plot(plot::Arguments),
    /// Print the JSON schema of suites, by which editors complete and check them.
    #[command(after_help = examples::SCHEMA)]
    Schema,
    /// Print what a shell completes.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(completions::Arguments),
    /// Write the pages of the manual.
    #[command(after_help = examples::MAN)]
    Man(man::Arguments),
}

impl Command {
    /// Runs the command, and returns how the program is to end. `program` is the whole command line.
    pub fn run(self, program: impl FnOnce() -> clap::Command) -> anyhow::Result<ExitCode> {
        match self {
            #[cfg(feature = "train")]
            Command::Training(command) => command.run(),
            Command::Plan(arguments) => plan::plan(&arguments),
            Command::Status(arguments) => status::status(&arguments),
            Command::Cancel(arguments) => cancel::cancel(&arguments),
            Command::Rerun(arguments) => rerun::rerun(&arguments),
            Command::Table(arguments) => table::table(&arguments),
            Command::Fit(arguments) => fit::fit(&arguments),
            Command::Laws(arguments) => laws::laws(&arguments),
            Command::Predict(arguments) => predict::predict(&arguments),
            Command::Allocate(arguments) => allocate::allocate(&arguments),
            Command::Plot(arguments) => plot::plot(&arguments),
            Command::Schema => schema::schema(),
            Command::Completions(arguments) => completions::completions(&arguments, program()),
            Command::Man(arguments) => man::man(&arguments, program()),
        }
    }
}

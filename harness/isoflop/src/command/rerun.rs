//! `isoflop rerun`: cells tried again that have ended.

use std::process::ExitCode;

use isoflop_suite::{CellId, Status};

use super::run;
use crate::show::count;
use crate::suite::Suite;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["cell", "status"])))]
pub struct Arguments {
    #[command(flatten)]
    run: run::Arguments,
    /// Cells, by as much of their ids as tells them apart.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<String>,
    /// All cells that ended so: failed, diverged, out-of-memory or done.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<Status>,
}

/// Forgets how the chosen cells ended, and runs the suite.
pub fn rerun(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(arguments.run.suite())?;
    let folder = suite.folder(arguments.run.results());
    let mut chosen = Vec::new();
    for text in &arguments.cell {
        chosen.push(suite.cell(text)?);
    }
    for planned in &suite.plan.cells {
        let status = folder.status(&planned.id)?;
        if status.is_some_and(|status| arguments.status.contains(&status)) {
            chosen.push(planned.id.clone());
        }
    }
    chosen.sort();
    chosen.dedup();
    for id in &chosen {
        folder.forget(id)?;
    }
    let ids: Vec<&str> = chosen.iter().map(CellId::as_str).collect();
    eprintln!(
        "{} to try again: {}",
        count(ids.len(), "cell"),
        ids.join(", ")
    );
    run::run_again(&arguments.run, chosen)
}

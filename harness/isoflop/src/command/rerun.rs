//! `isoflop rerun`: cells tried again that have ended.

use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_suite::{CellId, Status};

use super::opened::SuiteArguments;
use super::training::{RunOptions, best_device, run_again};
use crate::show::{count, say};

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["cell", "status"])))]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    #[command(flatten)]
    options: RunOptions,
    /// Cells, by as much of their ids as tells them apart.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<String>,
    /// All cells that ended so: failed, diverged, out-of-memory or done.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<Status>,
}

/// Forgets how the chosen cells ended, and runs the suite.
pub fn rerun(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.suite.open(best_device)?;
    let folder = suite.folder(&arguments.results);
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
        if let Some(result) = folder.result(id)? {
            folder.forget(&result)?;
        }
    }
    let ids: Vec<&str> = chosen.iter().map(CellId::as_str).collect();
    say!(
        "{} to try again: {}",
        count(ids.len(), "cell"),
        ids.join(", ")
    );
    run_again(
        &arguments.suite,
        &arguments.results,
        &arguments.options,
        chosen,
    )
}

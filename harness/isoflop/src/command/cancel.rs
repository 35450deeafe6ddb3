//! `isoflop cancel`: what was submitted of a suite, stopped.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_cluster::{SUBMISSIONS, Submission, cancel as end, elements, submissions};

use super::opened::SuiteArguments;
use super::training::best_device;
use crate::show::{count, show_line};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
}

pub fn cancel(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.suite.open(best_device)?;
    let folder = suite.folder(&arguments.results);
    let all = submissions(&folder.file(SUBMISSIONS))?;
    let jobs: Vec<&str> = all.iter().flat_map(Submission::jobs).collect();
    let there: Vec<_> = match jobs.as_slice() {
        [] => Vec::new(),
        jobs => elements(jobs, &suite.definition.name)?
            .into_iter()
            .filter(|it| it.is_there())
            .collect(),
    };
    if there.is_empty() {
        show_line!(
            "{}: nothing that was submitted is left",
            suite.definition.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    let names = there
        .iter()
        .map(|it| it.name.split('_').next().unwrap_or(&it.name));
    let found: BTreeSet<&str> = names.collect();
    end(&Vec::from_iter(found))?;
    show_line!(
        "{}: {} told to stop; those that run leave checkpoints, and what is submitted again goes on from there",
        suite.definition.name,
        count(there.len(), "element")
    );
    Ok(ExitCode::SUCCESS)
}

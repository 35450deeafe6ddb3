//! `isoflop table`: the tables of a folder of results, from its runs.

use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_ledger::{SuiteFolder, make_tables};

use super::files::show_files;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders of results, such as results/quick/flex.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Print the names of the files written as JSON.
    #[arg(long)]
    json: bool,
}

pub fn table(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut written = Vec::new();
    for dir in &arguments.dirs {
        written.extend(make_tables(&SuiteFolder::new(dir), true)?);
    }
    show_files(&written, arguments.json)
}

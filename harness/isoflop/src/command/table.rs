//! `isoflop table`: the tables of a folder of results, from its runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_ledger::{Conflict, SuiteFolder, join_tables, make_tables};

use super::files::show_files;
use crate::show::{count, say};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders of results, such as results/quick/flex.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Make one table of all these folders, in this one: a row for each cell and device.
    #[arg(long, value_name = "DIR")]
    join: Option<PathBuf>,
    /// Print the names of the files written as JSON.
    #[arg(long)]
    json: bool,
}

pub fn table(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(to) = &arguments.join {
        return join(arguments, to);
    }
    let mut written = Vec::new();
    for dir in &arguments.dirs {
        written.extend(make_tables(&SuiteFolder::new(dir), true)?);
    }
    show_files(&written, arguments.json)
}

fn join(arguments: &Arguments, to: &Path) -> anyhow::Result<ExitCode> {
    let dirs: Vec<&Path> = arguments.dirs.iter().map(PathBuf::as_path).collect();
    let joined = join_tables(&dirs, to, true)?;
    say!(
        "{} of {}, {} that several have",
        count(joined.runs, "run"),
        count(dirs.len(), "folder"),
        joined.copies
    );
    for conflict in &joined.conflicts {
        say!("{}", told(conflict));
    }
    if !joined.conflicts.is_empty() {
        say!(
            "  help: the folder that is named first stands; where one of the two is wrong, name the other first"
        );
    }
    show_files(&joined.written, arguments.json)
}

/// What two folders do not agree on.
fn told(conflict: &Conflict) -> String {
    let loss = |of: &(PathBuf, Option<f64>)| of.1.unwrap_or(f64::NAN);
    let (stands, other) = (loss(&conflict.stands), loss(&conflict.left_out));
    format!(
        "cell {} on {}: loss {stands:.6} of {} stands, {other:.6} of {} is left out ({:+.1e} of it)",
        conflict.cell,
        conflict.device,
        conflict.stands.0.display(),
        conflict.left_out.0.display(),
        other / stands - 1.0
    )
}

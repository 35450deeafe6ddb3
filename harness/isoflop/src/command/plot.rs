//! `isoflop plot`: figures, from tables alone.

use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_figure::{PACE, draw_comparison, draw_folder};
use isoflop_files::exists;
use isoflop_suite::Figure;

use super::files::show_files;
use crate::show::plots_of;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders of results, such as results/quick/flex.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where figures go, in SUITE/DEVICE of it [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Print the names of the files written as JSON.
    #[arg(long)]
    json: bool,
}

pub fn plot(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut written = Vec::new();
    for dir in &arguments.dirs {
        let plots = plots_of(dir, arguments.plots.as_deref());
        written.extend(if exists(&dir.join(PACE))? {
            draw_comparison(dir, &plots)?
        } else {
            draw_folder(dir, &plots, &Figure::ALL)?
        });
    }
    show_files(&written, arguments.json)
}

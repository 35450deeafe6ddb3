//! `isoflop plot`: figures, from tables and fits alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_figure::{Outputs, PACE, draw_comparison, draw_fits, draw_folder};
use isoflop_files::exists;
use isoflop_suite::Figure;

use super::columns::table_of;
use super::files::show_files;
use crate::exit::Refusal;
use crate::show::plots_of;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders of results, such as results/quick/flex; or a fits.json, or a fit as `isoflop fit --json` prints it,
    /// and the table that it was fitted to.
    #[arg(required = true, value_name = "DIR | FITS [TABLE]")]
    paths: Vec<PathBuf>,
    /// Where figures go; those of folders of results in SUITE/DEVICE of it [default: beside the results, in
    /// `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Leave text in SVG as text, in a font of the reader's, instead of outlines.
    #[arg(long)]
    text: bool,
    /// Write a PDF of every figure as well.
    #[arg(long)]
    pdf: bool,
    /// Print the names of the files written as JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn outputs(&self, plots: PathBuf) -> Outputs {
        Outputs {
            plots,
            text: self.text,
            pdf: self.pdf,
        }
    }
}

pub fn plot(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut written = Vec::new();
    if arguments.paths[0].is_file() {
        written = plot_fits(arguments)?;
    } else {
        for dir in &arguments.paths {
            let outputs = arguments.outputs(plots_of(dir, arguments.plots.as_deref()));
            written.extend(if exists(&dir.join(PACE))? {
                draw_comparison(dir, &outputs)?
            } else {
                draw_folder(dir, &outputs, &Figure::ALL)?
            });
        }
    }
    show_files(&written, arguments.json)
}

fn plot_fits(arguments: &Arguments) -> anyhow::Result<Vec<PathBuf>> {
    let (fits, table) = match arguments.paths.as_slice() {
        [fits] => (fits, None),
        [fits, table] => (fits, Some(table_of(table))),
        _ => {
            let why = "a file of fits takes one table, the one that it was fitted to";
            return Err(Refusal::usage(why.to_owned()).into());
        }
    };
    let beside = || fits.parent().unwrap_or(Path::new("")).join("plots");
    let plots = arguments.plots.clone().unwrap_or_else(beside);
    Ok(draw_fits(
        fits,
        table.as_deref(),
        &arguments.outputs(plots),
    )?)
}

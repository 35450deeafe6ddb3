//! `isoflop plot`: figures, from tables alone.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use isoflop_figure::{Curve, Picture, Runs, Source};
use isoflop_ledger::{Columns, file_hash, read_table, write_atomically};
use isoflop_suite::Figure;

use crate::fitting::read_fits;
use crate::places::plots_of;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A folder of results, such as results/quick/flex.
    dir: PathBuf,
    /// Where figures go [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

pub fn plot(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plots = plots_of(&arguments.dir, arguments.plots.as_deref());
    let drawn = if arguments.dir.join(PACE).exists() {
        draw_comparison(&arguments.dir, &plots)?
    } else {
        draw(&arguments.dir, &plots, &Figure::ALL)?
    };
    for path in drawn {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws those of the figures that the tables of a folder have something for. Returns the files
/// written.
pub fn draw(dir: &Path, plots: &Path, figures: &[Figure]) -> anyhow::Result<Vec<PathBuf>> {
    let path = dir.join("cells.parquet");
    let runs = Runs::read(&Columns::new(read_table(&path)?))?;
    let curves = Curve::read(&Columns::new(read_table(&dir.join("curves.parquet"))?))?;
    let fits = read_fits(&dir.join("fits.json"))?;
    let source = source(dir, file_hash(&path)?);
    let mut written = Vec::new();
    for figure in figures {
        let Some(picture) = isoflop_figure::draw(*figure, &runs, &curves, &fits, &source)? else {
            continue;
        };
        written.extend(write(plots, figure.name(), &picture)?);
    }
    Ok(written)
}

/// The table of a comparison of devices.
const PACE: &str = "pace.parquet";

/// Draws a comparison of devices. Returns the files written.
pub fn draw_comparison(dir: &Path, plots: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let path = dir.join(PACE);
    let paces = Columns::new(read_table(&path)?);
    let source = source(dir, file_hash(&path)?);
    let mut written = Vec::new();
    for (name, picture) in isoflop_figure::draw_comparison(&paces, &source)? {
        written.extend(write(plots, name, &picture)?);
    }
    Ok(written)
}

fn write(plots: &Path, name: &str, picture: &Picture) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (ending, bytes) in [("svg", picture.svg.as_bytes()), ("png", &picture.png)] {
        let path = plots.join(format!("{name}.{ending}"));
        write_atomically(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// Names the folder as it was given, so that the command works where the figure was made.
fn source(dir: &Path, table_hash: String) -> Source {
    let parts = dir.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let parts: Vec<String> = parts.collect();
    let title = parts[parts.len().saturating_sub(2)..].join(", ");
    let shown = dir.display().to_string().replace('\\', "/");
    Source {
        title,
        command: format!("isoflop plot {}", shown.trim_end_matches('/')),
        table_hash,
    }
}

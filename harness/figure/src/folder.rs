//! The figures of a folder of results, from its tables and fits.

use std::path::{Component, Path, PathBuf};

use isoflop_files::write_atomically;
use isoflop_fits::read_fits;
use isoflop_ledger::{Columns, read_table};
use isoflop_suite::Figure;

use crate::comparison::compared;
use crate::{Curve, FigureError, Picture, Runs, Source, draw};

/// Draws those of the figures that the tables of a folder have something for. Returns the files
/// written.
///
/// # Errors
/// If a table or the fits cannot be read, or a figure not be drawn or written.
pub fn draw_folder(
    dir: &Path,
    plots: &Path,
    figures: &[Figure],
) -> Result<Vec<PathBuf>, FigureError> {
    let cells = read_table(&dir.join("cells.parquet"))?;
    let runs = Runs::read(&Columns::new(cells.frame))?;
    let curves = read_table(&dir.join("curves.parquet"))?;
    let curves = Curve::read(&Columns::new(curves.frame))?;
    let fits = read_fits(&dir.join("fits.json"))?;
    let source = source(dir, cells.sha256);
    let mut written = Vec::new();
    for figure in figures {
        let Some(picture) = draw(*figure, &runs, &curves, &fits, &source)? else {
            continue;
        };
        written.extend(write(plots, figure.name(), &picture)?);
    }
    Ok(written)
}

/// The table of a comparison of devices.
pub const PACE: &str = "pace.parquet";

/// Draws a comparison of devices. Returns the files written.
///
/// # Errors
/// If its table cannot be read, or a figure not be drawn or written.
pub fn draw_comparison(dir: &Path, plots: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let table = read_table(&dir.join(PACE))?;
    let paces = Columns::new(table.frame);
    let source = source(dir, table.sha256);
    let mut written = Vec::new();
    for (name, picture) in compared(&paces, &source)? {
        written.extend(write(plots, name, &picture)?);
    }
    Ok(written)
}

fn write(plots: &Path, name: &str, picture: &Picture) -> Result<Vec<PathBuf>, FigureError> {
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

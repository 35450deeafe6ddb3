//! The figures of a folder of results, from its tables and fits.

use std::path::{Component, Path, PathBuf};

use isoflop_files::write_atomically;
use isoflop_fits::{read_any, read_fits};
use isoflop_law::Record;
use isoflop_ledger::{Columns, read_table};
use isoflop_suite::Figure;

use crate::comparison::compared;
use crate::{Curve, FigureError, Picture, Runs, Source, draw, laws};

/// Draws those of the figures that the tables of a folder have something for. Returns the files
/// written.
///
/// # Errors
/// If a table or the fits cannot be read, or a figure not be drawn or written.
pub fn draw_folder(
    dir: &Path,
    outputs: &Outputs,
    figures: &[Figure],
) -> Result<Vec<PathBuf>, FigureError> {
    let table = read_table(&dir.join("cells.parquet"))?;
    let cells = Columns::new(table.frame);
    let runs = Runs::read(&cells)?;
    let curves = read_table(&dir.join("curves.parquet"))?;
    let curves = Curve::read(&Columns::new(curves.frame))?;
    let fits = read_fits(&dir.join("fits.json"))?;
    let source = source(dir, table.sha256);
    let mut written = Vec::new();
    for figure in figures {
        for (name, picture) in draw(*figure, &cells, &runs, &curves, &fits, &source)? {
            written.extend(outputs.write(&name, &picture)?);
        }
    }
    Ok(written)
}

/// Draws the laws of a file of fits, with the runs of the table that they were fitted to where that is given.
/// Returns the files written.
///
/// # Errors
/// If the fits or the table cannot be read, or a figure not be drawn or written.
pub fn draw_fits(
    fits: &Path,
    table: Option<&Path>,
    outputs: &Outputs,
) -> Result<Vec<PathBuf>, FigureError> {
    let records = read_any(fits)?;
    let read = table.map(read_table).transpose()?;
    let mut command = format!("isoflop plot {}", fits.display());
    if let Some(table) = table {
        command += &format!(" {}", table.display());
    }
    let named = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let source = Source {
        title: named(table.unwrap_or(fits)),
        command,
        table_hash: match &read {
            Some(table) => table.sha256.clone(),
            None => records
                .first()
                .map(Record::table_hash)
                .unwrap_or_default()
                .to_owned(),
        },
    };
    let columns = read.map(|table| Columns::new(table.frame));
    let mut written = Vec::new();
    for (name, picture) in laws::drawn(&records, columns.as_ref(), &source)? {
        written.extend(outputs.write(&name, &picture)?);
    }
    Ok(written)
}

/// The table of a comparison of devices.
pub const PACE: &str = "pace.parquet";

/// Draws a comparison of devices. Returns the files written.
///
/// # Errors
/// If its table cannot be read, or a figure not be drawn or written.
pub fn draw_comparison(dir: &Path, outputs: &Outputs) -> Result<Vec<PathBuf>, FigureError> {
    let table = read_table(&dir.join(PACE))?;
    let paces = Columns::new(table.frame);
    let source = source(dir, table.sha256);
    let mut written = Vec::new();
    for (name, picture) in compared(&paces, &source)? {
        written.extend(outputs.write(name, &picture)?);
    }
    Ok(written)
}

/// Where figures go, and as what.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// The folder.
    pub plots: PathBuf,
    /// Whether text in the SVG stays text, and is not outlined.
    pub text: bool,
    /// Whether there is a PDF as well.
    pub pdf: bool,
}

impl Outputs {
    /// SVG and PNG in a folder.
    pub fn to(plots: PathBuf) -> Self {
        Outputs {
            plots,
            ..Outputs::default()
        }
    }

    fn write(&self, name: &str, picture: &Picture) -> Result<Vec<PathBuf>, FigureError> {
        let svg = if self.text {
            &picture.with_text
        } else {
            &picture.svg
        };
        let mut files = vec![
            ("svg", svg.as_bytes().to_vec()),
            ("png", picture.png.clone()),
        ];
        if self.pdf {
            files.push(("pdf", picture.pdf()?));
        }
        let mut written = Vec::new();
        for (ending, bytes) in files {
            let path = self.plots.join(format!("{name}.{ending}"));
            write_atomically(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }
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

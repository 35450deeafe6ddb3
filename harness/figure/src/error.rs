//! Why a figure cannot be drawn.

use isoflop_files::FileError;
use isoflop_fits::FitsError;
use isoflop_ledger::LedgerError;
use isoflop_ledger::limits::LOSSES;

/// A figure that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// Plotters refused.
    #[error("the figure could not be drawn: {0}")]
    Draw(String),
    /// The SVG could not be outlined or rasterised.
    #[error("the figure could not be rendered: {0}")]
    Render(String),
    /// No model has such a loss.
    #[error(
        "a run of the table has a loss of {0:e}, which is not believed: losses from {low:e} to {high:e} are",
        low = LOSSES.start(),
        high = LOSSES.end()
    )]
    Loss(f64),
    /// A table cannot be read, or lacks a column.
    #[error(transparent)]
    Table(#[from] LedgerError),
    /// The fits cannot be read.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

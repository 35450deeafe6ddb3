//! Figures of scaling-law tables and fits, as SVG and PNG.
//!
//! Plotters draws each figure once. Its text is then outlined with an embedded font, and the PNG is
//! rasterised from that SVG: one picture, the same on every machine, and the same bytes from the
//! same table.

mod axis;
mod comparison;
mod curves;
mod error;
mod isoflop;
mod loss;
mod palette;
mod panel;
mod render;
mod runs;

pub use comparison::{ComparisonError, draw_comparison};
pub use error::FigureError;
pub use panel::register_sans_serif;
pub use render::Picture;
pub use runs::{Curve, Run, Runs, Source};

use isoflop_law::Record;
use isoflop_suite::Figure;

/// Draws a figure; `None` where the runs have nothing to show in it.
///
/// # Errors
/// If Plotters or the rasteriser fails.
pub fn draw(
    figure: Figure,
    runs: &Runs,
    curves: &[Curve],
    fits: &[Record],
    source: &Source,
) -> Result<Option<Picture>, FigureError> {
    match figure {
        Figure::LossVsParameters => loss::against_parameters(runs, fits, source),
        Figure::LossVsTokens => loss::against_tokens(runs, fits, source),
        Figure::LossVsCompute => loss::against_compute(runs, fits, source),
        Figure::TrainingCurves => curves::training(curves, source),
        Figure::Isoflop => isoflop::slices(runs, fits, source),
    }
}

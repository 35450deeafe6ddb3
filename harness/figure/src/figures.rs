//! The figures of a suite, by name.

use isoflop_law::Record;
use isoflop_suite::Figure;

use crate::{Curve, FigureError, Picture, Runs, Source, curves, isoflop, loss};

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

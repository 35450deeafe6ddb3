//! The figures of a suite, by name.

use isoflop_law::Record;
use isoflop_ledger::Columns;
use isoflop_suite::Figure;

use crate::{Curve, FigureError, Picture, Runs, Source, curves, isoflop, laws, loss};

/// Draws a figure, or, of the laws, one for each; none where the runs have nothing to show in it.
///
/// # Errors
/// If Plotters or the rasteriser fails.
pub fn draw(
    figure: Figure,
    cells: &Columns,
    runs: &Runs,
    curves: &[Curve],
    fits: &[Record],
    source: &Source,
) -> Result<Vec<(String, Picture)>, FigureError> {
    let drawn = match figure {
        Figure::LossVsParameters => loss::against_parameters(runs, fits, source),
        Figure::LossVsTokens => loss::against_tokens(runs, fits, source),
        Figure::LossVsCompute => loss::against_compute(runs, fits, source),
        Figure::TrainingCurves => curves::training(curves, source),
        Figure::Isoflop => isoflop::slices(runs, fits, source),
        Figure::Laws => {
            let others = fits.iter().filter(|fit| !loss::is_total_law(fit));
            return laws::drawn(others, Some(cells), source);
        }
    }?;
    let named = drawn.map(|picture| (figure.name().to_owned(), picture));
    Ok(named.into_iter().collect())
}

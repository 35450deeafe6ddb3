//! Figures of scaling-law tables and fits, as SVG and PNG.
//!
//! Plotters draws each figure once. Its text is then outlined with an embedded font, and the PNG is
//! rasterised from that SVG: one picture, the same on every machine, and the same bytes from the
//! same table.

mod axis;
mod curves;
mod error;
mod isoflop;
mod loss;
mod palette;
mod panel;
mod render;
mod runs;

pub use error::FigureError;
pub use render::Picture;
pub use runs::{Curve, Run, Runs, Source};

use isoflop_law::FitRecord;

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Loss against parameters, a series for each data budget.
    LossVsParameters,
    /// Loss against training tokens, a series for each model.
    LossVsTokens,
    /// Loss against training FLOPs, with what the best use of them reaches.
    LossVsCompute,
    /// Training loss against tokens seen.
    TrainingCurves,
    /// Loss against parameters at equal FLOPs.
    Isoflop,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Figure; 5] = [
        Figure::LossVsParameters,
        Figure::LossVsTokens,
        Figure::LossVsCompute,
        Figure::TrainingCurves,
        Figure::Isoflop,
    ];

    /// The figure's name, and its files'.
    pub fn name(self) -> &'static str {
        match self {
            Figure::LossVsParameters => "loss-vs-parameters",
            Figure::LossVsTokens => "loss-vs-tokens",
            Figure::LossVsCompute => "loss-vs-compute",
            Figure::TrainingCurves => "training-curves",
            Figure::Isoflop => "isoflop",
        }
    }

    /// Draws the figure; `None` where the runs have nothing to show in it.
    ///
    /// # Errors
    /// If Plotters or the rasteriser fails.
    pub fn draw(
        self,
        runs: &Runs,
        curves: &[Curve],
        fits: &[FitRecord],
        source: &Source,
    ) -> Result<Option<Picture>, FigureError> {
        match self {
            Figure::LossVsParameters => loss::against_parameters(runs, fits, source),
            Figure::LossVsTokens => loss::against_tokens(runs, fits, source),
            Figure::LossVsCompute => loss::against_compute(runs, fits, source),
            Figure::TrainingCurves => curves::training(curves, source),
            Figure::Isoflop => isoflop::slices(runs, fits, source),
        }
    }
}

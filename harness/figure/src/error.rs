//! Why a figure cannot be drawn.

/// A figure that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// Plotters refused.
    #[error("the figure could not be drawn: {0}")]
    Draw(String),
    /// The SVG could not be outlined or rasterised.
    #[error("the figure could not be rendered: {0}")]
    Render(String),
}

//! Figures of scaling-law tables and fits, as SVG and PNG.
//!
//! Plotters draws each figure once. Its text is then outlined with an embedded font, and the PNG is
//! rasterised from that SVG: one picture, the same on every machine, and the same bytes from the
//! same table.

mod axis;
mod comparison;
mod curves;
mod error;
mod figures;
mod folder;
mod isoflop;
mod laws;
mod loss;
mod palette;
mod panel;
mod pdf;
mod render;
mod runs;
mod si;

pub use error::FigureError;
pub use figures::draw;
pub use folder::{Outputs, PACE, draw_comparison, draw_fits, draw_folder};
pub use panel::register_sans_serif;
pub use render::Picture;
pub use runs::{Curve, Run, Runs, Source};
pub use si::si;

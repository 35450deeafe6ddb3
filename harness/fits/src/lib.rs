//! From tables to the points of a law: which rows, which column is N, D, C and loss, and the fits that
//! are kept of them.

mod check;
mod choice;
mod doubts;
mod error;
mod expression;
mod kept;
mod measured;
mod noise;
mod points;
mod predict;
mod quantities;
mod reduce;
mod rows;
mod status;
mod suite;
mod together;

pub use check::check_fits;
pub use choice::{Asked, Choice, Hide, Shape};
pub use error::FitsError;
pub use expression::{Expression, ExpressionError, Filter};
pub use kept::{each_value, read_any, read_fits};
pub use measured::{Measured, measured};
pub use noise::{Noise, noise};
pub use predict::{KeptLaw, Predicted, Voice, kept_laws, predict_rows};
pub use quantities::{Names, NoQuantity, Quantity, QuantitySource};
pub use reduce::{Reduction, Take};
pub use rows::Rows;
pub use suite::{Fitted, fit_suite};
pub use together::fit_together;

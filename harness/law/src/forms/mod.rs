//! The laws themselves, in the coordinates in which they are fitted.

mod broken;
mod data_constrained;
mod kaplan;
mod powers;
mod saturating;
mod shifted;

pub use broken::Broken;
pub use data_constrained::DataConstrained;
pub use kaplan::Kaplan;
pub use powers::Powers;
pub use saturating::{Saturating, solve};
pub use shifted::Shifted;

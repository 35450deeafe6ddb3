//! The laws themselves: how each is declared, and in which coordinates it is fitted.

mod broken;
mod data_constrained;
mod kaplan;
mod powers;
mod saturating;
mod shifted;
mod sums;

pub use broken::{BROKEN, Broken};
pub use data_constrained::{DATA_CONSTRAINED, DataConstrained};
pub use kaplan::{KAPLAN, Kaplan};
pub use powers::Powers;
pub use saturating::{SATURATING, Saturating};
pub use shifted::{SHIFTED, Shifted};
pub use sums::{CHINCHILLA, OFFSET, POWER, WIDTH_DEPTH};

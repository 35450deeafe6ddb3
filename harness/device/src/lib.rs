//! Whether a device can be trusted: what it is, how fast it computes at best, and a check of its
//! training against `flex`, number by number.

mod adapter;
mod check;
mod evidence;
mod fault;
mod peak;
mod report;
mod subject;

pub use adapter::{AdapterFacts, Kind, computes};
pub use check::{Check, Difference, check};
pub use fault::Fault;
pub use peak::{copy_peak, multiply_peak};
pub use report::{Rate, Report, Standing};
pub use subject::Subject;

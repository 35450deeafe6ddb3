//! A suite before anything is spent.

mod suite;

pub use suite::Suite;

//! A suite before anything is spent: its cells, and how long they will take.

mod speeds;
mod suite;

pub use speeds::{Speeds, alike, flops_per_step, makespan};
pub use suite::Suite;

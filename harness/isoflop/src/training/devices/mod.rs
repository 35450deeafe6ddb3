//! Devices, asked and checked in child processes.

mod examine;
mod reports;

use std::time::Duration;

pub use examine::{identify, list, require_device};
pub use reports::{Reports, best_device};

/// How long a child may be at one thing before it is taken for hung.
pub const LIMIT: Duration = Duration::from_secs(600);

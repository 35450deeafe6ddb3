//! A suite trained by worker processes.

mod dispatch;
mod ended;
mod job;
mod progress;
mod speeds;
mod stopping;
mod timing;
mod train;
mod workers;

pub use job::{Job, Part};
pub use stopping::{on_signals, on_warning};
pub use timing::{Timed, time};

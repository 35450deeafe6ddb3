//! Devices compared: how fast each trains, and whether they train alike.

mod agreement;
mod contest;
mod sampling;

pub use agreement::Finished;
pub use contest::{Contest, Settings};
pub use sampling::{Samples, estimates};

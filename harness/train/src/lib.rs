//! Models, and one training run of one cell on one device.
//!
//! The cell decides everything about a run but the device: initial weights and data order come from
//! the cell's seed through generators of our own, so that every device starts from the same numbers
//! and reads the same batches.

mod checkpoint;
mod device;
mod error;
mod evaluate;
mod kernels;
mod loss_scale;
mod model;
mod numbers;
mod optimizer;
mod run;
mod schedule;
mod step;

pub use device::{devices_of, is_built, no_adapter, on_threads, open_device, require_built};
pub use error::TrainError;
pub use evaluate::{Score, Scored, evaluate};
pub use kernels::{InstructionSet, instruction_set};
pub use model::{Transformer, Types, cross_entropy};
pub use numbers::{Named, numbers};
pub use optimizer::EPSILON;
pub use run::{FIRST_STEPS, Keeper, train};
pub use schedule::learning_rate;
pub use step::{StepResult, Trainer};

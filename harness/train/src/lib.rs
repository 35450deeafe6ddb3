//! Corpora, models, and one training run of one cell on one device.
//!
//! The cell decides everything about a run but the device: corpora are found by hash, initial
//! weights and data order come from the cell's seed through generators of this crate, so that
//! every device starts from the same numbers and reads the same batches.

mod adapter;
mod batches;
mod check;
mod checkpoint;
mod corpus;
mod device;
mod error;
mod evaluate;
mod evidence;
mod fault;
mod loss_scale;
mod memory;
mod model;
mod peak;
mod process;
mod schedule;
mod subject;
mod trainer;

pub use adapter::{AdapterFacts, Kind, computes};
pub use batches::Windows;
pub use check::{Check, Difference, Verdict, check};
pub use corpus::{Corpus, Grammar, TokenStream, default_cache};
pub use device::{Backend, DeviceName, on_threads, open_device};
pub use error::{CorpusError, TrainError};
pub use evaluate::{Score, evaluate};
pub use fault::Fault;
pub use memory::{Memory, give_back_memory, memory_kills};
pub use model::{Transformer, cross_entropy};
pub use peak::{copy_peak, multiply_peak};
pub use process::{Machine, peak_memory, reset_peak_memory};
pub use schedule::learning_rate;
pub use subject::Subject;
pub use trainer::{FIRST_STEPS, Keeper, Trainer, train};

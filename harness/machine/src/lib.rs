//! What the system knows of this machine and of this process: processor, memory, limits.

mod memory;
mod place;
mod process;

pub use memory::{ALLOCATOR, Memory, give_back_memory, memory_kills};
pub use place::Place;
pub use process::{Machine, cores, memory_held, peak_memory, reset_peak_memory};

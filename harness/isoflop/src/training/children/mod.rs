//! Child processes of this program, and what is said to them: devices are asked, timed and trained on in
//! children alone, so that a driver that crashes or hangs takes the child down, and is a line in a
//! report.

mod allocator;
mod assignment;
mod messages;
mod process;
mod racer;
mod result;
mod wire;

pub use assignment::{Assignment, CHECKPOINT, LEASE};
pub use messages::{Message, Order};
pub use process::{Child, Ending, Silence, tells_of_memory};
pub use racer::{Lap, Racer, race};
pub use result::result_record;
pub use wire::{Garbled, read, send, take_stdout};

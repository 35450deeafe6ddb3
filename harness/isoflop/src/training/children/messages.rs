//! What the processes of this program say to each other: orders to a child and messages from it.

use std::path::PathBuf;

use isoflop_device::{AdapterFacts, Check, Rate, Subject};
use isoflop_suite::{Bytes, CellId, DeviceName, Nats, Precision, Seconds, Status, Tokens};
use serde::{Deserialize, Serialize};

use super::Assignment;

/// To a child. It answers each with messages of which the last is [`Message::Finished`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// List a backend's devices.
    List { backend: String },
    /// Ask adapter and driver.
    Identify { subject: Subject },
    /// Measure what it computes in and its peaks.
    Measure { subject: Subject },
    /// Check its training in a precision; corpora are kept in `cache`.
    Check {
        subject: Subject,
        precision: Precision,
        cache: PathBuf,
    },
    /// Prepare to train cells of a suite.
    Open(Box<Assignment>),
    /// Build this cell's model and do its first steps, to be timed.
    Begin { cell: CellId },
    /// Do so many more.
    Steps { count: u64 },
    /// Train this cell to its end, unless others do, and publish its result.
    Train { cell: CellId },
    /// Train on with so many threads of the processor. It is not answered.
    Threads { threads: usize },
    /// Leave a checkpoint and end.
    Stop,
}

/// From a child.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
pub enum Message {
    /// What was ordered is over.
    Finished,
    /// It cannot do what was ordered.
    Failed { reason: String },
    /// The system refuses it memory. It may yet live; if it dies, this is why.
    OutOfMemory { bytes: Bytes },
    /// It begins with something that may take it down, or long.
    Doing { what: String },
    /// A backend's device.
    Device { name: DeviceName },
    /// What adapter and driver say.
    Adapter(AdapterFacts),
    /// What the device computes in.
    Precisions { precisions: Vec<Precision> },
    /// Seconds until the first result came back.
    Started { seconds: Seconds },
    /// The best rate of matrix multiplies.
    Multiply(Rate),
    /// The best rate of memory copies, in bytes per second.
    Copy { rate: f64 },
    /// A training check.
    Check(Check),
    /// The first steps of a cell are done: kernels are compiled and tuned.
    Ready { seconds: Seconds },
    /// Steps are done.
    Timed {
        seconds: Seconds,
        /// Loss of the last step's batch.
        #[serde(with = "isoflop_suite::number")]
        loss: Nats,
        /// Most memory held for this cell so far, where it is known.
        memory: Option<Bytes>,
    },
    /// Another process trains the cell.
    Taken { cell: CellId },
    /// The cell had ended before.
    Known { cell: CellId, status: Status },
    /// It has claimed the cell.
    Began { cell: CellId },
    /// It has logged a step.
    Step {
        cell: CellId,
        step: u64,
        tokens: Tokens,
        #[serde(with = "isoflop_suite::number")]
        loss: Nats,
        /// Mean over the steps that this process has done after its first ones.
        seconds_per_step: Option<Seconds>,
    },
    /// It has published a result.
    Ended {
        cell: CellId,
        status: Status,
        reason: Option<String>,
        loss: Option<Nats>,
        tries: u32,
    },
}

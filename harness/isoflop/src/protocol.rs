//! What the processes of this program say to each other: one JSON object a line, orders to a child and
//! messages from it.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use isoflop_suite::{Bytes, CellId, Flops, Nats, Precision, Seconds, Status, Tokens};
use isoflop_train::{AdapterFacts, Check, DeviceName, Subject};
use serde::{Deserialize, Serialize};

use crate::trust::Standing;

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
    /// Leave a checkpoint and end.
    Stop,
}

/// A suite to train, as the coordinator has read it: an edit of the file changes nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// The definition's file, as the user named it.
    pub file: String,
    /// What it held.
    pub text: String,
    pub device: DeviceName,
    /// How the device stands, as the coordinator found out.
    pub standing: Standing,
    /// Where prepared corpora are kept.
    pub cache: PathBuf,
    /// The folder of the suite's results on the device.
    pub folder: PathBuf,
    /// Processor threads to use.
    pub threads: usize,
    /// Seconds after which a process that gives no sign of life loses its cell to another.
    pub lease: Seconds,
    /// Seconds between checkpoints.
    pub checkpoint: Seconds,
    /// The user's command line.
    pub command: Vec<String>,
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
        /// Of the last step's batch.
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
        /// Of the steps that this process has done after its first ones.
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

/// FLOPs per second of matrix multiplies in a precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub precision: Precision,
    pub rate: Flops,
}

/// A line that is no order or no message: another version's, or a library's that prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line that cannot be read: `{line}` ({error})")]
pub struct Garbled {
    line: String,
    error: String,
}

/// As many characters of a garbled line are shown.
const SHOWN: usize = 200;

/// The orders or messages of a stream, until it ends.
pub fn read<T: for<'de> Deserialize<'de>>(
    from: impl BufRead,
) -> impl Iterator<Item = Result<T, Garbled>> {
    let lines = from.split(b'\n').map_while(Result::ok);
    lines.map(|line| {
        serde_json::from_slice(&line).map_err(|error| Garbled {
            line: String::from_utf8_lossy(&line).chars().take(SHOWN).collect(),
            error: error.to_string(),
        })
    })
}

/// Writes an order or a message, in one piece.
///
/// # Errors
/// If the other side does not listen any more.
pub fn write(to: &mut impl Write, said: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// The way to the parent.
static PARENT: OnceLock<File> = OnceLock::new();

/// Takes standard output for messages alone: what libraries and drivers print there goes to standard
/// error from now on.
///
/// # Errors
/// If the system does not let it be taken.
pub fn take_stdout() -> io::Result<()> {
    #[cfg(unix)]
    let parent = {
        let parent = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
        rustix::stdio::dup2_stdout(io::stderr())?;
        File::from(parent)
    };
    #[cfg(windows)]
    let parent = {
        use std::os::windows::io::AsHandle;
        File::from(io::stdout().as_handle().try_clone_to_owned()?)
    };
    let _ = PARENT.set(parent);
    Ok(())
}

/// The way to the parent, in a child.
pub fn parent() -> Option<&'static File> {
    PARENT.get()
}

/// Tells the parent.
///
/// # Errors
/// If it does not listen any more.
pub fn tell(message: &Message) -> io::Result<()> {
    let mut parent = PARENT.get().expect("a child has taken its standard output");
    write(&mut parent, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(line: &str) -> Vec<Result<Message, Garbled>> {
        read(line.as_bytes()).collect()
    }

    #[test]
    fn a_loss_that_is_not_finite_arrives() {
        let mut line = Vec::new();
        let told = Message::Timed {
            seconds: 1.0,
            loss: f64::NAN,
            memory: None,
        };
        write(&mut line, &told).unwrap();
        let heard = back(std::str::from_utf8(&line).unwrap());
        let [Ok(Message::Timed { loss, .. })] = &heard[..] else {
            panic!("{heard:?}");
        };
        assert!(loss.is_nan());
    }

    #[test]
    fn a_line_that_is_no_message_is_shown() {
        let heard = back("{\"message\":\"finished\"}\nvkQueueSubmit: lost\n");
        assert!(matches!(heard[0], Ok(Message::Finished)));
        let error = heard[1].as_ref().unwrap_err().to_string();
        assert!(error.contains("vkQueueSubmit: lost"), "{error}");
    }
}

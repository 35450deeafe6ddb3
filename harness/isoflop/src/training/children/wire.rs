//! How orders and messages travel: one JSON object a line.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::Message;

/// A line that is no order or no message: another version's, or a library's that prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line that cannot be read: `{line}` ({error})")]
pub struct Garbled {
    line: String,
    error: String,
}

/// How many characters of a garbled line are shown.
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

/// Sends a message to the parent.
///
/// # Errors
/// If it does not listen any more.
pub fn send(message: &Message) -> io::Result<()> {
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

//! Child processes of this program: how they are started, heard and ended.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::wire::{self, Garbled};
use super::{Message, Order};

/// Lines of a child's stderr that are kept for the reason of its end.
const LAST_LINES: usize = 8;

/// A child that does not outlive its parent's interest.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Orders go here. A child whose orders end leaves a checkpoint and ends.
    orders: Option<ChildStdin>,
    messages: Option<Receiver<Result<Message, Garbled>>>,
    errors: Option<JoinHandle<String>>,
}

/// Why there is no message.
#[derive(Debug)]
pub enum Silence {
    /// Nothing came within the limit.
    Late(Duration),
    /// A line came that is none.
    Garbled(Garbled),
    /// The child has ended.
    Ended(Ending),
}

/// How a child ended.
#[derive(Debug, Clone)]
pub struct Ending {
    pub status: ExitStatus,
    /// The last lines of its stderr.
    pub errors: String,
}

impl Ending {
    /// The name of the signal that ended it, where one did.
    pub fn signal(&self) -> Option<String> {
        #[cfg(unix)]
        {
            let number = std::os::unix::process::ExitStatusExt::signal(&self.status)?;
            let name = signal_hook::low_level::signal_name(number);
            Some(name.map_or_else(|| format!("signal {number}"), str::to_owned))
        }
        #[cfg(not(unix))]
        None
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal(), self.status.code()) {
            (Some(signal), _) => write!(f, "ended by {signal}")?,
            (None, Some(code)) => write!(f, "ended with exit code {code}")?,
            (None, None) => write!(f, "ended")?,
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.errors)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silence::Late(limit) => write!(f, "no answer in {} s", limit.as_secs()),
            Silence::Garbled(garbled) => garbled.fmt(f),
            Silence::Ended(ending) => ending.fmt(f),
        }
    }
}

impl Child {
    /// Starts one that waits for orders, on a device that is a software rasteriser or not. Lists of
    /// processes show what it is for.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(software: bool, what_for: &str) -> io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", what_for]);
        // Ctrl-C in a terminal goes to the parent alone, which tells its children.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        set_environment(&mut command, software);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().expect("stdout is piped");
        let stderr = process.stderr.take().expect("stderr is piped");
        let (to, messages) = mpsc::channel();
        let listen = move || {
            for message in wire::read(BufReader::new(stdout)) {
                if to.send(message).is_err() {
                    break;
                }
            }
        };
        let mut child = Child {
            orders: process.stdin.take(),
            process,
            messages: Some(messages),
            errors: None,
        };
        // Without a thread to hear it the child is ended again.
        thread::Builder::new().spawn(listen)?;
        let errors = thread::Builder::new().spawn(move || last_lines(stderr))?;
        child.errors = Some(errors);
        Ok(child)
    }

    /// Gives an order. Of one that has ended, the next message says so.
    pub fn order(&mut self, order: &Order) {
        if let Some(orders) = &mut self.orders {
            let _ = wire::write(orders, order);
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// If none comes within the limit, or ever.
    pub fn hear(&mut self, limit: Duration) -> Result<Message, Silence> {
        let messages = self.messages.as_ref().expect("they were not taken");
        match messages.recv_timeout(limit) {
            Ok(message) => message.map_err(Silence::Garbled),
            Err(RecvTimeoutError::Timeout) => Err(Silence::Late(limit)),
            Err(RecvTimeoutError::Disconnected) => Err(Silence::Ended(self.end())),
        }
    }

    /// Its messages, for another thread to hear.
    ///
    /// # Panics
    /// If they were taken before.
    pub fn take_messages(&mut self) -> Receiver<Result<Message, Garbled>> {
        self.messages.take().expect("they were not taken before")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If the system has lost the process.
    pub fn end(&mut self) -> Ending {
        self.orders = None;
        let status = self.process.wait().expect("a child can be waited for");
        let errors = self.errors.take().and_then(|it| it.join().ok());
        Ending {
            status,
            errors: errors.unwrap_or_default(),
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // Of one that has ended there is nothing to kill.
        let _ = self.process.kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        let _ = self.process.wait();
    }
}

/// Whether an error or a process's last words are about memory, as drivers put it where they tell nothing
/// better.
pub fn tells_of_memory(words: &str) -> bool {
    let ours = [
        "out of memory",
        "OutOfMemory",
        "Out of memory",
        "memory allocation of",
    ];
    ours.iter().any(|it| words.contains(it))
}

/// What a process that trains needs of its environment before it begins. A setting of the user's stays.
fn set_environment(command: &mut Command, software: bool) {
    // Burn restores an optimizer's moments on its default device before they go to the model's.
    command.env("BURN_DEVICE", "flex");
    // Where every kernel takes seconds to compile, candidates cost more than they bring.
    const AUTOTUNE: &str = "CUBECL_AUTOTUNE_LEVEL";
    if software && std::env::var_os(AUTOTUNE).is_none() {
        command.env(AUTOTUNE, "minimal");
    }
    for (name, value) in isoflop_machine::ALLOCATOR {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
}

/// The last lines of a child's stderr.
fn last_lines(stderr: impl Read) -> String {
    let mut last = VecDeque::new();
    // What EGL says on every machine without a display tells nothing.
    let telling = |line: &String| !line.is_empty() && !line.contains("XDG_RUNTIME_DIR");
    let lines = BufReader::new(stderr).lines().map_while(Result::ok);
    for line in lines.filter(telling) {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join(" | ")
}

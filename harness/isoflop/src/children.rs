//! Child processes of this program, which speak JSON, one object a line.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::{Deref, DerefMut};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lines of a child's stderr that are kept for the reason of its end.
const LAST_LINES: usize = 8;

/// A child that does not outlive its parent's interest.
#[derive(Debug)]
pub struct Mortal(pub Child);

impl Deref for Mortal {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Mortal {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // Of one that has ended there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a child and keeps both its outputs: what it tells, and the last lines of its stderr.
///
/// # Errors
/// If it cannot be started.
pub fn start(command: &mut Command) -> io::Result<(Mortal, ChildStdout, JoinHandle<String>)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let errors = thread::spawn(move || last_lines(stderr));
    Ok((Mortal(child), stdout, errors))
}

/// What a child tells, until its stdout ends. Lines that are not of this kind are not for us.
pub fn told<T: DeserializeOwned + Send + 'static>(
    stdout: impl Read + Send + 'static,
) -> Receiver<T> {
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(said) = serde_json::from_str(&line)
                && to.send(said).is_err()
            {
                break;
            }
        }
    });
    from
}

/// Tells the parent.
///
/// # Errors
/// If it does not listen any more.
pub fn tell(said: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, said)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
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

//! Worker processes, and what they tell the coordinator: one JSON object a line.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use isoflop_suite::{CellId, Nats, Status, Tokens};
use serde::{Deserialize, Serialize};

use crate::children::{Mortal, start, told};
use crate::trust::Standing;

/// What a worker reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It has claimed a cell.
    Begin { cell: CellId },
    /// It has logged a step.
    Step {
        cell: CellId,
        tokens: Tokens,
        loss: Nats,
        seconds: f64,
    },
    /// It has published a result.
    End {
        cell: CellId,
        status: Status,
        reason: Option<String>,
        loss: Option<Nats>,
        tries: u32,
    },
}

/// A message to the coordinator from one of its workers.
#[derive(Debug)]
pub enum Message {
    Event(usize, Event),
    /// The worker's process has ended; with the last lines of its stderr.
    Gone(usize, std::io::Result<ExitStatus>, String),
}

/// A worker process.
#[derive(Debug)]
pub struct Worker(Mortal);

impl Worker {
    /// Starts `isoflop worker` with these arguments as worker number `number`.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(
        number: usize,
        arguments: &[String],
        software: bool,
        to: Sender<Message>,
    ) -> std::io::Result<Arc<Mutex<Worker>>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").args(arguments);
        // Ctrl-C in a terminal goes to the coordinator alone, which tells its workers.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped());
        set_environment(&mut command, software);
        let (child, stdout, errors) = start(&mut command)?;
        let worker = Arc::new(Mutex::new(Worker(child)));
        let waited = Arc::clone(&worker);
        thread::spawn(move || {
            for event in told(stdout) {
                if to.send(Message::Event(number, event)).is_err() {
                    break;
                }
            }
            let errors = errors.join().unwrap_or_default();
            let status = wait(&waited);
            let _ = to.send(Message::Gone(number, status, errors));
        });
        Ok(worker)
    }
}

/// Waits for the end of a worker whose outputs have ended, without keeping others from it.
fn wait(worker: &Mutex<Worker>) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = worker.lock().expect("no holder panics").0.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Worker {
    /// Asks the worker to leave a checkpoint and stop.
    pub fn stop(&mut self) {
        // Its standard input ends.
        drop(self.0.stdin.take());
    }
}

/// What a process that trains needs of its environment before it begins, on a device that is a
/// software rasteriser or not. A setting of the user's stays.
pub fn set_environment(command: &mut Command, software: bool) {
    // Burn restores an optimizer's moments on its default device before they go to the model's.
    command.env(BACKEND, "flex");
    // Where every kernel takes seconds to compile, candidates cost more than they bring.
    if software && std::env::var_os(AUTOTUNE).is_none() {
        command.env(AUTOTUNE, "minimal");
    }
    // Training frees and takes the same large buffers every step. glibc gives each back to the system
    // and has it mapped and cleared anew; told not to, steps are a third faster.
    for (name, bytes) in [
        ("MALLOC_MMAP_THRESHOLD_", 1u64 << 32),
        ("MALLOC_TRIM_THRESHOLD_", 1 << 34),
        ("MALLOC_TOP_PAD_", 1 << 26),
    ] {
        if std::env::var_os(name).is_none() {
            command.env(name, bytes.to_string());
        }
    }
}

const BACKEND: &str = "BURN_DEVICE";
const AUTOTUNE: &str = "CUBECL_AUTOTUNE_LEVEL";

/// Gives a worker that no coordinator has started, but a cluster's scheduler, the environment that
/// it needs: the program begins anew in its place, and knows how its device stands.
///
/// # Errors
/// If it cannot.
#[cfg(unix)]
pub fn settle(standing: &Standing) -> std::io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1));
    command.arg(format!("--standing={}", serde_json::json!(standing)));
    set_environment(&mut command, standing.software);
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Only Unix replaces a process: elsewhere the scheduler sets the environment.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn settle(_: &Standing) -> std::io::Result<()> {
    Ok(())
}

//! Devices that train the same cells in turns, each in a process of its own.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use isoflop_suite::{Bytes, CellId, Nats, Seconds};
use isoflop_train::DeviceName;

use crate::children::{Mortal, start, told};
use crate::command::pace::{Answer, Order};
use crate::workers::set_environment;

/// A round of the fastest device lasts at least this long.
const SHORTEST_ROUND: Seconds = 0.05;
/// A round of the slowest device does not grow beyond this, unless a single step does.
const LONGEST_ROUND: Seconds = 2.0;

/// A device in a race: a process that is started anew for the next cell when it dies.
pub struct Racer {
    device: DeviceName,
    software: bool,
    arguments: Vec<String>,
    limit: Duration,
    process: Option<Process>,
}

/// What a device did with a cell.
#[derive(Debug, Clone, Default)]
pub struct Lap {
    /// Until the first steps were done.
    pub first_steps: Option<Seconds>,
    /// Seconds per step of every round.
    pub steps: Vec<Seconds>,
    pub memory: Option<Bytes>,
    pub loss: Option<Nats>,
    /// Why the device has none of these.
    pub failed: Option<String>,
}

/// Has every device train a cell for so many rounds of as many steps. In each round all have their
/// turn, and each round another one begins.
/// Those that are barred, each for a reason, take no part.
pub fn race(
    racers: &mut [Racer],
    barred: &[Option<String>],
    cell: &CellId,
    rounds: usize,
) -> Vec<Lap> {
    let begin = |(racer, barred): (&mut Racer, &Option<String>)| match barred {
        None => racer.begin(cell),
        barred => Lap {
            failed: barred.clone(),
            ..Lap::default()
        },
    };
    let mut laps: Vec<Lap> = racers.iter_mut().zip(barred).map(begin).collect();
    // A first turn of one step tells how many steps a round has.
    for (racer, lap) in racers.iter_mut().zip(&mut laps) {
        racer.turn(lap, 1);
    }
    let paces = laps.iter().filter_map(|lap| lap.steps.last().copied());
    let (fastest, slowest) = paces.fold((f64::INFINITY, 0.0f64), |(low, high), pace| {
        (low.min(pace), high.max(pace))
    });
    let most = (LONGEST_ROUND / slowest).floor().max(1.0);
    let count = (SHORTEST_ROUND / fastest).ceil().clamp(1.0, most) as u64;
    for lap in &mut laps {
        lap.steps.clear();
    }
    for round in 0..rounds {
        for turn in 0..racers.len() {
            let at = (round + turn) % racers.len();
            racers[at].turn(&mut laps[at], count);
        }
    }
    laps
}

impl Racer {
    /// A device that is to train a suite's cells, by the arguments of `isoflop pace`.
    pub fn new(
        device: DeviceName,
        software: bool,
        arguments: Vec<String>,
        limit: Duration,
    ) -> Self {
        Racer {
            device,
            software,
            arguments,
            limit,
            process: None,
        }
    }

    fn begin(&mut self, cell: &CellId) -> Lap {
        let order = Order::Begin { cell: cell.clone() };
        let mut lap = Lap::default();
        match self.ask(&order) {
            Ok(Answer::Ready { seconds }) => lap.first_steps = Some(seconds),
            Ok(other) => lap.failed = Some(format!("it answered {other:?}")),
            Err(reason) => lap.failed = Some(reason),
        }
        lap
    }

    /// Steps of the cell in hand, unless it has failed.
    fn turn(&mut self, lap: &mut Lap, count: u64) {
        if lap.failed.is_some() {
            return;
        }
        match self.ask(&Order::Steps { count }) {
            Ok(Answer::Done {
                seconds,
                loss,
                memory,
            }) => {
                lap.steps.push(seconds / count as f64);
                lap.loss = Some(loss);
                lap.memory = memory;
            }
            Ok(other) => lap.failed = Some(format!("it answered {other:?}")),
            Err(reason) => lap.failed = Some(reason),
        }
    }

    fn ask(&mut self, order: &Order) -> Result<Answer, String> {
        if self.process.is_none() {
            let process = Process::start(&self.device, self.software, &self.arguments);
            self.process = Some(process.map_err(|error| format!("cannot start: {error}"))?);
        }
        let process = self.process.as_mut().expect("it was just started");
        let answer = process.ask(order, self.limit);
        match answer {
            Ok(Answer::Failed { reason }) => Err(reason),
            Err(reason) => {
                self.process = None;
                Err(reason)
            }
            answer => answer,
        }
    }
}

struct Process {
    child: Mortal,
    orders: ChildStdin,
    answers: Receiver<Answer>,
    errors: Option<JoinHandle<String>>,
}

impl Process {
    fn start(
        device: &DeviceName,
        software: bool,
        arguments: &[String],
    ) -> std::io::Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("pace").args(arguments);
        command.arg(format!("--device={device}"));
        command.stdin(Stdio::piped());
        set_environment(&mut command, software);
        let (mut child, stdout, errors) = start(&mut command)?;
        Ok(Process {
            orders: child.stdin.take().expect("stdin is piped"),
            child,
            answers: told(stdout),
            errors: Some(errors),
        })
    }

    fn ask(&mut self, order: &Order, limit: Duration) -> Result<Answer, String> {
        let line = serde_json::to_string(order).expect("an order is plain data") + "\n";
        // Where the process has ended, the answer says so.
        let _ = self.orders.write_all(line.as_bytes());
        match self.answers.recv_timeout(limit) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer in {} s", limit.as_secs())),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().map_err(|error| error.to_string())?;
                let errors = self.errors.take().and_then(|it| it.join().ok());
                Err(format!(
                    "ended with {status}: {}",
                    errors.unwrap_or_default()
                ))
            }
        }
    }
}

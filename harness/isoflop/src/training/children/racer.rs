//! Devices that train the same cells in turns, each in a process of its own.

use std::time::Duration;

use isoflop_suite::{Bytes, CellId, Nats, Seconds};

use super::{Assignment, Child, Message, Order, Silence};

/// A round of the fastest device lasts at least this long.
const SHORTEST_ROUND: Seconds = 0.05;
/// A round of the slowest device does not grow beyond this, unless a single step does.
const LONGEST_ROUND: Seconds = 2.0;

/// A device that trains cells a few steps at a time, in a process that is started anew for the next
/// cell when it dies.
pub struct Racer {
    assignment: Assignment,
    limit: Duration,
    child: Option<Child>,
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
    /// Trains a suite on a device. Each order must be done within `limit`.
    pub fn new(assignment: Assignment, limit: Duration) -> Self {
        Racer {
            assignment,
            limit,
            child: None,
        }
    }

    /// Builds a cell's model and does its first steps.
    pub fn begin(&mut self, cell: &CellId) -> Lap {
        let order = Order::Begin { cell: cell.clone() };
        let mut lap = Lap::default();
        match self.ask(&order) {
            Ok(Message::Ready { seconds }) => lap.first_steps = Some(seconds),
            Ok(other) => lap.failed = Some(format!("it answered {other:?}")),
            Err(reason) => lap.failed = Some(reason),
        }
        lap
    }

    /// Steps of the cell in hand, unless it has failed.
    pub fn turn(&mut self, lap: &mut Lap, count: u64) {
        if lap.failed.is_some() {
            return;
        }
        match self.ask(&Order::Steps { count }) {
            Ok(Message::Timed {
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

    /// Gives an order and hears its answer.
    fn ask(&mut self, order: &Order) -> Result<Message, String> {
        if self.child.is_none() {
            let Assignment {
                standing, device, ..
            } = &self.assignment;
            let child = Child::start(standing.software, &device.to_string());
            let child = child.map_err(|error| format!("cannot start: {error}"))?;
            self.child = Some(child);
            let open = Order::Open(Box::new(self.assignment.clone()));
            self.hear(&open)?;
        }
        match self.hear(order)? {
            Some(Message::Failed { reason }) => Err(reason),
            Some(answer) => Ok(answer),
            None => Err("it did not answer".to_owned()),
        }
    }

    /// What an order is answered with, if with anything, when it is done. A child that does not get
    /// there is ended.
    fn hear(&mut self, order: &Order) -> Result<Option<Message>, String> {
        let child = self.child.as_mut().expect("a child was started");
        child.order(order);
        let (mut answer, mut refused) = (None, None);
        loop {
            match child.hear(self.limit) {
                Ok(Message::Finished) => return Ok(answer),
                // It may go on all the same.
                Ok(Message::OutOfMemory { bytes }) => refused = Some(bytes),
                Ok(message) => answer = Some(message),
                Err(silence) => {
                    self.child = None;
                    return Err(match (silence, refused) {
                        (Silence::Garbled(garbled), _) => format!("it wrote {garbled}"),
                        (Silence::Ended(_), Some(bytes)) => {
                            format!("out of memory: {bytes} bytes more were refused")
                        }
                        (other, _) => other.to_string(),
                    });
                }
            }
        }
    }
}

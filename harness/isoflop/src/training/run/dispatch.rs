//! Cells to workers: the most expensive first, as many at once as there is memory for, and another
//! worker in the place of one that dies.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use isoflop_machine::memory_kills;
use isoflop_suite::{Bytes, CellId, End, PlannedCell, Status};

use super::progress::Progress;
use super::workers::{Heard, Workers};
use super::{Job, Part};
use crate::training::capacity::threads_each;
use crate::training::children::{Ending, Garbled, Message, Order, tells_of_memory};

/// How long it listens before it looks whether to stop, and whether a cell may be asked for again.
const LISTEN: Duration = Duration::from_millis(100);
/// At most as long it waits before a cell that others train is asked for again.
const LONGEST_REST: Duration = Duration::from_millis(500);
/// Workers that may die one after the other before they have a cell.
const MOST_EARLY: u32 = 5;

/// The cells of a `run` that are left, and who is at which.
pub struct Dispatch<'a> {
    job: &'a Job<'a>,
    ends: &'a mut HashMap<CellId, Status>,
    /// Cells that nobody of this `run` is at, the most expensive first, and from when on each may be
    /// asked for.
    pending: Vec<(&'a PlannedCell, Instant)>,
    /// The cell each worker is at.
    at: Vec<Place<'a>>,
    /// Memory for cells, where it is known.
    memory: Option<Bytes>,
    /// Cells that others were at when they were last asked for.
    taken: HashSet<CellId>,
    /// Workers in a row that died before they had a cell.
    early: u32,
    /// Processes killed for want of memory that are accounted for.
    memory_kills: u64,
    /// The processor's threads that each worker has.
    threads: usize,
    stopping: bool,
    workers: Workers,
    progress: Progress<'a>,
}

/// What a worker is at.
#[derive(Debug, Clone, Default)]
struct Place<'a> {
    cell: Option<&'a PlannedCell>,
    /// The cell whose memory it holds: until it waits for an order again.
    holds: Option<&'a PlannedCell>,
    /// Whether it has claimed the cell.
    begun: bool,
    /// Whether it waits for an order.
    idle: bool,
    /// The request for memory that the system refused, since its cell began.
    refused: Option<Bytes>,
    /// The line that it ought not to have written.
    garbled: Option<Garbled>,
}

impl<'a> Dispatch<'a> {
    /// Prepares to train the cells left, with so much memory for them.
    pub fn new(
        job: &'a Job<'a>,
        ends: &'a mut HashMap<CellId, Status>,
        mut left: Vec<&'a PlannedCell>,
        memory: Option<Bytes>,
    ) -> Self {
        left.sort_by(|a, b| {
            let cost = |it: &PlannedCell| it.cell.cost();
            cost(b).total_cmp(&cost(a)).then_with(|| a.id.cmp(&b.id))
        });
        let now = Instant::now();
        Dispatch {
            progress: Progress::new(&job.suite.plan, &job.labels, &left),
            pending: left.into_iter().map(|planned| (planned, now)).collect(),
            workers: Workers::new(job.assignment.clone()),
            at: Vec::new(),
            taken: HashSet::new(),
            early: 0,
            memory_kills: memory_kills(),
            threads: job.assignment.threads,
            stopping: false,
            job,
            ends,
            memory,
        }
    }

    /// Trains them all with so many workers.
    pub fn run(mut self, workers: usize) -> anyhow::Result<()> {
        self.at = vec![Place::default(); workers];
        self.progress.workers(workers);
        for number in 0..workers {
            self.workers.start(number)?;
        }
        let ended = self.listen();
        if ended.is_err() {
            // The others leave checkpoints.
            self.dismiss();
            while self.workers.any() {
                self.workers.hear(LISTEN);
            }
        }
        self.progress.clear();
        ended
    }

    fn listen(&mut self) -> anyhow::Result<()> {
        while self.workers.any() {
            if self.job.stop.load(Ordering::Relaxed) {
                self.stop();
            }
            match self.workers.hear(LISTEN) {
                Some(Heard::Message(number, message)) => self.message(number, message),
                Some(Heard::Garbled(number, garbled)) => {
                    self.at[number].garbled = Some(garbled);
                    self.workers.kill(number);
                }
                Some(Heard::Gone(number, ending)) => self.gone(number, &ending)?,
                None => {}
            }
            self.hand_out();
            self.share_threads();
        }
        Ok(())
    }

    /// Gives every idle worker the most expensive cell that may be asked for and that there is memory
    /// for.
    fn hand_out(&mut self) {
        for number in 0..self.at.len() {
            if self.stopping || !self.at[number].idle {
                continue;
            }
            let working = self.at.iter().any(|place| place.cell.is_some());
            if !working && self.nothing_is_free() {
                self.dismiss();
                return;
            }
            let now = Instant::now();
            let next = self
                .pending
                .iter()
                .position(|(planned, from)| *from <= now && self.fits(planned));
            if let Some(next) = next {
                let (planned, _) = self.pending.remove(next);
                let cell = planned.id.clone();
                self.workers.order(number, &Order::Train { cell });
                self.at[number] = Place {
                    cell: Some(planned),
                    holds: Some(planned),
                    ..Place::default()
                };
            }
        }
    }

    /// Whether all that is left is others', and this process does not wait for them.
    fn nothing_is_free(&self) -> bool {
        let taken = |(planned, _): &(&PlannedCell, Instant)| self.taken.contains(&planned.id);
        self.pending.is_empty() || self.job.part == Part::Free && self.pending.iter().all(taken)
    }

    /// Where no cell is left for some workers, the others have their threads. How many a cell has changes none of its
    /// numbers.
    fn share_threads(&mut self) {
        let busy = self.at.iter().filter(|it| it.cell.is_some()).count();
        let workers = if self.pending.is_empty() {
            busy
        } else {
            self.at.len()
        };
        let threads = threads_each(workers);
        if busy > 0 && threads != self.threads {
            self.threads = threads;
            self.workers.order_all(&Order::Threads { threads });
        }
    }

    /// Whether there is memory for one more cell. One alone is always tried.
    fn fits(&self, planned: &PlannedCell) -> bool {
        let needs = |planned: &PlannedCell| self.job.suite.memory(planned);
        let held: Vec<Bytes> = self
            .at
            .iter()
            .filter_map(|it| it.holds.map(needs))
            .collect();
        let together = held.iter().sum::<Bytes>().saturating_add(needs(planned));
        held.is_empty() || self.memory.is_none_or(|memory| together <= memory)
    }

    fn message(&mut self, number: usize, message: Message) {
        match message {
            Message::Finished => {
                // Another process had taken its cell over.
                self.give_back(number, LONGEST_REST);
                self.at[number].holds = None;
                self.at[number].idle = true;
            }
            Message::OutOfMemory { bytes } => self.at[number].refused = Some(bytes),
            Message::Began { .. } => {
                self.early = 0;
                self.at[number].begun = true;
                if let Some(planned) = self.at[number].cell {
                    self.taken.remove(&planned.id);
                }
            }
            Message::Step {
                step,
                tokens,
                loss,
                seconds_per_step,
                ..
            } => {
                if let Some(planned) = self.at[number].cell {
                    self.progress
                        .step(number, planned, step, tokens, loss, seconds_per_step);
                }
            }
            Message::Taken { cell } => {
                self.taken.insert(cell);
                let rest = Duration::from_secs_f64(self.job.assignment.lease / 10.0);
                self.give_back(number, rest.min(LONGEST_REST));
            }
            Message::Known { status, .. } => {
                if let Some(planned) = self.at[number].cell.take() {
                    self.taken.clear();
                    self.ends.insert(planned.id.clone(), status);
                    self.progress.known(planned);
                }
            }
            Message::Ended {
                status,
                reason,
                loss,
                tries,
                ..
            } => {
                let how = match loss {
                    Some(loss) => format!("loss {loss:.4}"),
                    None => format!("{}: {}", status.as_str(), reason.unwrap_or_default()),
                };
                self.end(number, status, tries, &how);
            }
            // Of devices and timing: no worker is asked for those.
            _ => {}
        }
    }

    /// A cell has ended, for good or to be tried again.
    fn end(&mut self, number: usize, status: Status, tries: u32, how: &str) {
        let Some(planned) = self.at[number].cell.take() else {
            return;
        };
        self.at[number].begun = false;
        // Meanwhile others may have left theirs.
        self.taken.clear();
        if self.job.suite.definition.retry.again(status, tries) {
            self.progress.again(number, planned, how);
            self.pending.insert(0, (planned, Instant::now()));
        } else {
            self.progress.end(number, planned, how);
            self.ends.insert(planned.id.clone(), status);
        }
    }

    /// Puts a worker's cell back, to be asked for again after a rest.
    fn give_back(&mut self, number: usize, rest: Duration) {
        if let Some(planned) = self.at[number].cell.take() {
            self.pending.push((planned, Instant::now() + rest));
            // The most expensive first, still.
            self.pending
                .sort_by(|(a, _), (b, _)| b.cell.cost().total_cmp(&a.cell.cost()));
        }
    }

    /// Tells every worker that there is nothing more to do.
    fn dismiss(&mut self) {
        self.stopping = true;
        self.workers.order_all(&Order::Stop);
    }

    /// Tells the workers to leave checkpoints and stop.
    fn stop(&mut self) {
        if !self.stopping {
            self.progress
                .say("stopping after a checkpoint; a second Ctrl-C stops at once");
            self.dismiss();
        }
    }

    /// A worker that died of a cell fails that cell, and another takes its place. Of those that die
    /// before they have a cell, a few are replaced: what ails them may not pass.
    fn gone(&mut self, number: usize, ending: &Ending) -> anyhow::Result<()> {
        let place = std::mem::take(&mut self.at[number]);
        // A cluster's engine ends all processes together.
        if self.stopping || self.job.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let how = match &place.garbled {
            Some(garbled) => format!("wrote {garbled}"),
            None => ending.to_string(),
        };
        if let (Some(planned), true) = (place.cell, place.begun) {
            let reason = format!("its worker {how}");
            let end = self.end_of(&place, ending, reason.clone());
            let status = end.status();
            let published = self.job.publish_end(&planned.id, end)?;
            self.at[number].cell = Some(planned);
            match published {
                Some(tries) => {
                    let how = format!("{}: {reason}", status.as_str());
                    self.end(number, status, tries, &how);
                }
                None => self.give_back(number, LONGEST_REST),
            }
        } else {
            self.at[number].cell = place.cell;
            self.give_back(number, Duration::ZERO);
            self.early += 1;
            anyhow::ensure!(
                self.early < MOST_EARLY,
                "{MOST_EARLY} workers in a row died before they had a cell, the last one {how}"
            );
        }
        self.workers.start(number)?;
        let threads = self.threads;
        self.workers.order(number, &Order::Threads { threads });
        Ok(())
    }

    /// What a worker's end says of its cell.
    fn end_of(&mut self, place: &Place, ending: &Ending, reason: String) -> End {
        let kills = memory_kills();
        // As many ends by SIGKILL as the kernel has told of are its own.
        let by_kernel = kills > self.memory_kills && ending.signal().as_deref() == Some("SIGKILL");
        if by_kernel {
            self.memory_kills += 1;
        }
        if by_kernel || place.refused.is_some() || tells_of_memory(&ending.errors) {
            End::OutOfMemory(reason)
        } else {
            End::Failed(reason)
        }
    }
}

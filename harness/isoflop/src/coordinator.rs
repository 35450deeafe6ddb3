//! The coordinator of a suite: it starts workers, watches them, and replaces those that die.

use std::collections::HashMap;
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use isoflop_ledger::{
    CellRecord, Claim, FORMAT, Leases, MachineRecord, SuiteFolder, write_atomically,
};
use isoflop_suite::{CellId, Outcome, PlannedCell, Status};
use isoflop_train::Machine;

use crate::command::run::{Suite, SuiteArguments};
use crate::command::worker::{Timing, result_record};
use crate::progress::Progress;
use crate::trust::Standing;
use crate::workers::{Event, Message, Worker};

/// Hands a suite's cells to workers and keeps account of how they end.
pub struct Coordinator<'a> {
    pub suite: &'a Suite,
    pub arguments: &'a SuiteArguments,
    pub folder: &'a SuiteFolder,
    pub standing: &'a Standing,
    pub workers: usize,
    pub threads: usize,
    pub timing: Timing,
    /// Set when the user asks to stop.
    pub stop: Arc<AtomicBool>,
}

impl Coordinator<'_> {
    /// Writes what these results are made on.
    pub fn machine(&self) -> anyhow::Result<()> {
        let machine = Machine::here();
        let record = MachineRecord {
            format: FORMAT,
            system: machine.system,
            processor: machine.processor,
            threads: machine.threads,
            device: self.suite.device.to_string(),
            workers: self.workers,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let text = serde_json::to_string_pretty(&record)? + "\n";
        Ok(write_atomically(
            &self.folder.file("machine.json"),
            text.as_bytes(),
        )?)
    }

    /// Trains what is not done. Returns how every cell that has ended ended.
    pub fn train(&self) -> anyhow::Result<HashMap<CellId, Status>> {
        let excluded = self.folder.exclusions(self.suite.plan.ids())?;
        let mut ends = HashMap::new();
        for planned in &self.suite.plan.cells {
            if let Some(reason) = excluded.reason(&planned.id) {
                // A cell that was never trained has its end in the table as well.
                if self.folder.status(&planned.id)?.is_none() {
                    self.publish_end(&planned.id, Status::Excluded, reason)?;
                }
                ends.insert(planned.id.clone(), Status::Excluded);
            } else if let Some(status) = self.standing(planned)? {
                ends.insert(planned.id.clone(), status);
            }
        }
        let cells = self.suite.plan.cells.len();
        let left = cells - ends.len();
        let done = ends.values().filter(|end| **end == Status::Done).count();
        eprintln!(
            "{}: {cells} cells, {done} done, {left} to train on {} with {} workers",
            self.suite.definition.name,
            self.suite.device,
            self.workers.min(left.max(1)),
        );
        if left > 0 {
            self.watch(&mut ends, left)?;
        }
        for planned in &self.suite.plan.cells {
            if let Some(result) = self.folder.result(&planned.id)? {
                self.folder.tidy(&result);
                // Other coordinators' workers may have trained it.
                ends.entry(planned.id.clone())
                    .or_insert(result.outcome.status);
            }
        }
        Ok(ends)
    }

    /// How a cell has ended, where that stands. An end that the definition tries again is forgotten:
    /// this `run` has its tries before it.
    fn standing(&self, planned: &PlannedCell) -> anyhow::Result<Option<Status>> {
        let Some(result) = self.folder.result(&planned.id)? else {
            return Ok(None);
        };
        self.folder.tidy(&result);
        let status = result.outcome.status;
        if self.suite.definition.retry.times(status) == 0 && status != Status::Excluded {
            return Ok(Some(status));
        }
        self.folder.forget(&planned.id)?;
        Ok(None)
    }

    fn watch(&self, ends: &mut HashMap<CellId, Status>, left: usize) -> anyhow::Result<()> {
        let plan = &self.suite.plan;
        let done = |planned: &&PlannedCell| ends.contains_key(&planned.id);
        let before = plan
            .cells
            .iter()
            .filter(done)
            .map(|planned| planned.cell.cost())
            .sum();
        let count = self.workers.min(left);
        let progress = Progress::new(count, plan.cells.len(), plan.cost(), ends.len(), before);
        let (to, from) = mpsc::channel();
        let mut watch = Watch {
            coordinator: self,
            ends,
            progress,
            training: vec![None; count],
            workers: Vec::new(),
            early: 0,
            memory_kills: memory_kills(),
            stopping: false,
            to,
        };
        for number in 0..count {
            let worker = watch.start(number)?;
            watch.workers.push(Some(worker));
        }
        while watch.workers.iter().any(Option::is_some) {
            if self.stop.load(Ordering::Relaxed) {
                watch.stop();
            }
            let seen = match from.recv_timeout(LISTEN) {
                Ok(Message::Event(number, event)) => {
                    watch.event(number, event);
                    Ok(())
                }
                Ok(Message::Gone(number, status, errors)) => watch.gone(number, status, &errors),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(error) => Err(error).context("every worker has a sender"),
            };
            if seen.is_err() {
                watch.progress.clear();
            }
            seen?;
        }
        watch.progress.clear();
        Ok(())
    }

    fn worker_arguments(&self) -> Vec<String> {
        let given = self.arguments;
        let mut arguments = vec![
            given.suite.display().to_string(),
            format!("--device={}", self.suite.device),
            format!("--standing={}", serde_json::json!(self.standing)),
            format!("--folder={}", self.folder.path().display()),
            format!("--threads={}", self.threads),
            format!("--lease={}", self.timing.lease),
            format!("--checkpoint={}", self.timing.checkpoint),
            "--supervised".to_owned(),
        ];
        if let Some(cache) = &given.cache {
            arguments.push(format!("--cache={}", cache.display()));
        }
        arguments
    }

    /// Publishes the end of a run whose worker cannot do so any more. Returns its tries so far, or
    /// `None` where another process has it by now.
    fn publish_end(
        &self,
        id: &CellId,
        status: Status,
        reason: &str,
    ) -> anyhow::Result<Option<u32>> {
        let Some(planned) = self.suite.plan.find(id) else {
            return Ok(None);
        };
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        let mut leases = Leases::new(Duration::from_secs_f64(self.timing.lease));
        // The worker's lock is gone with it, so its cell is free at once.
        let retry = &self.suite.definition.retry;
        let Claim::Mine(attempt) = self.folder.claim(&record, retry, &mut leases)? else {
            return Ok(None);
        };
        let result = result_record(
            self.suite,
            self.standing,
            planned,
            &attempt,
            self.threads,
            Outcome::unscored(status, reason.to_owned()),
        );
        attempt.publish(&result)?;
        Ok(Some(result.tries))
    }
}

/// How long the coordinator listens to its workers before it looks whether to stop.
const LISTEN: Duration = Duration::from_millis(100);

/// Processes of this control group that Linux has killed for want of memory.
fn memory_kills() -> u64 {
    let events = std::fs::read_to_string("/sys/fs/cgroup/memory.events").unwrap_or_default();
    let line = events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

/// Workers that may die one after the other before they have a cell.
const MOST_EARLY: u32 = 5;

/// What a worker's end says of its cell.
fn status_of(errors: &str, kills_before: u64) -> Status {
    let memory = [
        "memory allocation of",
        "out of memory",
        "OutOfMemory",
        "Out of memory",
    ];
    if memory.iter().any(|words| errors.contains(words)) || memory_kills() > kills_before {
        Status::OutOfMemory
    } else {
        Status::Failed
    }
}

/// What is known of the workers of one `run`.
struct Watch<'a> {
    coordinator: &'a Coordinator<'a>,
    ends: &'a mut HashMap<CellId, Status>,
    progress: Progress,
    /// The cell each worker is at.
    training: Vec<Option<CellId>>,
    workers: Vec<Option<Arc<Mutex<Worker>>>>,
    /// Workers in a row that died before they had a cell.
    early: u32,
    /// Processes killed for want of memory so far.
    memory_kills: u64,
    /// Whether the workers have been told to stop.
    stopping: bool,
    to: Sender<Message>,
}

impl Watch<'_> {
    fn start(&self, number: usize) -> anyhow::Result<Arc<Mutex<Worker>>> {
        let arguments = self.coordinator.worker_arguments();
        let software = self.coordinator.standing.software;
        Ok(Worker::start(
            number,
            &arguments,
            software,
            self.to.clone(),
        )?)
    }

    fn event(&mut self, number: usize, event: Event) {
        match event {
            Event::Begin { cell } => {
                self.early = 0;
                self.training[number] = Some(cell);
            }
            Event::Step {
                cell,
                tokens,
                loss,
                seconds,
            } => {
                if let Some(planned) = self.coordinator.suite.plan.find(&cell) {
                    self.progress.step(number, planned, tokens, loss, seconds);
                }
            }
            Event::End {
                cell,
                status,
                reason,
                loss,
                tries,
            } => {
                self.training[number] = None;
                let how = match loss {
                    Some(loss) => format!("loss {loss:.4}"),
                    None => format!("{}: {}", status.as_str(), reason.unwrap_or_default()),
                };
                self.end(number, cell, status, tries, &how);
            }
        }
    }

    fn end(&mut self, number: usize, cell: CellId, status: Status, tries: u32, how: &str) {
        let again = self.coordinator.suite.definition.retry.again(status, tries);
        if let Some(planned) = self.coordinator.suite.plan.find(&cell) {
            if again {
                self.progress.again(number, planned, how);
            } else {
                self.progress.end(number, planned, how);
            }
        }
        if !again {
            self.ends.insert(cell, status);
        }
        // Workers that wait for cells of others need not find out by themselves.
        if self.ends.len() == self.coordinator.suite.plan.cells.len() {
            self.dismiss();
        }
    }

    /// Tells every worker that there is nothing more to do.
    fn dismiss(&self) {
        for worker in self.workers.iter().flatten() {
            worker.lock().expect("no holder panics").stop();
        }
    }

    /// Tells the workers to leave checkpoints and stop.
    fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.progress
            .say("stopping after a checkpoint; once more stops at once");
        self.dismiss();
    }

    /// A worker that died of a cell fails that cell, and another takes its place. Of those that die
    /// before they have a cell, a few are replaced: what ails them may not pass.
    fn gone(
        &mut self,
        number: usize,
        status: io::Result<ExitStatus>,
        errors: &str,
    ) -> anyhow::Result<()> {
        self.workers[number] = None;
        let well = status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let cell = self.training[number].take();
        if self.stopping {
            return Ok(());
        }
        let Some(cell) = cell.filter(|_| !well) else {
            if !well {
                self.early += 1;
                anyhow::ensure!(
                    self.early < MOST_EARLY,
                    "{MOST_EARLY} workers in a row ended before they had a cell, the last with {how}: {errors}"
                );
                self.workers[number] = Some(self.start(number)?);
            }
            return Ok(());
        };
        let reason = format!("its worker ended with {how}: {errors}");
        let status = status_of(errors, self.memory_kills);
        self.memory_kills = memory_kills();
        if let Some(tries) = self.coordinator.publish_end(&cell, status, &reason)? {
            let how = format!("{}: {reason}", status.as_str());
            self.end(number, cell, status, tries, &how);
        }
        self.workers[number] = Some(self.start(number)?);
        Ok(())
    }
}

//! The coordinator of a suite: it starts workers, watches them, and replaces those that die.

use std::collections::HashMap;
use std::io;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use isoflop_ledger::{CellRecord, Claim, FORMAT, MachineRecord, SuiteFolder, write_atomically};
use isoflop_suite::{CellId, Outcome, PlannedCell, Status};
use isoflop_train::Machine;

use crate::command::run::{Suite, SuiteArguments};
use crate::command::worker::result_record;
use crate::progress::Progress;
use crate::workers::{Event, Message, Worker};

/// Hands a suite's cells to workers and keeps account of how they end.
pub struct Coordinator<'a> {
    pub suite: &'a Suite,
    pub arguments: &'a SuiteArguments,
    pub folder: &'a SuiteFolder,
    pub workers: usize,
    pub threads: usize,
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
            device: self.arguments.device.to_string(),
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
        let mut ends = HashMap::new();
        for planned in &self.suite.plan.cells {
            if self.folder.status(&planned.id)? == Some(Status::Done) {
                ends.insert(planned.id.clone(), Status::Done);
            }
        }
        let cells = self.suite.plan.cells.len();
        let left = cells - ends.len();
        eprintln!(
            "{}: {cells} cells, {} done, {left} to train on {} with {} workers",
            self.suite.definition.name,
            ends.len(),
            self.arguments.device,
            self.workers.min(left.max(1)),
        );
        if left > 0 {
            self.watch(&mut ends, left)?;
        }
        Ok(ends)
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
            skip: Vec::new(),
            training: vec![None; count],
            workers: Vec::new(),
            to,
        };
        for number in 0..count {
            let worker = watch.start(number)?;
            watch.workers.push(Some(worker));
        }
        while watch.workers.iter().any(Option::is_some) {
            let message = from.recv().context("every worker has a sender")?;
            let seen = match message {
                Message::Event(number, event) => {
                    watch.event(number, event);
                    Ok(())
                }
                Message::Gone(number, status, errors) => watch.gone(number, status, &errors),
            };
            if seen.is_err() {
                watch.progress.clear();
            }
            seen?;
        }
        watch.progress.clear();
        Ok(())
    }

    fn worker_arguments(&self, skip: &[CellId]) -> Vec<String> {
        let given = self.arguments;
        let mut arguments = vec![
            given.suite.display().to_string(),
            format!("--device={}", given.device),
            format!("--folder={}", self.folder.path().display()),
            format!("--threads={}", self.threads),
        ];
        if let Some(cache) = &given.cache {
            arguments.push(format!("--cache={}", cache.display()));
        }
        if !skip.is_empty() {
            let ids: Vec<&str> = skip.iter().map(CellId::as_str).collect();
            arguments.push(format!("--skip={}", ids.join(",")));
        }
        arguments
    }

    /// Publishes the end of a run whose worker cannot do so any more.
    fn publish_failure(&self, id: &CellId, reason: &str) -> anyhow::Result<()> {
        let Some(planned) = self.suite.plan.find(id) else {
            return Ok(());
        };
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        if let Claim::Mine(attempt) = self.folder.claim(&record)? {
            let outcome = Outcome::unscored(Status::Failed, reason.to_owned());
            let result = result_record(
                planned,
                attempt.number(),
                &self.suite.corpus,
                &self.arguments.device,
                None,
                self.threads,
                outcome,
            );
            attempt.publish(&result)?;
        }
        Ok(())
    }
}

/// What is known of the workers of one `run`.
struct Watch<'a> {
    coordinator: &'a Coordinator<'a>,
    ends: &'a mut HashMap<CellId, Status>,
    progress: Progress,
    /// Cells that ended otherwise than done: no worker of this `run` tries them again.
    skip: Vec<CellId>,
    /// The cell each worker is at.
    training: Vec<Option<CellId>>,
    workers: Vec<Option<Arc<Mutex<Worker>>>>,
    to: Sender<Message>,
}

impl Watch<'_> {
    fn start(&self, number: usize) -> anyhow::Result<Arc<Mutex<Worker>>> {
        let arguments = self.coordinator.worker_arguments(&self.skip);
        Ok(Worker::start(number, &arguments, self.to.clone())?)
    }

    fn event(&mut self, number: usize, event: Event) {
        match event {
            Event::Begin { cell } => self.training[number] = Some(cell),
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
            } => {
                self.training[number] = None;
                let how = match loss {
                    Some(loss) => format!("loss {loss:.4}"),
                    None => format!("{}: {}", status.as_str(), reason.unwrap_or_default()),
                };
                self.end(number, cell, status, &how);
            }
        }
    }

    fn end(&mut self, number: usize, cell: CellId, status: Status, how: &str) {
        if let Some(planned) = self.coordinator.suite.plan.find(&cell) {
            self.progress.end(number, planned, how);
        }
        if status != Status::Done {
            self.skip.push(cell.clone());
        }
        self.ends.insert(cell, status);
    }

    /// A worker that died of a cell fails that cell, and another takes its place. One that died
    /// before it had a cell would do so again.
    fn gone(
        &mut self,
        number: usize,
        status: io::Result<ExitStatus>,
        errors: &str,
    ) -> anyhow::Result<()> {
        self.workers[number] = None;
        let well = status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let Some(cell) = self.training[number].take() else {
            anyhow::ensure!(well, "a worker ended with {how}: {errors}");
            return Ok(());
        };
        let reason = format!("its worker ended with {how}: {errors}");
        self.coordinator.publish_failure(&cell, &reason)?;
        self.end(number, cell, Status::Failed, &format!("failed: {reason}"));
        self.workers[number] = Some(self.start(number)?);
        Ok(())
    }
}

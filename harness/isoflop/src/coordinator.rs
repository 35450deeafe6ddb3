//! The coordinator of a suite: it finds what is done, and hands the other cells to workers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use isoflop_ledger::{
    AskedFor, CellRecord, Claim, FORMAT, Leases, MachineRecord, SuiteFolder, write_atomically,
};
use isoflop_suite::{Bytes, CellId, Outcome, PlannedCell, Status};
use isoflop_train::{Machine, Memory};

use crate::dispatch::Dispatch;
use crate::labels::Labels;
use crate::protocol::Assignment;
use crate::provenance::result_record;
use crate::show::{count, si};
use crate::suite::Suite;

/// Hands a suite's cells to workers and keeps account of how they end.
pub struct Coordinator<'a> {
    pub suite: &'a Suite,
    pub assignment: Assignment,
    pub folder: &'a SuiteFolder,
    pub workers: usize,
    /// Set when the user asks to stop.
    pub stop: Arc<AtomicBool>,
    pub labels: Labels,
    /// Cells to train here, whatever other suites have of them.
    pub again: Vec<CellId>,
}

/// Cells that the machine has not enough memory for.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} would take {needed} of memory, and there is {there}\n  help: `isoflop plan` shows what each \
     cell takes; a smaller micro_batch takes less; `--force` tries it all the same"
)]
pub struct TooLarge {
    what: String,
    needed: String,
    there: String,
}

impl Coordinator<'_> {
    /// Writes which cells are asked for, and what these results are made on.
    fn note(&self) -> anyhow::Result<()> {
        let cells = self.suite.plan.cells.iter();
        let asked = cells.map(|planned| AskedFor {
            id: planned.id.clone(),
            flops_budget: planned.flops_budget,
        });
        self.folder.note_plan(asked.collect())?;
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

    /// Trains what is not done, unless the machine has no memory for it and nobody says `force`. Returns
    /// how every cell that has ended ended.
    pub fn train(&self, results: &Path, force: bool) -> anyhow::Result<HashMap<CellId, Status>> {
        let mut ends = self.ended(results)?;
        let cells = &self.suite.plan.cells;
        let left: Vec<&PlannedCell> = cells
            .iter()
            .filter(|planned| !ends.contains_key(&planned.id))
            .collect();
        let done = ends.values().filter(|end| **end == Status::Done).count();
        let workers = self.workers.min(left.len().max(1));
        eprintln!(
            "{}: {}, {done} done, {} to train on {} with {}",
            self.suite.definition.name,
            count(cells.len(), "cell"),
            left.len(),
            self.suite.device,
            count(workers, "worker"),
        );
        let memory = self.memory();
        if let Some(memory) = memory.filter(|_| !force) {
            self.refuse_too_large(&left, memory.total)?;
        }
        self.note()?;
        if !left.is_empty() {
            Dispatch::new(self, &mut ends, left, memory.map(|it| it.free)).run(workers)?;
        }
        for planned in cells {
            if let Some(result) = self.folder.result(&planned.id)? {
                self.folder.tidy(&result);
                // Other coordinators' workers may have trained it.
                ends.entry(planned.id.clone())
                    .or_insert(result.outcome.status);
            }
        }
        Ok(ends)
    }

    /// Memory of what computes, where it is known: of no GPU but those that use the machine's.
    fn memory(&self) -> Option<Memory> {
        let adapter = self.assignment.standing.adapter.as_ref();
        let shares = adapter.is_none_or(|adapter| adapter.memory.is_some());
        Memory::here().filter(|_| shares)
    }

    fn refuse_too_large(&self, left: &[&PlannedCell], total: Bytes) -> Result<(), TooLarge> {
        let needed = |planned: &&&PlannedCell| self.suite.memory(planned);
        let too_large: Vec<_> = left.iter().filter(|it| needed(it) > total).collect();
        let Some(largest) = too_large.iter().max_by_key(|it| needed(it)) else {
            return Ok(());
        };
        let label = self.labels.label(largest);
        Err(TooLarge {
            what: match too_large.len() {
                1 => format!("the cell {} ({label})", largest.id),
                some => format!("{some} cells are too large; {} ({label})", largest.id),
            },
            needed: format!("{}B", si(needed(largest) as f64)),
            there: format!("{}B", si(total as f64)),
        })
    }

    /// How every cell ended that has ended: in this folder, or in that of another suite of the same
    /// results, from which it is taken over.
    fn ended(&self, results: &Path) -> anyhow::Result<HashMap<CellId, Status>> {
        let excluded = self.folder.exclusions(self.suite.plan.ids())?;
        let others = self.others(results)?;
        let mut leases = self.leases();
        let (mut ends, mut taken_over) = (HashMap::new(), 0);
        for planned in &self.suite.plan.cells {
            if let Some(reason) = excluded.reason(&planned.id) {
                // A cell that was never trained has its end in the table as well.
                if self.folder.status(&planned.id)?.is_none() {
                    self.publish_end(&planned.id, Status::Excluded, reason)?;
                }
                ends.insert(planned.id.clone(), Status::Excluded);
                continue;
            }
            let mut end = self.end(planned)?;
            let elsewhere = end.is_none() && !self.again.contains(&planned.id);
            if elsewhere && self.take_over(planned, &others, &mut leases)? {
                taken_over += 1;
                end = Some(Status::Done);
            }
            end.map(|end| ends.insert(planned.id.clone(), end));
        }
        if taken_over > 0 {
            let name = &self.suite.definition.name;
            eprintln!(
                "{name}: {} of other suites' results taken over",
                count(taken_over, "cell")
            );
        }
        Ok(ends)
    }

    /// The folders of other suites' results on the same device.
    fn others(&self, results: &Path) -> anyhow::Result<Vec<SuiteFolder>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(results).into_iter().flatten() {
            let folder = entry?.path().join(self.suite.device.slug());
            if folder.join("runs").is_dir() && folder != self.folder.path() {
                found.push(folder);
            }
        }
        found.sort();
        Ok(found.into_iter().map(SuiteFolder::new).collect())
    }

    /// Takes a cell's finished run over from the first folder that has one.
    fn take_over(
        &self,
        planned: &PlannedCell,
        others: &[SuiteFolder],
        leases: &mut Leases,
    ) -> anyhow::Result<bool> {
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        let retry = &self.suite.definition.retry;
        for other in others {
            match self.folder.adopt(other, &record, retry, leases) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // It can be trained as well.
                Err(error) => eprintln!("not taken over: {error}"),
            }
        }
        Ok(false)
    }

    /// How a cell has ended, where that stands. An end that the definition tries again is forgotten:
    /// this `run` has its tries before it.
    fn end(&self, planned: &PlannedCell) -> anyhow::Result<Option<Status>> {
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

    /// Publishes the end of a run whose worker cannot do so any more. Returns its tries so far, or
    /// `None` where another process has it by now.
    pub fn publish_end(
        &self,
        id: &CellId,
        status: Status,
        reason: &str,
    ) -> anyhow::Result<Option<u32>> {
        let Some(planned) = self.suite.plan.find(id) else {
            return Ok(None);
        };
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        // The worker's lock is gone with it, so its cell is free at once.
        let retry = &self.suite.definition.retry;
        let Claim::Mine(attempt) = self.folder.claim(&record, retry, &mut self.leases())? else {
            return Ok(None);
        };
        let result = result_record(
            &self.assignment,
            self.suite,
            planned,
            &attempt,
            Outcome::unscored(status, reason.to_owned()),
        );
        attempt.publish(&result)?;
        Ok(Some(result.tries))
    }

    fn leases(&self) -> Leases {
        Leases::new(Duration::from_secs_f64(self.assignment.lease))
    }
}

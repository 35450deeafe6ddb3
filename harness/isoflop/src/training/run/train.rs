//! Trains the cells of a suite that are not done.

use std::collections::HashMap;
use std::path::Path;

use isoflop_files::write_atomically;
use isoflop_ledger::{AskedFor, FORMAT, MachineRecord};
use isoflop_machine::{Machine, Memory};
use isoflop_suite::{Bytes, CellId, PlannedCell, Status};

use super::dispatch::Dispatch;
use super::{Job, Part};
use crate::exit::Refusal;
use crate::show::{count, say, si};

impl Job<'_> {
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
        let memory = self.memory();
        let mut left: Vec<&PlannedCell> = cells
            .iter()
            .filter(|planned| !ends.contains_key(&planned.id))
            .collect();
        if let (Part::Free, Some(memory)) = (self.part, memory) {
            // Other elements have more.
            left.retain(|planned| self.suite.memory(planned) <= memory.total);
        }
        let done = ends.values().filter(|end| **end == Status::Done).count();
        let workers = self.workers.min(left.len().max(1));
        say!(
            "{}: {}, {done} done, {} to train on {} with {}",
            self.suite.definition.name,
            count(cells.len(), "cell"),
            left.len(),
            self.suite.device,
            count(workers, "worker"),
        );
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
                // Other coordinators' workers may have trained it, or are at it again.
                let retry = &self.suite.definition.retry;
                let stands =
                    self.part == Part::Whole || !retry.again(result.status(), result.tries);
                if stands {
                    ends.entry(planned.id.clone()).or_insert(result.status());
                }
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

    fn refuse_too_large(&self, left: &[&PlannedCell], total: Bytes) -> Result<(), Refusal> {
        let needed = |planned: &&&PlannedCell| self.suite.memory(planned);
        let too_large: Vec<_> = left.iter().filter(|it| needed(it) > total).collect();
        let Some(largest) = too_large.iter().max_by_key(|it| needed(it)) else {
            return Ok(());
        };
        let label = self.labels.label(largest);
        let what = match too_large.len() {
            1 => format!("the cell {} ({label})", largest.id),
            some => format!("{some} cells are too large; {} ({label})", largest.id),
        };
        Err(Refusal::refused(format!(
            "{what} would take {}B of memory, and there is {}B\n  help: `isoflop plan` shows what each \
             cell takes; a smaller micro_batch takes less; `--force` tries it all the same",
            si(needed(largest) as f64),
            si(total as f64)
        )))
    }
}

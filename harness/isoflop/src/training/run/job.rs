//! A suite to be trained: what everybody who takes part in a `run` knows.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use isoflop_ledger::{CellRecord, Claim, Leases, LedgerError, SuiteFolder};
use isoflop_suite::{CellId, End, Outcome};

use crate::planning::Suite;
use crate::show::Labels;
use crate::training::children::{Assignment, result_record};

/// What of a suite a process takes upon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, and what ended badly once more: a user's `run`.
    Whole,
    /// Cells that are free and that it has the memory for. It leaves when there is none: an element of a cluster's job.
    Free,
    /// What elements have left.
    Rest,
}

/// A suite to be trained, and how.
pub struct Job<'a> {
    pub suite: &'a Suite,
    pub assignment: Assignment,
    pub folder: &'a SuiteFolder,
    pub workers: usize,
    /// Set when the user asks to stop.
    pub stop: Arc<AtomicBool>,
    pub labels: Labels,
    pub part: Part,
    /// Cells to train here, whatever other suites have of them.
    pub again: Vec<CellId>,
}

impl Job<'_> {
    /// Publishes the end of a run whose worker cannot do so any more. Returns its tries so far, or
    /// `None` where another process has it by now.
    pub fn publish_end(&self, id: &CellId, end: End) -> anyhow::Result<Option<u32>> {
        let Some(planned) = self.suite.plan.find(id) else {
            return Ok(None);
        };
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        // The worker's lock is gone with it, so its cell is free at once.
        let retry = &self.suite.definition.retry;
        let claim = self
            .folder
            .claim(&record, retry, &mut self.leases(), Instant::now())?;
        let Claim::Mine(attempt) = claim else {
            return Ok(None);
        };
        let result = result_record(
            &self.assignment,
            self.suite,
            planned,
            &attempt,
            Outcome::unmeasured(end),
        );
        match attempt.publish(&result) {
            Err(LedgerError::Lost { .. }) => Ok(None),
            published => Ok(published.map(|()| Some(result.tries))?),
        }
    }

    /// What is seen of other processes at the suite.
    pub fn leases(&self) -> Leases {
        Leases::new(Duration::from_secs_f64(self.assignment.lease))
    }
}

//! A child that trains cells of a suite to their end and publishes their results.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use isoflop_ledger::{Attempt, CellRecord, Claim, LedgerError, RunRecord, SuiteFolder};
use isoflop_machine::give_back_memory;
use isoflop_suite::{CellId, End, Outcome, PlannedCell, Seconds, Step};
use isoflop_train::{FIRST_STEPS, Keeper, TrainError};

use super::renewing::Renewing;
use super::{Opened, Told};
use crate::training::children::{Assignment, Message, result_record, send, tells_of_memory};

/// Claims a cell, trains it and publishes its result, unless others train it or it has ended.
pub fn train(opened: &mut Opened, cell: &CellId, told: &Told) -> anyhow::Result<()> {
    let assignment = &opened.assignment;
    let planned = opened.suite.plan.find(cell);
    let planned = planned.ok_or_else(|| anyhow::anyhow!("there is no cell {cell}"))?;
    let folder = SuiteFolder::new(&assignment.folder);
    let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
    let retry = &opened.suite.definition.retry;
    match folder.claim(&record, retry, &mut opened.leases, Instant::now())? {
        Claim::Ended(status) => Ok(send(&Message::Known {
            cell: cell.clone(),
            status,
        })?),
        Claim::Taken => Ok(send(&Message::Taken { cell: cell.clone() })?),
        Claim::Mine(attempt) => {
            let trained = claimed(opened, planned, *attempt, told);
            // Before the parent hears that there is room for another cell.
            give_back_memory();
            trained
        }
    }
}

/// Trains a claimed cell and publishes its result.
fn claimed(
    opened: &Opened,
    planned: &PlannedCell,
    attempt: Attempt,
    told: &Told,
) -> anyhow::Result<()> {
    let (assignment, suite) = (&opened.assignment, &opened.suite);
    send(&Message::Began {
        cell: planned.id.clone(),
    })?;
    let term = Duration::from_secs_f64(assignment.lease);
    let _renewing = Renewing::start(attempt.renewal(), term)?;
    let mut keeping = Keeping {
        cell: &planned.id,
        attempt,
        every: Duration::from_secs_f64(assignment.checkpoint),
        last: Instant::now(),
        first: None,
        begun: 0,
        told,
    };
    let trained = isoflop_train::train(&planned.cell, &suite.corpus, &suite.device, &mut keeping);
    let attempt = keeping.attempt;
    let outcome = match trained {
        Ok(outcome) => outcome,
        Err(TrainError::Stopped) => return Ok(()),
        // Another process has the cell, and will publish its end.
        Err(TrainError::Record(_)) if attempt.lost() => return Ok(()),
        // The disk refuses: it is not the cell that failed.
        Err(error @ TrainError::Record(_)) => return Err(error.into()),
        Err(error) => {
            let reason = error.to_string();
            Outcome::unmeasured(if tells_of_memory(&reason) {
                End::OutOfMemory(reason)
            } else {
                End::Failed(reason)
            })
        }
    };
    // As many threads as it had at its end.
    let assignment = Assignment {
        threads: told.threads.load(Ordering::Relaxed),
        ..assignment.clone()
    };
    let result = result_record(&assignment, suite, planned, &attempt, outcome);
    publish(planned, attempt, &result)
}

fn publish(planned: &PlannedCell, attempt: Attempt, result: &RunRecord) -> anyhow::Result<()> {
    match attempt.publish(result) {
        Err(LedgerError::Lost { .. }) => return Ok(()),
        published => published?,
    }
    let end = &result.outcome.end;
    send(&Message::Ended {
        cell: planned.id.clone(),
        status: end.status(),
        reason: end.reason().map(str::to_owned),
        loss: end.scores().map(|scores| scores.loss),
        tries: result.tries,
    })?;
    Ok(())
}

/// Keeps a cell's run in the store, and tells the parent of it.
struct Keeping<'a> {
    cell: &'a CellId,
    attempt: Attempt,
    every: Duration,
    last: Instant,
    /// The first logged step after this process's first ones, and when that was.
    first: Option<(u64, Instant)>,
    /// The step after which this process began.
    begun: u64,
    told: &'a Told,
}

impl Keeping<'_> {
    /// The time of a step, of those that this process has done after its first ones.
    fn seconds_per_step(&mut self, step: u64) -> Option<Seconds> {
        let Some((first, since)) = self.first else {
            if step >= self.begun + FIRST_STEPS {
                self.first = Some((step, Instant::now()));
            }
            return None;
        };
        let steps = step.saturating_sub(first);
        (steps > 0).then(|| since.elapsed().as_secs_f64() / steps as f64)
    }
}

impl Keeper for Keeping<'_> {
    fn checkpoint(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        self.attempt.checkpoint()
    }

    fn begin(&mut self, step: u64, logged: usize) -> std::io::Result<bool> {
        self.begun = step;
        Ok(self.attempt.rewind(step)? == logged)
    }

    fn record(&mut self, step: &Step) -> std::io::Result<()> {
        self.attempt.record(step)?;
        let told = send(&Message::Step {
            cell: self.cell.clone(),
            step: step.step,
            tokens: step.tokens,
            loss: step.loss,
            seconds_per_step: self.seconds_per_step(step.step),
        });
        // Nobody hears this process any more: it stops as if asked to.
        if told.is_err() {
            self.told.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wants_checkpoint(&mut self) -> bool {
        let due = self.last.elapsed() >= self.every;
        if due {
            self.last = Instant::now();
        }
        due
    }

    fn keep(&mut self, checkpoint: &[u8]) -> std::io::Result<()> {
        self.attempt.keep(checkpoint)
    }

    fn stops(&self) -> bool {
        self.told.stop.load(Ordering::Relaxed)
    }

    fn threads(&self) -> usize {
        self.told.threads.load(Ordering::Relaxed)
    }
}

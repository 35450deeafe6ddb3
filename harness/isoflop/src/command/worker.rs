//! `isoflop worker`: claims a cell that nobody trains, trains it, publishes its result, and takes
//! the next. The most expensive cells come first, so that none is left to the end.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use isoflop_ledger::{
    Attempt, CellRecord, Claim, FORMAT, Leases, LedgerError, RunRecord, SuiteFolder,
};
use isoflop_suite::{CellId, Outcome, PlannedCell, Status, Step};
use isoflop_train::{Keeper, TrainError, on_threads, open_device, train};

use crate::children::tell;
use crate::provenance::provenance;
use crate::trust::{Reports, Standing};
use crate::workers::{Event, settle};

use super::fit::positive;
use super::run::{Suite, SuiteArguments};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    #[command(flatten)]
    timing: Timing,
    /// The folder of this suite's results on this device.
    #[arg(long)]
    folder: PathBuf,
    /// Processor threads to use.
    #[arg(long)]
    threads: usize,
    /// How the device stands, as its coordinator found out.
    #[arg(long)]
    standing: Option<Standing>,
    /// Stop, with a checkpoint, when standard input ends or says anything.
    #[arg(long)]
    supervised: bool,
}

/// How often a run's state is kept, and how long a silent process is waited for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Timing {
    /// Seconds after which a process that gives no sign of life loses its cell to another.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = positive)]
    pub lease: f64,
    /// Seconds between checkpoints.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = positive)]
    pub checkpoint: f64,
}

pub fn worker(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(&arguments.suite)?;
    let standing = match &arguments.standing {
        Some(standing) => standing.clone(),
        None => {
            let reports = Reports::new(&arguments.suite.cache());
            let standing = reports.standing(&suite.device, &suite.precisions(), true)?;
            settle(&standing)?;
            standing
        }
    };
    let folder = SuiteFolder::new(&arguments.folder);
    let stop = stop_flag(arguments.supervised)?;
    let mut leases = Leases::new(Duration::from_secs_f64(arguments.timing.lease));
    let worker = Worker {
        suite: &suite,
        standing: &standing,
        arguments,
        stop: &stop,
    };
    let excluded = folder.exclusions(suite.plan.ids())?;
    let mut cells: Vec<&PlannedCell> = suite.plan.cells.iter().collect();
    cells.retain(|planned| excluded.reason(&planned.id).is_none());
    cells.sort_by(|a, b| {
        b.cell
            .cost()
            .total_cmp(&a.cell.cost())
            .then_with(|| a.id.cmp(&b.id))
    });
    // Cells that others train are asked for again: their holders may die.
    while !cells.is_empty() {
        let mut waiting = Vec::new();
        for planned in std::mem::take(&mut cells) {
            if stop.load(Ordering::Relaxed) {
                return Ok(ExitCode::SUCCESS);
            }
            let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
            match folder.claim(&record, &suite.definition.retry, &mut leases)? {
                Claim::Ended(_) => {}
                Claim::Taken => waiting.push(planned),
                Claim::Mine(attempt) => {
                    worker.train(planned, *attempt)?;
                    // It may be one to try again.
                    waiting.push(planned);
                }
            }
        }
        cells = waiting;
        if !cells.is_empty() {
            rest(leases.term().div_f64(10.0).min(LONGEST_REST), &stop);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Between two looks at cells that others train.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Rests, unless told to stop.
fn rest(time: Duration, stop: &AtomicBool) {
    let begin = Instant::now();
    while begin.elapsed() < time && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Set when this process is to stop.
fn stop_flag(supervised: bool) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    if supervised {
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read(&mut [0]);
            stopped.store(true, Ordering::Relaxed);
        });
    } else {
        crate::stopping::on_signals(&stop)?;
    }
    Ok(stop)
}

/// Keeps a cell's run in the store, and tells the coordinator of it.
struct Keeping<'a> {
    cell: &'a CellId,
    attempt: Attempt,
    every: Duration,
    last: Instant,
    stop: &'a AtomicBool,
}

impl Keeper for Keeping<'_> {
    fn checkpoint(&mut self) -> Option<Vec<u8>> {
        self.attempt.checkpoint()
    }

    fn begin(&mut self, step: u64) -> std::io::Result<()> {
        self.attempt.rewind(step)
    }

    fn record(&mut self, step: &Step) -> std::io::Result<()> {
        self.attempt.record(step)?;
        let told = tell(&Event::Step {
            cell: self.cell.clone(),
            tokens: step.tokens,
            loss: step.loss,
            seconds: step.seconds,
        });
        // Nobody reads this worker any more: it stops as if asked to.
        if told.is_err() {
            self.stop.store(true, Ordering::Relaxed);
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
        self.stop.load(Ordering::Relaxed)
    }
}

/// A worker process at its suite.
struct Worker<'a> {
    suite: &'a Suite,
    standing: &'a Standing,
    arguments: &'a Arguments,
    stop: &'a AtomicBool,
}

impl Worker<'_> {
    /// Trains a claimed cell and publishes its result.
    fn train(&self, planned: &PlannedCell, attempt: Attempt) -> anyhow::Result<()> {
        self.tell(&Event::Begin {
            cell: planned.id.clone(),
        });
        let mut keeping = Keeping {
            cell: &planned.id,
            attempt,
            every: Duration::from_secs_f64(self.arguments.timing.checkpoint),
            last: Instant::now(),
            stop: self.stop,
        };
        let threads = self.arguments.threads;
        let trained = on_threads(threads, || {
            let device = open_device(&self.suite.device)?;
            train(&planned.cell, &self.suite.corpus, &device, &mut keeping)
        })?;
        let attempt = keeping.attempt;
        let outcome = match trained {
            Ok(outcome) => outcome,
            Err(TrainError::Stopped) => return Ok(()),
            // Another process has the cell, and will publish its end.
            Err(TrainError::Record(_)) if attempt.lost() => return Ok(()),
            // The disk refuses: it is not the cell that failed.
            Err(error @ TrainError::Record(_)) => return Err(error.into()),
            Err(error) => Outcome::unscored(Status::Failed, error.to_string()),
        };
        let result = result_record(
            self.suite,
            self.standing,
            planned,
            &attempt,
            threads,
            outcome,
        );
        let outcome = result.outcome.clone();
        match attempt.publish(&result) {
            Err(LedgerError::Lost { .. }) => return Ok(()),
            published => published?,
        }
        self.tell(&Event::End {
            cell: planned.id.clone(),
            status: outcome.status,
            reason: outcome.reason,
            loss: outcome.loss,
            tries: result.tries,
        });
        Ok(())
    }

    /// Where nobody reads this worker any more, it stops as if asked to.
    fn tell(&self, event: &Event) {
        if tell(event).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// What is published of an outcome.
pub fn result_record(
    suite: &Suite,
    standing: &Standing,
    planned: &PlannedCell,
    attempt: &Attempt,
    threads: usize,
    outcome: Outcome,
) -> RunRecord {
    let adapter = standing.adapter.as_ref();
    let verdict = standing.verdict(planned.cell.training.precision);
    RunRecord {
        format: FORMAT,
        id: planned.id.clone(),
        attempt: attempt.number(),
        tries: attempt.tries(),
        device: suite.device.to_string(),
        adapter: adapter.map(|adapter| adapter.name.clone()),
        driver: adapter.and_then(|adapter| adapter.driver.clone()),
        device_check: Some(verdict.as_str().to_owned()),
        threads,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bytes_per_token: suite.corpus.facts.bytes_per_token,
        entropy_rate: suite.corpus.entropy_rate,
        outcome,
        steps_sha256: None,
        provenance: Some(provenance(&suite.corpus)),
    }
}

//! `isoflop worker`: claims a cell that nobody trains, trains it, publishes its result, and takes
//! the next. The most expensive cells come first, so that none is left to the end.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_ledger::{Attempt, CellRecord, Claim, FORMAT, RunRecord, SuiteFolder};
use isoflop_suite::{Outcome, PlannedCell, Status, Step};
use isoflop_train::{Corpus, DeviceName, TrainError, adapter, on_threads, open_device, train};

use crate::workers::Event;

use super::run::{Suite, SuiteArguments};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// The folder of this suite's results on this device.
    #[arg(long)]
    folder: PathBuf,
    /// Processor threads to use.
    #[arg(long)]
    threads: usize,
    /// Cells to leave alone.
    #[arg(long, value_delimiter = ',')]
    skip: Vec<String>,
}

pub fn worker(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(&arguments.suite)?;
    let folder = SuiteFolder::new(&arguments.folder);
    let mut cells: Vec<&PlannedCell> = suite.plan.cells.iter().collect();
    cells.sort_by(|a, b| {
        b.cell
            .cost()
            .total_cmp(&a.cell.cost())
            .then_with(|| a.id.cmp(&b.id))
    });
    for planned in cells {
        if arguments.skip.iter().any(|id| id == planned.id.as_str()) {
            continue;
        }
        let record = CellRecord::new(planned.cell.clone(), planned.flops_budget);
        if let Claim::Mine(attempt) = folder.claim(&record)? {
            run_cell(
                planned,
                attempt,
                &suite.corpus,
                &arguments.suite.device,
                arguments.threads,
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run_cell(
    planned: &PlannedCell,
    mut attempt: Attempt,
    corpus: &Corpus,
    device: &DeviceName,
    threads: usize,
) -> anyhow::Result<()> {
    tell(&Event::Begin {
        cell: planned.id.clone(),
    })?;
    let mut record = |step: &Step| {
        attempt.record(step)?;
        tell(&Event::Step {
            cell: planned.id.clone(),
            tokens: step.tokens,
            loss: step.loss,
            seconds: step.seconds,
        })
    };
    let trained = on_threads(threads, || {
        train(&planned.cell, corpus, &open_device(device)?, &mut record)
    })?;
    let outcome = match trained {
        Ok(outcome) => outcome,
        // Nobody reads this worker any more, or the disk refuses: it is not the cell that failed.
        Err(error @ TrainError::Record(_)) => return Err(error.into()),
        Err(error) => Outcome::unscored(Status::Failed, error.to_string()),
    };
    // Of a device that could not be opened there is no adapter to name.
    let adapter = adapter(device).ok().flatten();
    let number = attempt.number();
    let result = result_record(planned, number, corpus, device, adapter, threads, outcome);
    let outcome = result.outcome.clone();
    attempt.publish(&result)?;
    tell(&Event::End {
        cell: planned.id.clone(),
        status: outcome.status,
        reason: outcome.reason,
        loss: outcome.loss,
    })?;
    Ok(())
}

/// What is published of an outcome.
pub fn result_record(
    planned: &PlannedCell,
    attempt: u32,
    corpus: &Corpus,
    device: &DeviceName,
    adapter: Option<String>,
    threads: usize,
    outcome: Outcome,
) -> RunRecord {
    RunRecord {
        format: FORMAT,
        id: planned.id.clone(),
        attempt,
        device: device.to_string(),
        adapter,
        threads,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bytes_per_token: corpus.facts.bytes_per_token,
        entropy_rate: corpus.entropy_rate,
        outcome,
    }
}

fn tell(event: &Event) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, event)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

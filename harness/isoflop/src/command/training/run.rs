//! `isoflop run`: a suite from its definition to its figures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_figure::{Outputs, draw_folder};
use isoflop_fits::{Fitted, fit_suite};
use isoflop_law::Record;
use isoflop_ledger::{SuiteFolder, make_tables};
use isoflop_suite::{CellId, Figure, Seconds, Status};

use crate::command::numbers::positive;
use crate::command::opened::SuiteArguments;
use crate::exit::Exit;
use crate::planning::Suite;
use crate::show::{Labels, advise, count, describe, plots_of, say, scatter, show, show_line};
use crate::training::capacity::threads_each;
use crate::training::children::{Assignment, CHECKPOINT, LEASE};
use crate::training::devices::{Reports, best_device, require_device};
use crate::training::run::{Job, Part, on_signals};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    #[command(flatten)]
    options: RunOptions,
}

/// How to train.
#[derive(Debug, clap::Args)]
pub struct RunOptions {
    /// Worker processes that train at once [default: one per core on a processor, one on a GPU].
    #[arg(long)]
    workers: Option<usize>,
    /// Train on a device that has not passed its check, and do not check it.
    #[arg(long)]
    unchecked: bool,
    /// Train cells too that the machine seems to have too little memory for.
    #[arg(long)]
    pub force: bool,
    /// Where figures go, in SUITE/DEVICE of it [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Seconds after which a process that gives no sign of life loses its cell to another.
    #[arg(long, value_name = "SECONDS", default_value_t = LEASE, value_parser = positive)]
    lease: Seconds,
    /// Seconds between checkpoints.
    #[arg(long, value_name = "SECONDS", default_value_t = CHECKPOINT, value_parser = positive)]
    checkpoint: Seconds,
    /// Print how every cell ended, and the files written, as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (suite, results) = (&arguments.suite, &arguments.results);
    run_again(suite, results, &arguments.options, Vec::new())
}

/// Trains what is not done, and these cells here even where another suite's results have them.
pub fn run_again(
    arguments: &SuiteArguments,
    results: &Path,
    options: &RunOptions,
    again: Vec<CellId>,
) -> anyhow::Result<ExitCode> {
    let suite = arguments.open(best_device)?;
    require_device(&suite.device)?;
    let folder = suite.folder(results);
    let job = Job {
        again,
        ..job(arguments, options, &suite, &folder)?
    };
    on_signals(&job.stop)?;
    let ends = job.train(results, options.force)?;
    if job.stop.load(Ordering::Relaxed) {
        say!("stopped; the same command goes on from the checkpoints");
        return Ok(Exit::NotAllDone.into());
    }
    conclude(&job, &ends, options)
}

/// Makes the tables, fits the laws and draws the figures of what is done.
pub fn conclude(
    job: &Job,
    ends: &HashMap<CellId, Status>,
    options: &RunOptions,
) -> anyhow::Result<ExitCode> {
    let (suite, folder) = (job.suite, job.folder);
    if !ends.values().any(|end| *end == Status::Done) {
        say!("no cell is done, so there is nothing to fit");
        return Ok(Exit::NotAllDone.into());
    }
    let dir = folder.path();
    make_tables(folder, false)?;
    let fitted = fit_suite(&suite.definition, folder)?;
    for refused in &fitted.refused {
        say!("{refused}");
    }
    let plots = plots_of(dir, options.plots.as_deref());
    let asked = match suite.definition.figures.as_slice() {
        [] => &Figure::ALL[..],
        some => some,
    };
    let figures = draw_folder(dir, &Outputs::to(plots.clone()), asked)?;
    if options.json {
        show_line!("{}", as_json(job, ends, &figures)?);
    } else {
        summarize(job, ends, &fitted)?;
        show_line!(
            "\nresults  {}\nfigures  {} ({})",
            dir.display(),
            plots.display(),
            count(figures.len(), "file")
        );
    }
    let all_done =
        ends.len() == suite.plan.cells.len() && ends.values().all(|end| *end == Status::Done);
    Ok(match (all_done, fitted.all_converged()) {
        (false, _) => Exit::NotAllDone.into(),
        (true, false) => Exit::Refused.into(),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// A suite to be trained as these options say.
pub fn job<'a>(
    arguments: &SuiteArguments,
    options: &RunOptions,
    suite: &'a Suite,
    folder: &'a SuiteFolder,
) -> anyhow::Result<Job<'a>> {
    let cache = arguments.cache()?;
    let standing =
        Reports::new(&cache).standing(&suite.device, &suite.precisions(), options.unchecked)?;
    let workers = suite.workers(options.workers, suite.plan.cells.len());
    Ok(Job {
        suite,
        assignment: Assignment {
            threads: threads_each(workers),
            lease: options.lease,
            checkpoint: options.checkpoint,
            ..Assignment::new(suite, &cache, standing, folder.path())
        },
        folder,
        workers,
        stop: Arc::new(AtomicBool::new(false)),
        labels: Labels::of(&suite.plan.cells),
        part: Part::Whole,
        again: Vec::new(),
    })
}

fn as_json(
    job: &Job,
    ends: &HashMap<CellId, Status>,
    figures: &[PathBuf],
) -> serde_json::Result<String> {
    let cells = job.suite.plan.cells.iter().map(|planned| {
        let status = ends.get(&planned.id).map(|status| status.as_str());
        serde_json::json!({ "cell": planned.id, "status": status })
    });
    serde_json::to_string(&serde_json::json!({
        "suite": job.suite.definition.name,
        "device": job.suite.device,
        "cells": cells.collect::<Vec<_>>(),
        "results": job.folder.path(),
        "fits": job.folder.file("fits.json"),
        "figures": figures,
    }))
}

/// What the laws are, how sure they are, and what to train next.
fn summarize(job: &Job, ends: &HashMap<CellId, Status>, fitted: &Fitted) -> anyhow::Result<()> {
    let suite = job.suite;
    let cells = &suite.plan.cells;
    let done = ends.values().filter(|end| **end == Status::Done).count();
    show_line!(
        "{}: {done} of {} done",
        suite.definition.name,
        count(cells.len(), "cell")
    );
    for planned in cells {
        let label = job.labels.label(planned);
        match ends.get(&planned.id) {
            Some(Status::Done) => {}
            Some(status) => show_line!("  {} {label}: {}", planned.id, status.as_str()),
            None => show_line!("  {} {label}: trained by another process", planned.id),
        }
    }
    if fitted.not_asked_for > 0 {
        show_line!(
            "  {} of cells that the definition does not ask for any more: in the tables, and in no law or \
             figure",
            count(fitted.not_asked_for, "run")
        );
    }
    for record in &fitted.fits {
        show!("\n{}", describe(record));
    }
    if let Some(noise) = &fitted.noise {
        show!("\n{}", scatter(noise));
    }
    if let Some(entropy) = suite.corpus.entropy_rate {
        show_line!("\nthe language's exact entropy rate is {entropy:.5} nats per token");
    }
    let trades = |record: &&Record| record.law().is_some_and(|law| law.allocation.is_some());
    if let Some(record) = fitted.fits.iter().find(trades) {
        let most = cells
            .iter()
            .map(|planned| planned.flops.six_n_total)
            .fold(0.0, f64::max);
        show!(
            "\nnext, for ten times the compute of the largest run:\n{}",
            advise(record, 10.0 * most)?
        );
    }
    Ok(())
}

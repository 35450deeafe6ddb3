//! `isoflop run`: a suite from its definition to its figures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_law::Record;
use isoflop_ledger::{Columns, SuiteFolder, file_hash, read_table, write_atomically};
use isoflop_suite::{CellId, Definition, Figure, Seconds, Status};

use crate::Exit;
use crate::coordinator::Coordinator;
use crate::fitting::{Choice, Rows};
use crate::labels::Labels;
use crate::places::plots_of;
use crate::protocol::Assignment;
use crate::show::count;
use crate::stopping::on_signals;
use crate::suite::{CHECKPOINT, LEASE, Suite, SuiteArguments};
use crate::telling::{advise, describe};
use crate::trust::Reports;

use super::fit::positive;
use super::{plot, table};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Worker processes that train at once [default: one per core on a processor, one on a GPU].
    #[arg(long)]
    workers: Option<usize>,
    /// Train on a device that has not passed its check, and do not check it.
    #[arg(long)]
    unchecked: bool,
    /// Train cells too that the machine seems to have too little memory for.
    #[arg(long)]
    force: bool,
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Where figures go, in SUITE/DEVICE of it [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Seconds after which a process that gives no sign of life loses its cell to another.
    #[arg(long, value_name = "SECONDS", default_value_t = LEASE, value_parser = positive)]
    lease: Seconds,
    /// Seconds between checkpoints.
    #[arg(long, value_name = "SECONDS", default_value_t = CHECKPOINT, value_parser = positive)]
    checkpoint: Seconds,
}

impl Arguments {
    /// The definition, and where to train.
    pub fn suite(&self) -> &SuiteArguments {
        &self.suite
    }

    /// Where results are kept.
    pub fn results(&self) -> &Path {
        &self.results
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    run_again(arguments, Vec::new())
}

/// Trains what is not done, and these cells here even where another suite's results have them.
pub fn run_again(arguments: &Arguments, again: Vec<CellId>) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(&arguments.suite)?;
    suite.require_device()?;
    let folder = suite.folder(&arguments.results);
    let coordinator = Coordinator {
        again,
        ..coordinator(arguments, &suite, &folder)?
    };
    on_signals(&coordinator.stop)?;
    let ends = coordinator.train(&arguments.results, arguments.force)?;
    if coordinator.stop.load(Ordering::Relaxed) {
        eprintln!("stopped; the same command goes on from the checkpoints");
        return Ok(Exit::NotAllDone.into());
    }
    if !ends.values().any(|end| *end == Status::Done) {
        eprintln!("no cell is done, so there is nothing to fit");
        return Ok(Exit::NotAllDone.into());
    }
    let dir = folder.path();
    table::make(dir, false)?;
    let fitted = fit_suite(&suite.definition, dir)?;
    let plots = plots_of(dir, arguments.plots.as_deref());
    let asked = match suite.definition.figures.as_slice() {
        [] => &Figure::ALL[..],
        some => some,
    };
    let figures = plot::draw(dir, &plots, asked)?;
    summarize(&coordinator, &ends, &fitted)?;
    println!(
        "\nresults  {}\nfigures  {} ({})",
        dir.display(),
        plots.display(),
        count(figures.len(), "file")
    );
    let all_done =
        ends.len() == suite.plan.cells.len() && ends.values().all(|end| *end == Status::Done);
    Ok(match (all_done, fitted.refused) {
        (false, _) => Exit::NotAllDone.into(),
        (true, 1..) => Exit::Refused.into(),
        (true, 0) => ExitCode::SUCCESS,
    })
}

fn coordinator<'a>(
    arguments: &Arguments,
    suite: &'a Suite,
    folder: &'a SuiteFolder,
) -> anyhow::Result<Coordinator<'a>> {
    let cache = arguments.suite.cache();
    let standing =
        Reports::new(&cache).standing(&suite.device, &suite.precisions(), arguments.unchecked)?;
    let (workers, threads) = suite.workers(arguments.workers);
    Ok(Coordinator {
        suite,
        assignment: Assignment {
            threads,
            lease: arguments.lease,
            checkpoint: arguments.checkpoint,
            ..suite.assignment(&cache, standing, folder.path())
        },
        folder,
        workers,
        stop: Arc::new(AtomicBool::new(false)),
        labels: Labels::of(&suite.plan.cells),
        again: Vec::new(),
    })
}

/// The laws of a suite.
struct Fitted {
    fits: Vec<Record>,
    /// How many these data could not give, or whose search did not converge.
    refused: usize,
    /// Runs of cells that the definition does not ask for any more.
    not_asked_for: usize,
}

/// Fits the definition's laws to the suite's table and writes `fits.json`. A law that these data
/// cannot give is told, and the others are fitted.
fn fit_suite(definition: &Definition, dir: &Path) -> anyhow::Result<Fitted> {
    let path = dir.join("cells.parquet");
    let hash = file_hash(&path)?;
    let columns = Columns::new(read_table(&path)?);
    let rows = Rows::of(&columns, &hash, None)?;
    let planned = columns.words("planned");
    let mut fitted = Fitted {
        fits: Vec::new(),
        refused: 0,
        not_asked_for: planned.iter().filter(|it| *it == "false").count(),
    };
    for wanted in &definition.fits {
        let choice = Choice::of(definition, wanted)?;
        match rows.fit(&choice) {
            Ok(record) => {
                fitted.refused += usize::from(!record.converged());
                fitted.fits.push(record);
            }
            Err(error) => {
                eprintln!("no fit of `{}`: {error:#}", choice.shape);
                fitted.refused += 1;
            }
        }
    }
    let text = serde_json::to_string(&fitted.fits)? + "\n";
    write_atomically(&dir.join("fits.json"), text.as_bytes())?;
    SuiteFolder::new(dir).note_sums(&["fits.json"])?;
    Ok(fitted)
}

/// What the laws are, how sure they are, and what to train next.
fn summarize(
    coordinator: &Coordinator,
    ends: &HashMap<CellId, Status>,
    fitted: &Fitted,
) -> anyhow::Result<()> {
    let suite = coordinator.suite;
    let cells = &suite.plan.cells;
    let done = ends.values().filter(|end| **end == Status::Done).count();
    println!(
        "{}: {done} of {} done",
        suite.definition.name,
        count(cells.len(), "cell")
    );
    for planned in cells {
        let label = coordinator.labels.label(planned);
        match ends.get(&planned.id) {
            Some(Status::Done) => {}
            Some(status) => println!("  {} {label}: {}", planned.id, status.as_str()),
            None => println!("  {} {label}: trained by another process", planned.id),
        }
    }
    if fitted.not_asked_for > 0 {
        println!(
            "  {} of cells that the definition does not ask for any more: in the tables, and in no law or \
             figure",
            count(fitted.not_asked_for, "run")
        );
    }
    for record in &fitted.fits {
        print!("\n{}", describe(record));
    }
    if let Some(entropy) = suite.corpus.entropy_rate {
        println!("\nthe language's exact entropy rate is {entropy:.5} nats per token");
    }
    let trades = |record: &&Record| record.law().is_some_and(|law| law.allocation.is_some());
    if let Some(record) = fitted.fits.iter().find(trades) {
        let most = cells
            .iter()
            .map(|planned| planned.flops.six_n_total)
            .fold(0.0, f64::max);
        print!(
            "\nnext, for ten times the compute of the largest run:\n{}",
            advise(record, 10.0 * most)?
        );
    }
    Ok(())
}

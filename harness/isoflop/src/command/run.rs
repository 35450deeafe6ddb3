//! `isoflop run`: a suite from its definition to its figures.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isoflop_law::Record;
use isoflop_ledger::{Columns, SuiteFolder, file_hash, read_table, write_atomically};
use isoflop_suite::{CellId, Definition, Figure, Plan, Precision, Status};
use isoflop_train::{Corpus, DeviceName, TrainError, default_cache};

use crate::Exit;
use crate::coordinator::Coordinator;
use crate::fitting::{Choice, Rows};
use crate::places::plots_of;
use crate::progress::shape;
use crate::stopping::on_signals;
use crate::telling::{advise, describe};
use crate::trust::Reports;

use super::worker::Timing;
use super::{plot, table};

#[derive(Debug, Clone, clap::Args)]
pub struct SuiteArguments {
    /// The experiment definition.
    pub suite: PathBuf,
    /// Where to train: `flex` is the processor, `wgpu:0` the first GPU, `auto` the best that passes
    /// its check; `isoflop devices` lists them.
    #[arg(long, default_value = "flex")]
    pub device: DeviceChoice,
    /// Where prepared corpora are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl SuiteArguments {
    /// Where prepared corpora and reports of devices are kept.
    pub fn cache(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(default_cache)
    }
}

/// Where to train, as a user says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that passes its check.
    Auto,
    Named(DeviceName),
}

impl FromStr for DeviceChoice {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            name => name.parse().map(DeviceChoice::Named),
        }
    }
}

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
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Where figures go [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    #[command(flatten)]
    timing: Timing,
}

/// A definition with its corpus and its plan.
pub struct Suite {
    pub definition: Definition,
    pub corpus: Corpus,
    pub plan: Plan,
    pub device: DeviceName,
}

impl Suite {
    /// Reads a definition, prepares its corpus and plans its cells.
    ///
    /// # Errors
    /// If the definition is refused, or its corpus cannot be prepared.
    pub fn open(arguments: &SuiteArguments) -> anyhow::Result<Self> {
        let definition = Definition::read(&arguments.suite)?;
        // Known before anything is trained.
        for wanted in &definition.fits {
            Choice::of(wanted)?;
        }
        let folder = arguments.suite.parent().unwrap_or(Path::new("."));
        let cache = arguments.cache();
        let corpus = Corpus::prepare(&definition, folder, &cache)?;
        let plan = Plan::new(&definition, &corpus.facts)?;
        let device = match &arguments.device {
            DeviceChoice::Auto => Reports::new(&cache).best(),
            DeviceChoice::Named(name) => name.clone(),
        };
        Ok(Suite {
            definition,
            corpus,
            plan,
            device,
        })
    }
}

impl Suite {
    /// The precisions its cells train in.
    pub fn precisions(&self) -> Vec<Precision> {
        let cells = self.plan.cells.iter();
        let all: BTreeSet<_> = cells
            .map(|planned| planned.cell.training.precision)
            .collect();
        all.into_iter().collect()
    }

    /// The cell whose id begins so.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn cell(&self, beginning: &str) -> Result<CellId, NoCell> {
        let ids = self.plan.ids();
        let found: Vec<&CellId> = ids
            .filter(|id| id.as_str().starts_with(beginning))
            .collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            some => Err(NoCell {
                beginning: beginning.to_owned(),
                count: some.len(),
            }),
        }
    }
}

/// An id that names no cell, or several.
#[derive(Debug, thiserror::Error)]
#[error(
    "{count} cells of the suite have an id that begins with `{beginning}`; `isoflop plan` lists them"
)]
pub struct NoCell {
    beginning: String,
    count: usize,
}

/// The folder of a suite's results on a device.
pub fn suite_folder(suite: &Suite, results: &Path) -> SuiteFolder {
    let device = suite.device.slug();
    SuiteFolder::new(results.join(&suite.definition.name).join(device))
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
    let suite = Suite::open(&arguments.suite)?;
    let precisions = suite.precisions();
    let reports = Reports::new(&arguments.suite.cache());
    let standing = reports.standing(&suite.device, &precisions, arguments.unchecked)?;
    let folder = suite_folder(&suite, &arguments.results);
    let dir = folder.path().to_owned();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let several = if suite.device.is_processor() {
        threads
    } else {
        1
    };
    let workers = arguments.workers.unwrap_or(several);
    anyhow::ensure!(workers > 0, "--workers is at least 1");
    let coordinator = Coordinator {
        suite: &suite,
        arguments: &arguments.suite,
        folder: &folder,
        standing: &standing,
        workers,
        threads: (threads / workers).max(1),
        timing: arguments.timing,
        stop: Arc::new(AtomicBool::new(false)),
    };
    on_signals(&coordinator.stop)?;
    coordinator.machine()?;
    let ends = coordinator.train()?;
    if coordinator.stop.load(Ordering::Relaxed) {
        eprintln!("stopped; the same command goes on from the checkpoints");
        return Ok(Exit::NotAllDone.into());
    }
    if !ends.values().any(|end| *end == Status::Done) {
        eprintln!("no cell is done, so there is nothing to fit");
        return Ok(Exit::NotAllDone.into());
    }
    table::make(&dir, false)?;
    let fits = fit_suite(&suite.definition, &dir)?;
    let plots = arguments.plots.clone().unwrap_or_else(|| plots_of(&dir));
    let asked = match suite.definition.figures.as_slice() {
        [] => &Figure::ALL[..],
        some => some,
    };
    let figures = plot::draw(&dir, &plots, asked)?;
    summarize(&suite, &ends, &fits, &dir, &plots, figures.len())?;
    let all_done =
        ends.len() == suite.plan.cells.len() && ends.values().all(|end| *end == Status::Done);
    Ok(if all_done {
        ExitCode::SUCCESS
    } else {
        Exit::NotAllDone.into()
    })
}

/// Fits the definition's laws to the suite's table and writes `fits.json`. A law that these data
/// cannot give is told, and the others are fitted.
fn fit_suite(definition: &Definition, dir: &Path) -> anyhow::Result<Vec<Record>> {
    let path = dir.join("cells.parquet");
    let hash = file_hash(&path)?;
    let columns = Columns::new(read_table(&path)?);
    let rows = Rows::of(&columns, &hash, None)?;
    let mut fits = Vec::new();
    for wanted in &definition.fits {
        match Choice::of(wanted)
            .map_err(Into::into)
            .and_then(|choice| rows.fit(&choice))
        {
            Ok(record) => fits.push(record),
            Err(error) => eprintln!("no fit of `{}`: {error:#}", wanted.form),
        }
    }
    let text = serde_json::to_string(&fits)? + "\n";
    write_atomically(&dir.join("fits.json"), text.as_bytes())?;
    SuiteFolder::new(dir).note_sums(&["fits.json"])?;
    Ok(fits)
}

/// What the law is, how sure it is, what to train next, and where the files are.
fn summarize(
    suite: &Suite,
    ends: &HashMap<CellId, Status>,
    fits: &[Record],
    dir: &Path,
    plots: &Path,
    figures: usize,
) -> anyhow::Result<()> {
    let cells = &suite.plan.cells;
    let done = ends.values().filter(|end| **end == Status::Done).count();
    println!(
        "{}: {done} of {} cells done",
        suite.definition.name,
        cells.len()
    );
    for planned in cells {
        match ends.get(&planned.id) {
            Some(Status::Done) => {}
            Some(status) => println!("  {} {}: {}", planned.id, shape(planned), status.as_str()),
            None => println!(
                "  {} {}: trained by another process",
                planned.id,
                shape(planned)
            ),
        }
    }
    for record in fits {
        print!("\n{}", describe(record));
    }
    if let Some(entropy) = suite.corpus.entropy_rate {
        println!("\nthe language's exact entropy rate is {entropy:.5} nats per token");
    }
    let trades = |record: &&Record| record.law().is_some_and(|law| law.allocation.is_some());
    if let Some(record) = fits.iter().find(trades) {
        let most = cells
            .iter()
            .map(|planned| planned.flops.six_n_total)
            .fold(0.0, f64::max);
        print!(
            "\nnext, for ten times the compute of the largest run:\n{}",
            advise(record, 10.0 * most)?
        );
    }
    println!(
        "\nresults  {}\nfigures  {} ({figures} files)",
        dir.display(),
        plots.display()
    );
    Ok(())
}

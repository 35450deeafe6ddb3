//! A suite as commands work with it: a definition with its corpus, its plan, and where it trains.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread;

use isoflop_ledger::SuiteFolder;
use isoflop_suite::{
    Bytes, CellId, Definition, Plan, PlannedCell, Precision, Seconds, process_memory,
};
use isoflop_train::{Corpus, DeviceName, TrainError, default_cache};

use crate::fitting::check_fits;
use crate::probing::list;
use crate::protocol::Assignment;
use crate::trust::{LIMIT, Reports, Standing};

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

/// Seconds after which a process that gives no sign of life loses its cell to another.
pub const LEASE: Seconds = 60.0;
/// Seconds between checkpoints.
pub const CHECKPOINT: Seconds = 60.0;

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
    /// If the definition is refused, its laws could not be fitted, or its corpus cannot be prepared.
    pub fn open(arguments: &SuiteArguments) -> anyhow::Result<Self> {
        let definition = Definition::read(&arguments.suite)?;
        let cache = arguments.cache();
        let device = match &arguments.device {
            DeviceChoice::Auto => Reports::new(&cache).best(),
            DeviceChoice::Named(name) => name.clone(),
        };
        let suite = Suite::new(definition, &cache, device)?;
        // Known before anything is trained.
        check_fits(&suite.definition, &suite.plan)?;
        Ok(suite)
    }

    /// Whether the machine has the device, as a child finds out.
    ///
    /// # Errors
    /// If it has not.
    pub fn require_device(&self) -> Result<(), TrainError> {
        let DeviceName::Adapter(backend, index) = &self.device else {
            return Ok(());
        };
        let refuse = |help: String| {
            Err(TrainError::NoDevice {
                name: self.device.to_string(),
                help,
            })
        };
        match list(backend.as_str(), LIMIT) {
            Ok(found) if found.len() > *index => Ok(()),
            Ok(found) => refuse(format!(
                "{} finds {} adapters here; `flex` is the processor",
                backend.as_str(),
                found.len()
            )),
            Err(trouble) => refuse(trouble),
        }
    }

    /// The suite that a child was told to train.
    ///
    /// # Errors
    /// If its corpus is not there any more.
    pub fn assigned(assignment: &Assignment) -> anyhow::Result<Self> {
        let definition = Definition::parse(&assignment.text, &assignment.file)?;
        Suite::new(definition, &assignment.cache, assignment.device.clone())
    }

    fn new(definition: Definition, cache: &Path, device: DeviceName) -> anyhow::Result<Self> {
        let folder = Path::new(definition.file()).parent();
        let folder = folder.unwrap_or(Path::new("."));
        let corpus = Corpus::prepare(&definition, folder, cache)?;
        let plan = Plan::new(&definition, &corpus.facts)?;
        Ok(Suite {
            definition,
            corpus,
            plan,
            device,
        })
    }

    /// What a child needs to train its cells.
    pub fn assignment(&self, cache: &Path, standing: Standing, folder: &Path) -> Assignment {
        Assignment {
            file: self.definition.file().to_owned(),
            text: self.definition.text().to_owned(),
            device: self.device.clone(),
            standing,
            cache: cache.to_owned(),
            folder: folder.to_owned(),
            threads: thread::available_parallelism().map_or(1, usize::from),
            lease: LEASE,
            checkpoint: CHECKPOINT,
            command: command_line(),
        }
    }

    /// How many workers train at once, and how many threads each has: one for each core on a processor,
    /// where several cells train faster than one with several threads, and one on a GPU.
    pub fn workers(&self, asked: Option<usize>) -> (usize, usize) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let several = if self.device.is_processor() { cores } else { 1 };
        let workers = asked.unwrap_or(several).max(1);
        (workers, (cores / workers).max(1))
    }

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

    /// The folder of its results on its device.
    pub fn folder(&self, results: &Path) -> SuiteFolder {
        SuiteFolder::new(results.join(&self.definition.name).join(self.device.slug()))
    }

    /// Memory that a process holds on the machine while it trains a cell on the processor; on a GPU,
    /// the GPU's memory that the cell takes.
    pub fn memory(&self, planned: &PlannedCell) -> Bytes {
        if self.device.is_processor() {
            let facts = &self.corpus.facts;
            process_memory(facts.train_tokens + facts.validation_tokens) + planned.memory
        } else {
            planned.memory
        }
    }
}

/// The user's command line, with the program by its name wherever it lies.
fn command_line() -> Vec<String> {
    let words = std::env::args().skip(1);
    ["isoflop".to_owned()].into_iter().chain(words).collect()
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

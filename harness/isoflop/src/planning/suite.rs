//! A suite as commands work with it: a definition with its corpus, its plan, and where it trains.

use std::path::Path;

use isoflop_corpus::Corpus;
use isoflop_fits::check_fits;
use isoflop_ledger::SuiteFolder;
use isoflop_suite::{
    Bytes, CellId, Change, Definition, DeviceName, Plan, PlannedCell, process_memory,
    training_memory,
};

use crate::exit::Refusal;

/// A definition with its corpus and its plan.
pub struct Suite {
    pub definition: Definition,
    pub corpus: Corpus,
    pub plan: Plan,
    pub device: DeviceName,
}

impl Suite {
    /// Reads a definition with some settings changed, prepares its corpus and plans its cells.
    ///
    /// # Errors
    /// If the definition is refused, its laws could not be fitted, or its corpus cannot be prepared.
    pub fn open(
        file: &Path,
        changes: &[Change],
        cache: &Path,
        device: DeviceName,
    ) -> anyhow::Result<Self> {
        let definition = Definition::read_changed(file, changes)?;
        let suite = Suite::new(definition, cache, device)?;
        // Known before anything is trained.
        check_fits(&suite.definition, &suite.plan)?;
        Ok(suite)
    }

    /// Prepares a definition's corpus and plans its cells.
    ///
    /// # Errors
    /// If its corpus cannot be prepared.
    pub fn new(definition: Definition, cache: &Path, device: DeviceName) -> anyhow::Result<Self> {
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

    /// The cell whose id begins so.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn cell(&self, beginning: &str) -> Result<CellId, Refusal> {
        let ids = self.plan.ids();
        let found: Vec<&CellId> = ids
            .filter(|id| id.as_str().starts_with(beginning))
            .collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            some => Err(Refusal::usage(format!(
                "{} cells of the suite have an id that begins with `{beginning}`; `isoflop plan` lists \
                 them",
                some.len()
            ))),
        }
    }

    /// The folder of its results on its device.
    pub fn folder(&self, results: &Path) -> SuiteFolder {
        SuiteFolder::new(results.join(&self.definition.name).join(self.device.slug()))
    }

    /// Memory that a process holds on the machine while it trains a cell on the processor; on a GPU,
    /// the GPU's memory that the cell takes.
    pub fn memory(&self, planned: &PlannedCell) -> Bytes {
        let cell = &planned.cell;
        if self.device.is_processor() {
            let parts = [&self.corpus.train, &self.corpus.validation];
            let sets = self.corpus.sets.iter().map(|set| &set.tokens);
            let all = parts.into_iter().chain(sets);
            let mapped: usize = all.map(|part| part.bytes().len()).sum();
            let training = training_memory(&cell.model, cell.sequences_in_cache());
            process_memory(mapped as Bytes) + training
        } else {
            training_memory(&cell.model, cell.training.micro_batch)
        }
    }
}

//! The folder of one suite on one device.

use std::path::{Path, PathBuf};

use isoflop_files::{
    FileError, entries, exists, read_sealed, read_sealed_if_there, read_text, sha256,
};
use isoflop_suite::{CellId, Status, Step};

use crate::attempts::{RESULT, STEPS, attempt_name};
use crate::documents::{Spread, of_loss, spreads};
use crate::record::FORMAT;
use crate::{CellRecord, LedgerError, RunRecord};

/// `results/SUITE/DEVICE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteFolder(PathBuf);

impl SuiteFolder {
    /// The folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SuiteFolder(path.into())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder of a cell's run.
    pub fn run(&self, id: &CellId) -> PathBuf {
        self.0.join("runs").join(id.as_str())
    }

    /// The published result of a cell, if there is one.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn result(&self, id: &CellId) -> Result<Option<RunRecord>, LedgerError> {
        let path = self.run(id).join(RESULT);
        let Some(record) = read_sealed_if_there::<RunRecord>(&path, FORMAT)? else {
            return Ok(None);
        };
        // What a record says of itself decides no path.
        if record.id != *id {
            let message = format!("it is the result of the cell {}", record.id);
            return Err(FileError::damaged(&path, message).into());
        }
        Ok(Some(record))
    }

    /// The published status of a cell, if it has one.
    ///
    /// # Errors
    /// If its result is there and cannot be read.
    pub fn status(&self, id: &CellId) -> Result<Option<Status>, LedgerError> {
        Ok(self.result(id)?.map(|record| record.status()))
    }

    /// The logged steps of a published run. A line that its writer did not finish is not a step.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn steps(&self, record: &RunRecord) -> Result<Vec<Step>, LedgerError> {
        let folder = self.run(&record.id).join(attempt_name(record.attempt));
        let path = folder.join(STEPS);
        let text = read_text(&path)?;
        if let Some(hash) = &record.steps_sha256
            && sha256(&text) != *hash
        {
            let message = "its content is not what was written";
            return Err(FileError::damaged(&path, message).into());
        }
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .enumerate()
            .map(|(i, line)| {
                serde_json::from_str(line).map_err(|error| {
                    FileError::damaged(&path, format!("line {}: {error}", i + 1)).into()
                })
            })
            .collect()
    }

    /// Every run with a published result, in the order of the cells' identities.
    ///
    /// # Errors
    /// If a file cannot be read; it is named.
    pub fn finished(&self) -> Result<Vec<Finished>, LedgerError> {
        let folders = entries(&self.0.join("runs"))?;
        let (excluded, asked) = (self.exclusions([])?, self.asked()?);
        let mut all = Vec::new();
        for folder in folders {
            let path = folder.join("cell.json");
            if !exists(&path)? || !exists(&folder.join(RESULT))? {
                continue;
            }
            let mut cell: CellRecord = read_sealed(&path, FORMAT)?;
            if cell.cell.id() != cell.id || folder != self.run(&cell.id) {
                let message = "the cell is not the one that its id or its folder names";
                return Err(FileError::damaged(&path, message).into());
            }
            if let Some(run) = self.result(&cell.id)? {
                cell.flops_budget = asked.budget(&cell.id, cell.flops_budget);
                all.push(Finished {
                    planned: asked.has(&cell.id),
                    excluded: excluded.reason(&cell.id).map(str::to_owned),
                    spread: None,
                    cell,
                    run,
                });
            }
        }
        for (at, spread) in spreads(&all, of_loss).into_iter().enumerate() {
            all[at].spread = spread;
        }
        Ok(all)
    }
}

/// A run with a published result.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its cell.
    pub cell: CellRecord,
    /// How it ended.
    pub run: RunRecord,
    /// Whether the present definition asks for it.
    pub planned: bool,
    /// Why the user leaves it out, if so.
    pub excluded: Option<String>,
    /// The parts of its loss's standard error, where other runs were scored on the same documents.
    pub spread: Option<Spread>,
}

impl Finished {
    /// How it ended, or that it is left out.
    pub fn status(&self) -> Status {
        match self.excluded {
            Some(_) => Status::Excluded,
            None => self.run.status(),
        }
    }

    /// Why it is not done, or is left out.
    pub fn reason(&self) -> Option<&str> {
        let excluded = self.excluded.as_deref();
        excluded.or_else(|| self.run.outcome.end.reason())
    }
}

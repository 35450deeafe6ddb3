//! The folder of one suite on one device.

use std::path::{Path, PathBuf};

use isoflop_files::{FileError, entries, exists, read_sealed};
use isoflop_suite::{CellId, Status};

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
        let path = self.run(id).join("result.json");
        if !exists(&path)? {
            return Ok(None);
        }
        let record: RunRecord = read_sealed(&path, FORMAT)?;
        // What a record says of itself decides no path.
        if record.id != *id {
            let message = format!("it is the result of the cell {}", record.id);
            return Err(FileError::damaged(&path, message).into());
        }
        Ok(Some(record))
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
            if !exists(&path)? || !exists(&folder.join("result.json"))? {
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
                    cell,
                    run,
                });
            }
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

//! The folder of one suite on one device.

use std::fs;
use std::path::{Path, PathBuf};

use isoflop_files::{FileError, read_sealed};
use isoflop_suite::{CellId, End};

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
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(read_sealed(&path, FORMAT)?))
    }

    /// Every run with a published result, in the order of the cells' identities.
    ///
    /// # Errors
    /// If a file cannot be read; it is named.
    pub fn finished(&self) -> Result<Vec<Finished>, LedgerError> {
        let runs = self.0.join("runs");
        if !runs.is_dir() {
            return Ok(Vec::new());
        }
        let mut folders = Vec::new();
        for entry in fs::read_dir(&runs).map_err(LedgerError::io(&runs))? {
            folders.push(entry.map_err(LedgerError::io(&runs))?.path());
        }
        folders.sort();
        let (excluded, asked) = (self.exclusions([])?, self.asked()?);
        let mut all = Vec::new();
        for folder in folders {
            let path = folder.join("cell.json");
            if !path.exists() || !folder.join("result.json").exists() {
                continue;
            }
            let mut cell: CellRecord = read_sealed(&path, FORMAT)?;
            if cell.cell.id() != cell.id {
                let message = "the cell is not the one its id names";
                return Err(FileError::damaged(&path, message).into());
            }
            if let Some(mut run) = self.result(&cell.id)? {
                if let Some(reason) = excluded.reason(&cell.id) {
                    run.outcome.end = End::Excluded(reason.to_owned());
                }
                cell.flops_budget = asked.budget(&cell.id, cell.flops_budget);
                all.push(Finished {
                    planned: asked.has(&cell.id),
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
}

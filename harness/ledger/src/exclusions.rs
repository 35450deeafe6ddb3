//! Cells that the user leaves out, with a reason each: `excluded.toml` beside the results.

use std::collections::BTreeSet;

use isoflop_files::{FileError, entries, exists, read_text};
use isoflop_suite::CellId;
use serde::Deserialize;

use crate::{LedgerError, SuiteFolder};

/// `excluded.toml`: `[[exclude]]` with `cell`, an id or enough of its beginning, and `reason`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusions {
    exclude: Vec<Exclusion>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclusion {
    cell: String,
    reason: String,
}

impl Exclusions {
    /// Why a cell is left out, if it is.
    pub fn reason(&self, id: &CellId) -> Option<&str> {
        let mut exclusions = self.exclude.iter();
        let found = exclusions.find(|exclusion| id.as_str().starts_with(&exclusion.cell));
        found.map(|exclusion| exclusion.reason.as_str())
    }

    /// Whether each names one cell: one that names none would leave in what was to be left out.
    fn are_of(&self, cells: &BTreeSet<String>) -> Result<(), String> {
        for Exclusion { cell, .. } in &self.exclude {
            let named = cells.iter().filter(|id| id.starts_with(cell)).count();
            if named != 1 {
                return Err(format!(
                    "`{cell}` begins the ids of {named} cells, and each entry is to name one\n  \
                     help: `isoflop status` lists the cells with their ids"
                ));
            }
        }
        Ok(())
    }
}

impl SuiteFolder {
    /// The cells that the user leaves out, of those planned and those that have been run.
    ///
    /// # Errors
    /// If `excluded.toml` is there and cannot be read, or does not say which cells it means.
    pub fn exclusions<'a>(
        &self,
        planned: impl IntoIterator<Item = &'a CellId>,
    ) -> Result<Exclusions, LedgerError> {
        let path = self.file("excluded.toml");
        if !exists(&path)? {
            return Ok(Exclusions::default());
        }
        let text = read_text(&path)?;
        let damaged = |message: String| FileError::damaged(&path, message);
        let exclusions: Exclusions =
            toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let planned = planned.into_iter().map(CellId::to_string);
        let runs = entries(&self.file("runs"))?;
        let names = runs.iter().filter_map(|run| run.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let cells = planned.chain(names).collect();
        exclusions.are_of(&cells).map_err(damaged)?;
        Ok(exclusions)
    }
}

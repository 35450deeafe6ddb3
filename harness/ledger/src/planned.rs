//! `plan.json`: which cells the present definition asks for. Runs of others stay where they are and
//! stand in the tables, and no law, figure or summary uses them.

use std::collections::HashMap;

use isoflop_files::{read_sealed_if_there, sealed, write_atomically};
use isoflop_suite::{CellId, Flops};
use serde::{Deserialize, Serialize};

use crate::record::FORMAT;
use crate::{LedgerError, SuiteFolder};

const NAME: &str = "plan.json";

/// `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Version of this format.
    pub format: u32,
    /// The cells asked for, in the order of the definition.
    pub cells: Vec<AskedFor>,
}

/// A cell that a definition asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedFor {
    /// The cell's identity.
    pub id: CellId,
    /// The compute budget it was made for, if any: the definition's label of the cell.
    pub flops_budget: Option<Flops>,
}

/// The cells asked for, by identity, with their compute budgets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Option<HashMap<CellId, Option<Flops>>>);

impl Asked {
    /// Whether a cell is asked for. Folders without a plan, of before, are asked for as a whole.
    pub fn has(&self, id: &CellId) -> bool {
        self.0.as_ref().is_none_or(|cells| cells.contains_key(id))
    }

    /// A cell's compute budget: the plan's, or else the one that it was trained for.
    pub fn budget(&self, id: &CellId, trained_for: Option<Flops>) -> Option<Flops> {
        let cells = self.0.as_ref();
        cells
            .and_then(|cells| cells.get(id).copied())
            .unwrap_or(trained_for)
    }
}

impl SuiteFolder {
    /// Notes which cells are asked for from now on.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn note_plan(&self, cells: Vec<AskedFor>) -> Result<(), LedgerError> {
        let record = PlanRecord {
            format: FORMAT,
            cells,
        };
        Ok(write_atomically(&self.file(NAME), &sealed(&record))?)
    }

    /// Which cells are asked for.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(crate) fn asked(&self) -> Result<Asked, LedgerError> {
        let record = read_sealed_if_there::<PlanRecord>(&self.file(NAME), FORMAT)?;
        let Some(record) = record else {
            return Ok(Asked(None));
        };
        let cells = record.cells.into_iter();
        Ok(Asked(Some(
            cells.map(|cell| (cell.id, cell.flops_budget)).collect(),
        )))
    }
}

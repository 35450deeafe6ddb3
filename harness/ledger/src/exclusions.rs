//! Cells that the user leaves out, with a reason each: `excluded.toml` beside the results.

use std::fs;

use isoflop_suite::CellId;
use serde::Deserialize;

use crate::{LedgerError, SuiteFolder};

/// `excluded.toml`: `[[exclude]]` with `cell`, an id or enough of its beginning, and `reason`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusions {
    #[serde(default)]
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
        let found = self.exclude.iter().find(|exclusion| {
            !exclusion.cell.is_empty() && id.as_str().starts_with(&exclusion.cell)
        });
        found.map(|exclusion| exclusion.reason.as_str())
    }
}

impl SuiteFolder {
    /// The cells that the user leaves out.
    ///
    /// # Errors
    /// If `excluded.toml` is there and cannot be read.
    pub fn exclusions(&self) -> Result<Exclusions, LedgerError> {
        let path = self.file("excluded.toml");
        if !path.exists() {
            return Ok(Exclusions::default());
        }
        let text = fs::read_to_string(&path).map_err(LedgerError::io(&path))?;
        toml::from_str(&text).map_err(|error| LedgerError::Damaged {
            path,
            message: error.to_string(),
        })
    }
}

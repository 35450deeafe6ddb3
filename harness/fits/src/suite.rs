//! The laws that a suite's definition asks for.

use isoflop_law::Record;
use isoflop_ledger::{Columns, SuiteFolder, names, read_table};
use isoflop_suite::Definition;

use crate::{Asked, FitsError, Noise, fit_together, noise};

/// The laws of a suite.
#[derive(Debug)]
pub struct Fitted {
    /// Those that the data gave, in the order of the definition.
    pub fits: Vec<Record>,
    /// Why the data could not give the others.
    pub refused: Vec<String>,
    /// Runs of cells that the definition does not ask for any more.
    pub not_asked_for: usize,
    /// How noisy the losses are, where cells have replicates.
    pub noise: Option<Noise>,
}

impl Fitted {
    /// Whether there is a minimum of every law asked for.
    pub fn all_converged(&self) -> bool {
        self.refused.is_empty() && self.fits.iter().all(Record::converged)
    }
}

/// Fits the definition's laws to the suite's table and writes `fits.json`. A law that these data cannot
/// give does not keep the others back.
///
/// # Errors
/// If the table is not there, or the disk refuses.
pub fn fit_suite(definition: &Definition, folder: &SuiteFolder) -> Result<Fitted, FitsError> {
    let table = read_table(&folder.file("cells.parquet"))?;
    let columns = Columns::new(table.frame);
    let planned = columns.words(names::PLANNED);
    let mut fitted = Fitted {
        fits: Vec::new(),
        refused: Vec::new(),
        noise: noise(&columns)?,
        not_asked_for: planned.iter().filter(|it| *it == "false").count(),
    };
    for wanted in &definition.fits {
        let asked = Asked::of(definition, wanted)?;
        let parts = asked.rows(&columns, &table.sha256)?;
        if !asked.shared.is_empty() {
            match fit_together(&parts, &asked.choice, &asked.shared) {
                Ok(records) => fitted.fits.extend(records),
                Err(error) => fitted.refused.push(refused(&asked, None, &error)),
            }
            continue;
        }
        for rows in parts {
            match rows.fit(&asked.choice) {
                Ok(record) => fitted.fits.push(record),
                Err(error) => fitted
                    .refused
                    .push(refused(&asked, rows.by.as_ref(), &error)),
            }
        }
    }
    let text = serde_json::to_string(&fitted.fits).expect("fits are plain data") + "\n";
    folder.write_noted(&[("fits.json", text.as_bytes())])?;
    Ok(fitted)
}

fn refused(asked: &Asked, of: Option<&[String; 2]>, error: &FitsError) -> String {
    let of = of.map_or_else(String::new, |[column, value]| {
        format!(" of {column} = {value}")
    });
    format!("no fit of `{}`{of}: {error}", asked.choice.shape)
}

//! Results of several folders as those of one: of two clusters, or two people.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use isoflop_suite::{CellId, Nats, Status, Step};

use crate::documents::{of_loss, spreads};
use crate::folder::Finished;
use crate::tables::write_tables;
use crate::{LedgerError, SuiteFolder};

/// The tables of several folders, and what these did not agree on.
#[derive(Debug)]
pub struct Joined {
    /// The files written.
    pub written: Vec<PathBuf>,
    /// Rows of them.
    pub runs: usize,
    /// Runs that another folder has as well, with the same loss.
    pub copies: usize,
    /// Cells that a device trained to other losses in other folders.
    pub conflicts: Vec<Conflict>,
}

/// A cell that a device trained to two losses.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The cell.
    pub cell: CellId,
    /// The device.
    pub device: String,
    /// The folder whose loss stands in the table, and the loss.
    pub stands: (PathBuf, Option<Nats>),
    /// The folder whose loss was left out, and the loss.
    pub left_out: (PathBuf, Option<Nats>),
}

/// Writes the tables of several folders' runs into one more, a row for each cell and device. Of a cell that is done in
/// several folders the first one's run stands, and one that is done before one that is not.
///
/// # Errors
/// If a run cannot be read, none has a result, or the disk refuses.
pub fn join_tables(folders: &[&Path], to: &Path, csv: bool) -> Result<Joined, LedgerError> {
    let mut kept: Vec<(Finished, Vec<Step>, &Path)> = Vec::new();
    let mut at: HashMap<(CellId, String), usize> = HashMap::new();
    let (mut copies, mut conflicts) = (0, Vec::new());
    for path in folders {
        let folder = SuiteFolder::new(path);
        for run in folder.finished()? {
            let steps = folder.steps(&run.run)?;
            match at.entry((run.cell.id.clone(), run.run.device.clone())) {
                Entry::Vacant(entry) => {
                    entry.insert(kept.len());
                    kept.push((run, steps, path));
                }
                Entry::Occupied(entry) => {
                    let (first, _, from) = &kept[*entry.get()];
                    let done = |it: &Finished| it.status() == Status::Done;
                    match (done(first), done(&run)) {
                        // What somebody leaves out stays so.
                        (false, true) if first.excluded.is_none() => {
                            kept[*entry.get()] = (run, steps, path)
                        }
                        (true, true) if loss(first) != loss(&run) => conflicts.push(Conflict {
                            cell: run.cell.id.clone(),
                            device: run.run.device.clone(),
                            stands: (from.to_path_buf(), loss(first)),
                            left_out: (path.to_path_buf(), loss(&run)),
                        }),
                        _ => copies += 1,
                    }
                }
            }
        }
    }
    if kept.is_empty() {
        return Err(LedgerError::NoRuns {
            path: folders
                .first()
                .map_or_else(PathBuf::new, |it| it.to_path_buf()),
        });
    }
    let (mut runs, mut steps) = (Vec::new(), Vec::new());
    for (run, logged, _) in kept {
        runs.push(run);
        steps.push(logged);
    }
    // What is common to all losses is that of the cells that stand here together.
    for (at, spread) in spreads(&runs, of_loss).into_iter().enumerate() {
        runs[at].spread = spread;
    }
    let rows = runs.len();
    let written = write_tables(
        &SuiteFolder::new(to),
        runs.into_iter().zip(steps).collect(),
        csv,
    )?;
    Ok(Joined {
        written,
        runs: rows,
        copies,
        conflicts,
    })
}

fn loss(run: &Finished) -> Option<Nats> {
    run.run.outcome.end.scores().map(|scores| scores.loss)
}

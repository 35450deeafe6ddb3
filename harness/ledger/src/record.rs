//! What goes to disk. These types are the file format; a change of theirs is a new `FORMAT`.

use isoflop_suite::{Cell, CellId, Flops, Nats, Outcome};
use serde::{Deserialize, Serialize};

/// Version of `cell.json`, `result.json` and `machine.json`.
pub const FORMAT: u32 = 1;

/// `cell.json`: the resolved cell of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Version of this format.
    pub format: u32,
    /// The cell's identity.
    pub id: CellId,
    /// The compute budget it was made for, if any. It labels the cell's slice and decides nothing.
    pub flops_budget: Option<Flops>,
    /// The cell.
    pub cell: Cell,
}

impl CellRecord {
    /// The record of a cell.
    pub fn new(cell: Cell, flops_budget: Option<Flops>) -> Self {
        CellRecord {
            format: FORMAT,
            id: cell.id(),
            flops_budget,
            cell,
        }
    }
}

/// `result.json`: how a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this format.
    pub format: u32,
    /// The cell's identity.
    pub id: CellId,
    /// The attempt that published it.
    pub attempt: u32,
    /// The device's name.
    pub device: String,
    /// Its adapter, as the driver names it; the processor has none.
    pub adapter: Option<String>,
    /// Threads the run could use, on a CPU.
    pub threads: usize,
    /// This program's version.
    pub version: String,
    /// Bytes of text per token.
    pub bytes_per_token: f64,
    /// The corpus's exact entropy rate, where it is known.
    pub entropy_rate: Option<Nats>,
    /// What it measured.
    pub outcome: Outcome,
}

/// `machine.json`: where the results of a folder were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineRecord {
    /// Version of this format.
    pub format: u32,
    /// Operating system and architecture.
    pub system: String,
    /// The processor, where the system tells.
    pub processor: Option<String>,
    /// Hardware threads.
    pub threads: usize,
    /// The device's name.
    pub device: String,
    /// Worker processes that shared it.
    pub workers: usize,
    /// This program's version.
    pub version: String,
}

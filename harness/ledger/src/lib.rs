//! What has happened: the durable store of runs, and the tables made from it.
//!
//! The truth is a folder per run, written by one process; tables are views made from the folders
//! and can always be rebuilt. Nothing is ever edited in place.
//!
//! ```text
//! results/SUITE/DEVICE/
//!   runs/CELL-ID/
//!     cell.json               the resolved cell
//!     lock                    held by the process that trains the cell
//!     attempt-0001/
//!       steps.jsonl           appended as it trains
//!     result.json             published once
//!   plan.json                 the cells that the present definition asks for
//!   cells.parquet  curves.parquet  fits.json  machine.json
//! ```

mod attempt;
mod attempts;
mod claim;
mod columns;
mod comparison;
mod documents;
mod error;
mod exclusions;
mod folder;
mod joined;
mod lease;
pub mod limits;
mod outcome;
mod planned;
mod reading;
mod record;
mod schema;
mod sums;
mod tables;

pub use attempt::Attempt;
pub use claim::{Claim, UnderWay};
pub use columns::Columns;
pub use comparison::{Comparison, Estimate, Pace, pace_table};
pub use documents::Spread;
pub use error::LedgerError;
pub use exclusions::Exclusions;
pub use folder::{Finished, SuiteFolder};
pub use joined::{Conflict, Joined, join_tables};
pub use lease::{Leases, Renewal};
pub use planned::AskedFor;
pub use reading::{Table, read_table};
pub use record::{CellRecord, FORMAT, MachineRecord, RunProvenance, RunRecord};
pub use schema::{CellColumn, cell_columns, names};
pub use sums::read_json;
pub use tables::{cells_table, csv, json_lines, make_tables, parquet, planned_table, write_csv};

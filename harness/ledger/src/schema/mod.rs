//! The columns of `cells.parquet`: each is declared once, with its unit, its meaning, and where it is
//! read from.

mod counts;
mod identity;
mod made_by;
mod measurements;
mod sets;
mod settings;

pub use sets::set_columns;

use polars::prelude::Series;

use crate::Finished;

/// A column of `cells.parquet`.
#[derive(Debug, Clone, Copy)]
pub struct CellColumn {
    /// Its name.
    pub name: &'static str,
    /// Its unit; empty for words and plain counts.
    pub unit: &'static str,
    /// What it holds.
    pub meaning: &'static str,
    /// Its values.
    pub(crate) series: fn(&[Finished]) -> Series,
}

/// Declares a column: name, unit, meaning, and a run's value.
macro_rules! column {
    ($name:expr, $unit:literal, $meaning:literal, $of:expr) => {
        CellColumn {
            name: $name,
            unit: $unit,
            meaning: $meaning,
            series: |runs| {
                fn values<T>(
                    runs: &[crate::Finished],
                    of: impl Fn(&crate::Finished) -> T,
                ) -> Vec<T> {
                    runs.iter().map(of).collect()
                }
                <polars::prelude::Series as polars::prelude::NamedFrom<_, _>>::new(
                    $name.into(),
                    values(runs, $of),
                )
            },
        }
    };
}
use column;

/// Columns that others read, by name.
pub mod names {
    /// Id of the cell: a hash of all that decides its result.
    pub const CELL: &str = "cell";
    /// Whether the present definition asks for the cell.
    pub const PLANNED: &str = "planned";
    /// Done, diverged, out-of-memory, failed or excluded.
    pub const STATUS: &str = "status";
    /// Tokens trained on: D.
    pub const TOKENS: &str = "tokens";
    /// All parameters: N.
    pub const PARAMS_TOTAL: &str = "params_total";
    /// 6ND over all parameters: C.
    pub const FLOPS_6N_TOTAL: &str = "flops_6n_total";
    /// Compute budget that the cell was made for.
    pub const FLOPS_BUDGET: &str = "flops_budget";
    /// Mean loss over held-out tokens.
    pub const LOSS: &str = "loss";
    /// Standard error of the loss, between documents.
    pub const LOSS_SE: &str = "loss_se";
    /// The part of it that all cells scored on the same documents share.
    pub const LOSS_SE_COMMON: &str = "loss_se_common";
    /// The part of it that is the cell's own.
    pub const LOSS_SE_OWN: &str = "loss_se_own";
    /// Loss of the exact language on the tokens scored.
    pub const ORACLE_LOSS: &str = "oracle_loss";
    /// The language's exact entropy rate, where it is known.
    pub const ENTROPY_RATE: &str = "entropy_rate";
}

/// Every column, in the table's order.
pub fn cell_columns() -> impl Iterator<Item = &'static CellColumn> {
    let groups = [
        identity::COLUMNS,
        settings::COLUMNS,
        counts::COLUMNS,
        measurements::COLUMNS,
        made_by::COLUMNS,
    ];
    groups.into_iter().flatten()
}

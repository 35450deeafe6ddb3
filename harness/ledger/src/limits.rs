//! How large a table may be, and which losses are believed. A table of runs has some thousand rows; one
//! beyond these limits is not what its user meant, or is meant to take all memory.

use std::ops::RangeInclusive;

/// Bytes of a table's file.
pub const BYTES: u64 = 1 << 30;
/// Rows of a table.
pub const ROWS: usize = 10_000_000;
/// Columns of a table.
pub const COLUMNS: usize = 10_000;
/// Bytes that the columns of a Parquet file may unfold to.
pub const UNFOLDED: u64 = 8 << 30;

/// Losses that are believed, in nats. No model of anything has others.
pub const LOSSES: RangeInclusive<f64> = 1e-9..=1e9;

/// Why a table of this size is not read.
pub(crate) fn refuse_size(rows: usize, columns: usize) -> Result<(), String> {
    if rows > ROWS {
        return Err(format!("it has {rows} rows, and at most {ROWS} are read"));
    }
    if columns > COLUMNS {
        return Err(format!(
            "it has {columns} columns, and at most {COLUMNS} are read"
        ));
    }
    Ok(())
}

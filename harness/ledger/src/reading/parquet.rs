//! Parquet, as far as it is read.

use std::io::Cursor;

use polars::prelude::{ArrowDataType, ArrowField, DataFrame, ParquetReader, SerReader};

use crate::limits::{UNFOLDED, refuse_size};

/// Polars 0.55 panics on some damaged files, and takes the memory that a false number of rows asks for.
/// Columns of dates, lists and whatever else is no number and no word are left out.
pub fn read(bytes: Vec<u8>, notes: &mut Vec<String>) -> Result<DataFrame, String> {
    let read = std::panic::catch_unwind(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let facts = reader.get_metadata().map_err(|error| error.to_string())?;
        let groups = || facts.row_groups.iter();
        refuse_size(facts.num_rows, facts.schema_descr.columns().len())?;
        let rows = groups().try_fold(0usize, |sum, group| sum.checked_add(group.num_rows()));
        if rows != Some(facts.num_rows) {
            return Err("it is damaged: its parts have other rows than it says".to_owned());
        }
        let unfolded = groups().map(|group| group.total_byte_size() as u64);
        if unfolded.fold(0, u64::saturating_add) > UNFOLDED {
            return Err(format!(
                "it unfolds to more than {UNFOLDED} bytes, and no more are read"
            ));
        }
        let schema = reader.schema().map_err(|error| error.to_string())?;
        let (kept, left_out): (Vec<_>, Vec<_>) = schema
            .iter_values()
            .partition(|field| is_read(&field.dtype));
        let names = |fields: Vec<&ArrowField>| -> Vec<String> {
            fields.iter().map(|field| field.name.to_string()).collect()
        };
        let left_out = names(left_out);
        let reader = reader.with_columns(Some(names(kept)));
        let read = reader.finish().map_err(|error| error.to_string())?;
        Ok((read, left_out))
    });
    let read = read.map(|read| {
        let (read, left_out) = read?;
        if !left_out.is_empty() {
            notes.push(format!(
                "left out columns that hold neither numbers nor words: {}",
                left_out.join(", ")
            ));
        }
        Ok(read)
    });
    read.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!(
            "Polars could not read it: {}",
            said.unwrap_or("it is damaged")
        ))
    })
}

/// Numbers, words and what is one or the other of two.
fn is_read(kind: &ArrowDataType) -> bool {
    use ArrowDataType::{
        Boolean, Decimal, Decimal32, Decimal64, Float16, Float32, Float64, Int8, Int16, Int32,
        Int64, LargeUtf8, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    let whole = matches!(
        kind,
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
    );
    let broken = matches!(
        kind,
        Float16 | Float32 | Float64 | Decimal(..) | Decimal32(..) | Decimal64(..)
    );
    whole || broken || matches!(kind, Utf8 | LargeUtf8 | Utf8View)
}

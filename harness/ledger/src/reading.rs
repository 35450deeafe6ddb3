//! Tables from anywhere.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

use isoflop_files::{Kind, disk, sha256};
use polars::prelude::{
    Column, CsvReadOptions, DataFrame, NamedFrom, ParquetReader, SerReader, Series,
};
use serde_json::{Map, Value};

use crate::LedgerError;
use crate::limits::{BYTES, COLUMNS, UNFOLDED, refuse_size};
use crate::sums::read_checked;

/// A table that was read.
#[derive(Debug)]
pub struct Table {
    /// Its columns.
    pub frame: DataFrame,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// Reads a table by its file's ending: `.parquet`, `.jsonl` or `.ndjson` (a row per line), `.json` (an
/// array of rows), anything else as CSV.
///
/// # Errors
/// If the file cannot be read as such, or is larger than a table may be.
pub fn read_table(path: &Path) -> Result<Table, LedgerError> {
    if let Ok(Kind::File(bytes)) = disk().kind(path)
        && bytes > BYTES
    {
        let message = format!("it has {bytes} bytes, and at most {BYTES} are read");
        return Err(LedgerError::table(path)(message));
    }
    let bytes = read_checked(path)?;
    let sha256 = sha256(&bytes);
    let frame = frame(path, bytes)?;
    Ok(Table { frame, sha256 })
}

fn frame(path: &Path, bytes: Vec<u8>) -> Result<DataFrame, LedgerError> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("parquet") => parquet(bytes).map_err(LedgerError::table(path)),
        Some("jsonl" | "ndjson") => {
            let rows = serde_json::Deserializer::from_slice(&bytes).into_iter();
            let rows: Result<Vec<_>, _> = rows.collect();
            from_rows(rows.map_err(LedgerError::table(path))?).map_err(LedgerError::table(path))
        }
        Some("json") => {
            let rows = serde_json::from_slice(&bytes).map_err(LedgerError::table(path))?;
            from_rows(rows).map_err(LedgerError::table(path))
        }
        _ => csv(&bytes).map_err(LedgerError::table(path)),
    }
}

/// Polars 0.55 panics on some damaged files, and takes the memory that a false number of rows asks for.
fn parquet(bytes: Vec<u8>) -> Result<DataFrame, String> {
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
        reader.finish().map_err(|error| error.to_string())
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

/// Polars takes a column of whole numbers for 64-bit integers and refuses it where one is larger, as
/// FLOPs written out are. Everything is words then, and numbers are made of those asked for.
fn csv(bytes: &[u8]) -> Result<DataFrame, String> {
    if bytes[..bytes.len().min(4096)].contains(&0) {
        return Err("it is no text: it holds zero bytes".to_owned());
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let headings = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let commas = headings.iter().filter(|byte| **byte == b',').count();
    refuse_size(lines, commas)?;
    let options = |length: Option<usize>| {
        let options = CsvReadOptions::default().with_infer_schema_length(length);
        options.into_reader_with_file_handle(Cursor::new(bytes))
    };
    let read = options(None).finish();
    read.or_else(|error| options(Some(0)).finish().map_err(|_| error.to_string()))
}

/// A table of JSON rows, in the order in which their names first come. Polars 0.55 panics on whole
/// numbers beyond 64 bits, so rows are read here.
fn from_rows(rows: Vec<Map<String, Value>>) -> Result<DataFrame, String> {
    let (mut names, mut seen): (Vec<&String>, HashSet<&String>) = Default::default();
    for name in rows.iter().flat_map(Map::keys) {
        if names.len() <= COLUMNS && seen.insert(name) {
            names.push(name);
        }
    }
    refuse_size(rows.len(), names.len())?;
    let columns = names.iter().map(|name| {
        let values: Vec<Option<&Value>> = rows
            .iter()
            .map(|row| row.get(*name).filter(|value| !value.is_null()))
            .collect();
        Column::from(series(name, &values))
    });
    DataFrame::new(rows.len(), columns.collect()).map_err(|error| error.to_string())
}

/// Numbers where all values are, words otherwise.
fn series(name: &str, values: &[Option<&Value>]) -> Series {
    if values.iter().flatten().all(|value| value.is_number()) {
        let numbers: Vec<Option<f64>> = values.iter().map(|value| (*value)?.as_f64()).collect();
        return Series::new(name.into(), numbers);
    }
    let word = |value: &Value| match value {
        Value::String(word) => word.clone(),
        other => other.to_string(),
    };
    let words: Vec<Option<String>> = values.iter().map(|value| value.map(word)).collect();
    Series::new(name.into(), words)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Columns;

    fn read(name: &str, text: &str) -> Result<Columns, LedgerError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read_table(&path).map(|table| Columns::new(table.frame))
    }

    #[test]
    fn numbers_beyond_64_bits_are_read() {
        let large = "600000000000000000000000";
        let csv = format!("flops,name\n{large},a\n7,b\n");
        let lines =
            format!("{{\"flops\": {large}, \"name\": \"a\"}}\n{{\"name\": \"b\", \"flops\": 7}}\n");
        for (file, text) in [("runs.csv", &csv), ("runs.jsonl", &lines)] {
            let columns = read(file, text).unwrap();
            assert_eq!(columns.numbers("flops").unwrap(), [Some(6e23), Some(7.0)]);
            assert_eq!(columns.words("name"), ["a", "b"]);
        }
    }

    #[test]
    fn missing_and_mixed_values() {
        let columns = read(
            "runs.json",
            "[{\"n\": 1, \"d\": \"x\"}, {\"d\": 2, \"n\": null}]",
        )
        .unwrap();
        assert_eq!(columns.numbers("n").unwrap(), [Some(1.0), None]);
        assert_eq!(columns.words("d"), ["x", "2"]);
    }

    /// A Parquet file of one column, of as many rows.
    fn written(rows: usize) -> Vec<u8> {
        let column = Column::from(Series::new("n".into(), vec![7u32; rows]));
        crate::parquet(&mut DataFrame::new(rows, vec![column]).unwrap()).unwrap()
    }

    /// As Thrift writes a number.
    fn varint(number: i64) -> Vec<u8> {
        let mut left = ((number << 1) ^ (number >> 63)) as u64;
        let mut bytes = Vec::new();
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    /// The file with another number of rows in its foot.
    fn with_false_rows(mut bytes: Vec<u8>, rows: i64, said: i64) -> Vec<u8> {
        let end = bytes.len() - 8;
        let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
        let (old, new) = (varint(rows), varint(said));
        let foot = &bytes[end - length..end];
        let at = foot.windows(old.len()).position(|it| it == old).unwrap() + end - length;
        bytes.splice(at..at + old.len(), new.iter().copied());
        let end = end + new.len() - old.len();
        let length = (length + new.len() - old.len()) as u32;
        bytes.splice(end..end + 4, length.to_le_bytes());
        bytes
    }

    fn refused(bytes: Vec<u8>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.parquet");
        fs::write(&path, bytes).unwrap();
        read_table(&path).unwrap_err().to_string()
    }

    #[test]
    fn rows_that_are_not_there_take_no_memory() {
        let rows = 12_345;
        let bytes = written(rows);
        let false_rows = with_false_rows(bytes.clone(), rows as i64, 1 << 42);
        assert!(refused(false_rows).contains("4398046511104 rows"));
        let false_rows = with_false_rows(bytes, rows as i64, 12_346);
        assert!(refused(false_rows).contains("other rows than it says"));
    }

    #[test]
    fn a_small_file_of_many_rows_is_not_unfolded() {
        let bytes = written(crate::limits::ROWS + 1);
        assert!(bytes.len() < 1_000_000, "{}", bytes.len());
        assert!(refused(bytes).contains("10000001 rows"));
    }

    #[test]
    fn wide_and_binary_files_are_refused() {
        let wide = vec!["a"; 20_000].join(",");
        let error = read("runs.csv", &format!("{wide}\n")).unwrap_err();
        assert!(error.to_string().contains("columns"), "{error}");
        let keys: Vec<String> = (0..20_000).map(|at| format!("\"k{at}\": 1")).collect();
        let error = read("runs.json", &format!("[{{{}}}]", keys.join(","))).unwrap_err();
        assert!(error.to_string().contains("columns"), "{error}");
        let error = read("runs.csv", &"\0".repeat(10_000)).unwrap_err();
        assert!(error.to_string().contains("no text"), "{error}");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (file, text) in [
            ("runs.jsonl", "{\"n\": 1}\n[2]\n"),
            ("runs.json", "{\"n\": 1}"),
            ("runs.parquet", "no"),
        ] {
            assert!(read(file, text).is_err(), "{file}");
        }
    }
}

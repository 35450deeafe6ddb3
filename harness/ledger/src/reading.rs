//! Tables from anywhere.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{
    Column, CsvReadOptions, DataFrame, NamedFrom, ParquetReader, PolarsResult, SerReader, Series,
};
use serde_json::{Map, Value};

use crate::LedgerError;
use crate::sums::read_checked;

/// Reads a table by its file's ending: `.parquet`, `.jsonl` or `.ndjson` (a row per line), `.json` (an
/// array of rows), anything else as CSV.
///
/// # Errors
/// If the file cannot be read as such.
pub fn read_table(path: &Path) -> Result<DataFrame, LedgerError> {
    let bytes = read_checked(path)?;
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

/// Polars 0.55 panics on some damaged files.
fn parquet(bytes: Vec<u8>) -> Result<DataFrame, String> {
    let read = std::panic::catch_unwind(|| ParquetReader::new(Cursor::new(bytes)).finish());
    match read {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

/// Polars takes a column of whole numbers for 64-bit integers and refuses it where one is larger, as
/// FLOPs written out are. Everything is words then, and numbers are made of those asked for.
fn csv(bytes: &[u8]) -> PolarsResult<DataFrame> {
    let options = |length: Option<usize>| {
        let options = CsvReadOptions::default().with_infer_schema_length(length);
        options.into_reader_with_file_handle(Cursor::new(bytes))
    };
    options(None)
        .finish()
        .or_else(|error| options(Some(0)).finish().map_err(|_| error))
}

/// A table of JSON rows, in the order in which their names first come. Polars 0.55 panics on whole
/// numbers beyond 64 bits, so rows are read here.
fn from_rows(rows: Vec<Map<String, Value>>) -> PolarsResult<DataFrame> {
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let columns = names.iter().map(|name| {
        let values: Vec<Option<&Value>> = rows
            .iter()
            .map(|row| row.get(*name).filter(|value| !value.is_null()))
            .collect();
        Column::from(series(name, &values))
    });
    DataFrame::new(rows.len(), columns.collect())
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
        read_table(&path).map(Columns::new)
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

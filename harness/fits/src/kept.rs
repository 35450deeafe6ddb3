//! `fits.json`: the fits that are kept of a table.

use std::path::Path;

use isoflop_files::exists;
use isoflop_law::Record;
use serde_json::Value;

use crate::FitsError;

/// The fits of a folder of results.
///
/// # Errors
/// If `fits.json` is there and cannot be read.
pub fn read_fits(path: &Path) -> Result<Vec<Record>, FitsError> {
    if !exists(path)? {
        return Ok(Vec::new());
    }
    match read_any(path) {
        // A suite may ask for no law.
        Err(FitsError::NoFit(_)) => Ok(Vec::new()),
        read => read,
    }
}

/// The column and the value whose rows a record is of, of a fit per value, and what it predicts, of a fit per column.
fn by(record: &Record) -> (Option<&[String; 2]>, Option<&String>) {
    match record {
        Record::Law(record) => (record.by.as_ref(), record.target.as_ref()),
        Record::Isoflop(record) => (record.by.as_ref(), record.target.as_ref()),
    }
}

/// For each value of the column that fits were made by, and each column that they predict, in their order, the first that
/// suits, or else the first: several forms may have been fitted to the same rows.
pub fn each_value(
    records: &[Record],
    suits: impl Fn(&Record) -> bool,
) -> Vec<(Option<&[String; 2]>, &Record)> {
    let mut found: Vec<&Record> = Vec::new();
    for record in records {
        match found.iter_mut().find(|known| by(known) == by(record)) {
            Some(first) if !suits(first) && suits(record) => *first = record,
            Some(_) => {}
            None => found.push(record),
        }
    }
    found.into_iter().map(|it| (by(it).0, it)).collect()
}

/// The fits of a `fits.json`, or the one that `isoflop fit --json` printed.
///
/// # Errors
/// If the file is not there, or holds anything else.
pub fn read_any(path: &Path) -> Result<Vec<Record>, FitsError> {
    if !exists(path)? {
        return Err(FitsError::NoFile(path.to_owned()));
    }
    let values = match isoflop_ledger::read_json::<Value>(path)? {
        Value::Array(values) => values,
        one => vec![one],
    };
    if values.is_empty() {
        return Err(FitsError::NoFit(path.to_owned()));
    }
    let records = values.into_iter().enumerate().map(|(at, value)| {
        read_record(value).map_err(|problem| FitsError::unreadable(path, at + 1, problem))
    });
    records.collect()
}

/// Reads one entry. A fit of a newer version, whose numbers may mean something else, is refused.
fn read_record(value: Value) -> Result<Record, String> {
    let format = value.get("format").and_then(Value::as_u64);
    match format {
        None => return Err("it is no fit: it has no `format`".to_owned()),
        Some(1) => {}
        Some(other) => {
            return Err(format!(
                "it has format {other}, and this version of isoflop reads 1"
            ));
        }
    }
    // Told apart by the form, so that an error is that of the kind it is.
    let read = if value.get("form").and_then(Value::as_str) == Some("isoflop") {
        serde_json::from_value(value).map(Record::Isoflop)
    } else {
        serde_json::from_value(value).map(Record::Law)
    };
    read.map_err(|error| error.to_string())
}

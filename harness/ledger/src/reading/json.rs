//! Tables in JSON, in the shapes that programs write them.

use std::collections::HashSet;

use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use serde_json::{Map, Value};

use crate::limits::{COLUMNS, refuse_size};

type Row = Map<String, Value>;

/// What is understood, for a message.
const SHAPES: &str = "it is JSON of an unknown shape: an array of rows, rows in lines, an object that holds \
                      one such array, or one of pandas' `orient`s (records, split, columns, index) is understood";

/// Reads a table, and notes what was guessed.
pub fn read(text: &str, notes: &mut Vec<String>) -> Result<DataFrame, String> {
    let text = with_missing(text);
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        values.push(value.map_err(|error| error.to_string())?);
    }
    let rows = match (values.len(), values.pop()) {
        (1, Some(one)) => rows_of(one, notes)?,
        (_, last) => {
            values.extend(last);
            let rows = values.into_iter().map(|value| match value {
                Value::Object(row) => Ok(row),
                other => Err(format!("a line holds no row, but {other}")),
            });
            rows.collect::<Result<Vec<Row>, String>>()?
        }
    };
    from_rows(rows.into_iter().map(flat).collect())
}

/// The rows of one value.
fn rows_of(value: Value, notes: &mut Vec<String>) -> Result<Vec<Row>, String> {
    let object = match value {
        Value::Array(rows) => return rows_in(rows).ok_or_else(|| SHAPES.to_owned()),
        Value::Object(object) => object,
        _ => return Err(SHAPES.to_owned()),
    };
    if let (Some(Value::Array(names)), Some(Value::Array(data))) =
        (object.get("columns"), object.get("data"))
    {
        notes.push("read as pandas writes with orient=\"split\"".to_owned());
        return split(names, data).ok_or_else(|| SHAPES.to_owned());
    }
    if let Some(rows) = by_column(&object) {
        notes.push("read as a column per name".to_owned());
        return Ok(rows);
    }
    // Of an object with one array of rows beside other things, that one is meant.
    let arrays: Vec<(&String, &Vec<Value>)> = object
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_array()?)))
        .filter(|(_, rows)| !rows.is_empty() && rows.iter().all(Value::is_object))
        .collect();
    if let [(name, rows)] = arrays[..] {
        notes.push(format!("read the rows in `{name}`"));
        return rows_in(rows.clone()).ok_or_else(|| SHAPES.to_owned());
    }
    let rows: Option<Vec<Row>> = object
        .values()
        .map(|value| value.as_object().cloned())
        .collect();
    match rows {
        Some(rows) if rows.len() > 1 => {
            notes.push("read as a row per name".to_owned());
            Ok(rows)
        }
        _ => Err(SHAPES.to_owned()),
    }
}

fn rows_in(rows: Vec<Value>) -> Option<Vec<Row>> {
    let rows = rows.into_iter().map(|value| match value {
        Value::Object(row) => Some(row),
        _ => None,
    });
    rows.collect()
}

fn split(names: &[Value], data: &[Value]) -> Option<Vec<Row>> {
    let rows = data.iter().map(|row| {
        let cells = row.as_array()?.iter().cloned();
        let named = names.iter().zip(cells);
        named
            .map(|(name, cell)| Some((name.as_str()?.to_owned(), cell)))
            .collect()
    });
    rows.collect()
}

/// `{"a": {"0": 1, ...}, ...}` or `{"a": [1, ...], ...}`: a column per name, if the names below are those of
/// rows.
fn by_column(object: &Row) -> Option<Vec<Row>> {
    let columns: Vec<(&String, Vec<(String, &Value)>)> = object
        .iter()
        .map(|(name, value)| {
            let cells = match value {
                Value::Object(cells) => {
                    let numbered = cells.keys().all(|key| key.parse::<u64>().is_ok());
                    let cells = cells.iter().map(|(key, cell)| (key.clone(), cell));
                    numbered.then(|| cells.collect())?
                }
                Value::Array(cells) if !cells.iter().any(Value::is_object) => {
                    let cells = cells.iter().enumerate();
                    cells.map(|(at, cell)| (at.to_string(), cell)).collect()
                }
                _ => return None,
            };
            Some((name, cells))
        })
        .collect::<Option<_>>()?;
    let mut keys: Vec<u64> = columns
        .first()?
        .1
        .iter()
        .map(|it| it.0.parse().ok())
        .collect::<Option<_>>()?;
    if columns.len() < 2 || keys.is_empty() {
        return None;
    }
    keys.sort_unstable();
    let rows = keys.iter().map(|key| {
        let key = key.to_string();
        let cells = columns.iter().filter_map(|(name, cells)| {
            let (_, cell) = cells.iter().find(|(at, _)| *at == key)?;
            Some(((*name).clone(), (*cell).clone()))
        });
        cells.collect()
    });
    Some(rows.collect())
}

/// Objects in a row as columns of their own: `{"train": {"lr": 1}}` is `train.lr`.
fn flat(row: Row) -> Row {
    let mut flat = Row::new();
    for (name, value) in row {
        match value {
            Value::Object(inside) => {
                let inside = inside.into_iter();
                let named = inside.map(|(inner, value)| (format!("{name}.{inner}"), value));
                flat.extend(self::flat(named.collect()));
            }
            value => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

/// `NaN` and `Infinity`, which are no JSON, as what is missing.
fn with_missing(text: &str) -> String {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text.to_owned();
    }
    let mut made = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if !quoted
            && let Some(word) = ["NaN", "-Infinity", "Infinity"]
                .iter()
                .find(|word| rest.starts_with(**word))
        {
            made.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        made.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    made
}

/// A table of rows, in the order in which their names first come. Polars 0.55 panics on whole numbers
/// beyond 64 bits, so rows are read here.
fn from_rows(rows: Vec<Row>) -> Result<DataFrame, String> {
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

//! Tables of documents: JSON Lines and Parquet, of which one column is the text.

use std::fmt;
use std::fs::File;
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::{DataType, ParquetReader, SerReader, StringChunked};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::CorpusError;
use crate::reader::{Document, Reader};
use crate::text::{MARK, TextFile};

/// Shows the text of every line, each of which is a JSON object.
pub fn lines(
    file: &TextFile,
    mut from: impl BufRead,
    column: &str,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = from.read_until(b'\n', &mut line);
        if read.map_err(CorpusError::packed(&file.path))? == 0 {
            if number == 1 {
                reader.skip("empty", &file.name, None);
            }
            break;
        }
        let line = match number {
            1 => line.strip_prefix(MARK).unwrap_or(&line),
            _ => &line,
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |message: String| CorpusError::Row {
            path: file.path.clone(),
            row: format!("line {number}"),
            message,
        };
        match text_of(line, column) {
            Ok(Value::String(text)) => row(file, number, Some(&text), reader)?,
            Ok(Value::Null) => row(file, number, None, reader)?,
            Ok(other) => {
                let message = format!(
                    "`{column}` is no text but {}",
                    shortened(&other.to_string())
                );
                return Err(wrong(message));
            }
            // Half of a pair is no letter, though Python writes it.
            Err(message) if message.contains("hex escape") || message.contains("surrogate") => {
                reader.skip("with a broken escape", &file.name, Some(number));
            }
            Err(message) => return Err(wrong(message)),
        }
    }
    Ok(())
}

/// What a line has in a column, or why nothing.
fn text_of(line: &[u8], column: &str) -> Result<Value, String> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let found = Column(column).deserialize(&mut json);
    let found = found.and_then(|found| json.end().map(|()| found));
    match found {
        Ok(Some(value)) => Ok(value),
        Ok(None) => {
            let all: serde_json::Map<String, Value> =
                serde_json::from_slice(line).unwrap_or_default();
            let names: Vec<String> = all.keys().map(|name| format!("`{name}`")).collect();
            Err(format!(
                "there is no `{column}`, only {}\n  help: name the one with the text: `column = \"...\"` in [corpus]'s table",
                if names.is_empty() {
                    "an empty object".to_owned()
                } else {
                    shortened(&names.join(", "))
                }
            ))
        }
        Err(error) if error.is_eof() && !line.ends_with(b"\n") => Err(
            "the JSON ends too early\n  help: is the file whole? A download that was cut off ends so".to_owned(),
        ),
        Err(error) if error.is_eof() => {
            Err("the JSON ends too early\n  help: each line is an object of its own".to_owned())
        }
        Err(error) => {
            let (column, text) = (error.column(), error.to_string());
            let (what, _) = text.split_once(" at line ").unwrap_or((&text, ""));
            Err(format!("it is no JSON object: {what} at column {column}"))
        }
    }
}

/// The value of one key of an object; the others are passed over.
struct Column<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Column<'_> {
    type Value = Option<Value>;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("`{key}` stands in it twice")));
            }
        }
        Ok(found)
    }
}

/// Shows the text of every row, one row group after the other.
pub fn parquet(file: &TextFile, column: &str, reader: &mut Reader) -> Result<(), CorpusError> {
    let wrong = |message: String| CorpusError::Table {
        path: file.path.clone(),
        message,
    };
    let groups = guarded(|| {
        let mut parquet = opened(&file.path)?;
        let schema = parquet.schema().map_err(|error| error.to_string())?;
        if !schema.contains(column) {
            let names: Vec<String> = schema
                .iter_names()
                .map(|name| format!("`{name}`"))
                .collect();
            return Err(format!(
                "there is no column `{column}`, only {}\n  help: name the one with the text: `column = \"...\"` in [corpus]'s table",
                shortened(&names.join(", "))
            ));
        }
        let facts = parquet.get_metadata().map_err(|error| error.to_string())?;
        Ok(facts
            .row_groups
            .iter()
            .map(|group| group.num_rows())
            .collect::<Vec<usize>>())
    });
    let mut start = 0;
    for rows in groups.map_err(wrong)? {
        let texts = guarded(|| texts_of(&file.path, column, start, rows)).map_err(wrong)?;
        for (offset, text) in texts.iter().enumerate() {
            row(file, (start + offset) as u64 + 1, text, reader)?;
        }
        start += rows;
    }
    Ok(())
}

fn opened(path: &Path) -> Result<ParquetReader<File>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    Ok(ParquetReader::new(file))
}

/// A column's texts of a row group.
fn texts_of(path: &Path, column: &str, start: usize, rows: usize) -> Result<StringChunked, String> {
    let table = opened(path)?
        .with_columns(Some(vec![column.to_owned()]))
        .with_slice(Some((start, rows)))
        .finish()
        .map_err(|error| error.to_string())?;
    let found = table.column(column).map_err(|error| error.to_string())?;
    // A dictionary of words is words.
    let is_dictionary = found.dtype().to_string() == "cat";
    let cast = is_dictionary.then(|| found.cast(&DataType::String));
    let cast = cast.transpose().map_err(|error| error.to_string())?;
    let found = cast.as_ref().unwrap_or(found);
    let texts = found
        .str()
        .map_err(|_| format!("`{column}` holds no texts but {}", found.dtype()))?;
    Ok(texts.clone())
}

/// Polars 0.55 panics on some damaged files.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("it is damaged".to_owned()))
}

/// A row's text.
fn row(
    file: &TextFile,
    number: u64,
    text: Option<&str>,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let (name, row) = (file.name.as_str(), Some(number));
    match text.unwrap_or_default() {
        "" => reader.skip("empty", name, row),
        text if text.contains('\0') => reader.skip("binary", name, row),
        text => {
            let text = text.as_bytes();
            reader.take(Document { name, row, text })?;
        }
    }
    Ok(())
}

/// No more of a text than a message can carry.
fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

//! Tables from anywhere. What a file is, is told by what is in it and not by its name.

mod delimited;
mod json;
mod numbers;
mod packed;
mod parquet;
mod text;

use std::path::Path;

use isoflop_files::{Kind, disk, sha256};
use polars::prelude::DataFrame;

pub use numbers::{Read, number_of};

use crate::LedgerError;
use crate::limits::BYTES;
use crate::sums::read_checked;

/// A table that was read.
#[derive(Debug)]
pub struct Table {
    /// Its columns.
    pub frame: DataFrame,
    /// SHA-256 of its file.
    pub sha256: String,
    /// What had to be guessed, and what was left out.
    pub notes: Vec<String>,
}

/// Reads a table: Parquet, JSON and JSON Lines in the usual shapes, CSV with commas, semicolons, tabs or
/// bars, Markdown; each also packed by gzip or zstd.
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
    let mut notes = Vec::new();
    // Nothing else is written under that name: it has lost its beginning.
    let named_parquet = path.extension().is_some_and(|it| it == "parquet");
    let frame = frame(bytes, named_parquet, &mut notes).map_err(LedgerError::table(path))?;
    Ok(Table {
        frame,
        sha256,
        notes,
    })
}

fn frame(
    bytes: Vec<u8>,
    named_parquet: bool,
    notes: &mut Vec<String>,
) -> Result<DataFrame, String> {
    let (bytes, packed) = packed::unpack(bytes)?;
    notes.extend(packed.map(|name| format!("unpacked by {name}")));
    if bytes.starts_with(b"PAR1") {
        return parquet::read(bytes, notes);
    }
    if named_parquet {
        return Err("it is damaged: it does not begin as Parquet does".to_owned());
    }
    let text = text::decode(&bytes)?;
    notes.extend(text.notes);
    if text.text.trim_start().starts_with(['{', '[']) {
        return json::read(&text.text, notes);
    }
    delimited::read(&text.text, notes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use polars::prelude::{Column, DataType, NamedFrom, ParquetWriter, Series};

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

    /// Small integers, 16-bit floats and decimals of Parquet are numbers.
    #[test]
    fn numbers_of_every_width_are_read() {
        let whole = Series::new("value".into(), [1.0, 2.0, 3.0]);
        let types = [
            DataType::Int8,
            DataType::Int16,
            DataType::UInt8,
            DataType::UInt16,
            DataType::Float16,
            DataType::Float32,
            DataType::Decimal(10, 2),
        ];
        for kind in types {
            let column = Column::from(whole.cast(&kind).unwrap());
            let mut frame = DataFrame::new_infer_height(vec![column]).unwrap();
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
            let mut notes = Vec::new();
            let read = parquet::read(bytes, &mut notes).unwrap();
            let numbers = Columns::new(read).numbers("value").unwrap();
            assert_eq!(numbers, [Some(1.0), Some(2.0), Some(3.0)], "{kind}");
            assert!(notes.is_empty(), "{kind}: {notes:?}");
        }
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

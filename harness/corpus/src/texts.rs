//! Files of text: as they are or packed, whole or in rows.

use std::fs::File;
use std::io::{BufReader, Read};

use flate2::read::MultiGzDecoder;
use memmap2::Mmap;

use crate::reader::{Document, Reader};
use crate::text::{MARK, TextFile};
use crate::{CorpusError, rows};

/// The column with the text, where none is named.
const COLUMN: &str = "text";

/// What a file's name says of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    packing: Option<Packing>,
    rows: Option<Rows>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstandard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// A JSON object each line.
    Lines,
    Parquet,
}

impl Kind {
    /// `has_column`: whether a column was named, without which a file of JSON is a text as it is.
    fn of(name: &str, has_column: bool) -> Self {
        let name = name.to_ascii_lowercase();
        let packed = [
            (".gz", Packing::Gzip),
            (".zst", Packing::Zstandard),
            (".zstd", Packing::Zstandard),
        ];
        let packed = packed
            .iter()
            .find_map(|(suffix, packing)| Some((name.strip_suffix(suffix)?, *packing)));
        let (name, packing) = packed.map_or((name.as_str(), None), |(name, it)| (name, Some(it)));
        let lines = [".jsonl", ".ndjson"];
        let is_lines = lines.iter().any(|suffix| name.ends_with(suffix))
            // C4 and Dolma name their lines so.
            || name.ends_with(".json") && (packing.is_some() || has_column);
        let rows = match (is_lines, packing) {
            (true, _) => Some(Rows::Lines),
            (false, None) if name.ends_with(".parquet") => Some(Rows::Parquet),
            (false, _) => None,
        };
        Kind { packing, rows }
    }
}

/// About how many bytes a byte of a file unpacks to.
pub fn unpacks(name: &str) -> u64 {
    let kind = Kind::of(name, false);
    if kind.packing.is_some() || kind.rows == Some(Rows::Parquet) {
        3
    } else {
        1
    }
}

/// Whether a file of this name may hold text, where nobody says which files do.
#[cfg(feature = "hub")]
pub fn may_hold_text(name: &str) -> bool {
    let kind = Kind::of(name, false);
    kind.rows.is_some()
        || [".txt", ".txt.gz", ".txt.zst"]
            .iter()
            .any(|it| name.ends_with(it))
}

/// Shows the documents of a file.
pub fn read(
    file: &TextFile,
    separator: Option<&str>,
    column: Option<&str>,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let kind = Kind::of(&file.name, column.is_some());
    let column = column.unwrap_or(COLUMN);
    if kind.rows == Some(Rows::Parquet) {
        return rows::parquet(file, column, reader);
    }
    let opened = File::open(&file.path).map_err(CorpusError::io(&file.path))?;
    let mut unpacked: Box<dyn Read> = match kind.packing {
        None if kind.rows.is_none() => return mapped(file, &opened, separator, reader),
        None => Box::new(opened),
        Some(Packing::Gzip) => Box::new(MultiGzDecoder::new(BufReader::new(opened))),
        Some(Packing::Zstandard) => Box::new(
            zstd::stream::read::Decoder::new(opened).map_err(CorpusError::packed(&file.path))?,
        ),
    };
    if kind.rows.is_some() {
        return rows::lines(file, BufReader::new(unpacked), column, reader);
    }
    let mut text = Vec::new();
    unpacked
        .read_to_end(&mut text)
        .map_err(CorpusError::packed(&file.path))?;
    whole(file, &text, separator, reader)
}

fn mapped(
    file: &TextFile,
    opened: &File,
    separator: Option<&str>,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let facts = opened.metadata().map_err(CorpusError::io(&file.path))?;
    if facts.len() == 0 {
        reader.skip("empty", &file.name, None);
        return Ok(());
    }
    // SAFETY: a file that is written to while it is read gives a text that nobody wrote, as reading it would.
    let map = unsafe { Mmap::map(opened) }.map_err(CorpusError::io(&file.path))?;
    whole(file, &map, separator, reader)
}

/// A file's text, which is one document or several.
fn whole(
    file: &TextFile,
    text: &[u8],
    separator: Option<&str>,
    reader: &mut Reader,
) -> Result<(), CorpusError> {
    let name = file.name.as_str();
    let text = text.strip_prefix(MARK).unwrap_or(text);
    if text.is_empty() {
        reader.skip("empty", name, None);
        return Ok(());
    }
    if text.contains(&0) {
        reader.skip("binary", name, None);
        return Ok(());
    }
    let Ok(words) = std::str::from_utf8(text) else {
        reader.skip("not UTF-8", name, None);
        return Ok(());
    };
    let row = None;
    let Some(separator) = separator.filter(|it| !it.is_empty()) else {
        return reader.take(Document { name, row, text });
    };
    let parts = words.split(separator);
    for part in parts.filter(|part| !part.trim().is_empty()) {
        let text = part.as_bytes();
        reader.take(Document { name, row, text })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_file_holds() {
        let rows = |name, column| Kind::of(name, column).rows;
        assert_eq!(rows("a/b.jsonl", false), Some(Rows::Lines));
        assert_eq!(
            rows("c4-train.00000-of-01024.json.gz", false),
            Some(Rows::Lines)
        );
        assert_eq!(rows("package.json", false), None);
        assert_eq!(rows("package.json", true), Some(Rows::Lines));
        assert_eq!(rows("train-00000.PARQUET", false), Some(Rows::Parquet));
        assert_eq!(rows("notes.txt.zst", false), None);
        assert_eq!(
            Kind::of("notes.txt.zst", false).packing,
            Some(Packing::Zstandard)
        );
    }
}

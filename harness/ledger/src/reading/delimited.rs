//! Tables in lines of text, whatever stands between their cells.

use std::io::Cursor;

use polars::prelude::{
    Column, CsvParseOptions, CsvReadOptions, DataFrame, DataType, NamedFrom, SerReader, Series,
};

use super::numbers::{Read, number_of};
use crate::limits::refuse_size;

/// How the cells of a line are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    separator: u8,
    decimal_comma: bool,
}

/// Reads a table, and notes what was guessed.
pub fn read(text: &str, notes: &mut Vec<String>) -> Result<DataFrame, String> {
    let markdown = from_markdown(text);
    if markdown.is_some() {
        notes.push("read as a Markdown table".to_owned());
    }
    let text = markdown.as_deref().unwrap_or(text);
    let text = without_comments(text, notes);
    let headings = text.lines().next().unwrap_or_default();
    let style = sniff(&text);
    refuse_size(text.lines().count(), cells(headings, style.separator).len())?;
    if style.separator != b',' && markdown.is_none() {
        notes.push(format!("cells are separated by {}", name(style.separator)));
    }
    if style.decimal_comma {
        notes.push("numbers have decimal commas".to_owned());
    }
    let words = words(&text, style.separator)?;
    let columns = words.columns().iter().map(|column| {
        let name = column.name().trim();
        let series = column.str().map_err(|error| error.to_string())?;
        let cells: Vec<Option<&str>> = series.iter().map(|cell| cell.map(str::trim)).collect();
        Ok(Column::from(typed(name, &cells, style.decimal_comma)))
    });
    let columns: Result<Vec<Column>, String> = columns.collect();
    // What a comma at the end of each line makes.
    let empty = |column: &Column| column.name().is_empty() && column.null_count() == column.len();
    let columns: Vec<Column> = columns?.into_iter().filter(|it| !empty(it)).collect();
    DataFrame::new(words.height(), columns).map_err(|error| error.to_string())
}

/// All cells as words.
fn words(text: &str, separator: u8) -> Result<DataFrame, String> {
    // A heading in quotes may hold lines; Polars reads those.
    let options = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .with_parse_options(
            CsvParseOptions::default()
                .with_separator(separator)
                .with_truncate_ragged_lines(true),
        );
    let read = options.into_reader_with_file_handle(Cursor::new(text.as_bytes()));
    read.finish().map_err(|error| error.to_string())
}

/// A column of whole numbers, of numbers or of words.
fn typed(name: &str, cells: &[Option<&str>], decimal_comma: bool) -> Series {
    let present = || cells.iter().flatten().filter(|cell| !cell.is_empty());
    let filled = |cell: &Option<&str>| cell.is_some_and(|it| !it.is_empty());
    if present().next().is_none() {
        return Series::new_null(name.into(), cells.len())
            .cast(&DataType::String)
            .expect("nothing is a word as well");
    }
    if present().all(|cell| cell.parse::<i64>().is_ok()) {
        let whole = cells
            .iter()
            .map(|cell| cell.and_then(|it| it.parse::<i64>().ok()));
        return Series::new(name.into(), whole.collect::<Vec<_>>());
    }
    let number = |cell: &str| match number_of(cell, true) {
        _ if cell.parse::<f64>().is_ok() => cell.parse().ok(),
        Read::Number(number) if decimal_comma && !cell.ends_with(char::is_alphabetic) => {
            Some(number)
        }
        _ => None,
    };
    if present().all(|cell| number(cell).is_some()) {
        let numbers = cells.iter().map(|cell| cell.and_then(number));
        return Series::new(name.into(), numbers.collect::<Vec<_>>());
    }
    let words = cells.iter().map(|cell| cell.filter(|_| filled(cell)));
    Series::new(name.into(), words.collect::<Vec<_>>())
}

/// The cells of a line; a separator in quotes is part of one.
fn cells(line: &str, separator: u8) -> Vec<&str> {
    let (mut found, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in line.bytes().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            found.push(&line[start..at]);
            start = at + 1;
        }
    }
    found.push(&line[start..]);
    found
}

/// Lines that are looked at to see how a table is written.
const LOOKED_AT: usize = 50;

/// The separator that gives most lines as many cells as the headings have, the more cells the better.
fn sniff(text: &str) -> Style {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LOOKED_AT)
        .collect();
    let score = |separator: u8| {
        let counts: Vec<usize> = lines.iter().map(|it| cells(it, separator).len()).collect();
        let wide = counts.first().copied().unwrap_or(1);
        // A separator at the end of each line of cells, and none at that of the headings.
        let alike = |count: &&usize| **count == wide || **count == wide + 1;
        if wide < 2 {
            return (0, 0);
        }
        (counts.iter().filter(alike).count(), wide)
    };
    let separator = [b',', b'\t', b';', b'|']
        .into_iter()
        .rev()
        .max_by_key(|separator| score(*separator))
        .filter(|separator| score(*separator).1 > 1)
        .unwrap_or(b',');
    let rows = || lines.iter().skip(1).flat_map(|line| cells(line, separator));
    // Where a comma separates nothing it may be a decimal one.
    let commas = rows().any(|cell| is_decimal_comma(cell.trim()));
    let points = rows().any(|cell| cell.contains('.') && cell.trim().parse::<f64>().is_ok());
    Style {
        separator,
        decimal_comma: separator != b',' && commas && !points,
    }
}

/// Digits, one comma, digits.
fn is_decimal_comma(cell: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let parts = cell.trim_start_matches(['-', '+']).split_once(',');
    parts.is_some_and(|(whole, rest)| {
        let rest = rest.split(['e', 'E']).next().unwrap_or_default();
        digits(whole) && digits(rest)
    })
}

fn name(separator: u8) -> &'static str {
    match separator {
        b'\t' => "tabs",
        b';' => "semicolons",
        _ => "bars",
    }
}

/// The text without lines that begin with `#` or `//`. Where nothing but numbers follows, the last of them
/// before those holds the headings, as NumPy writes them.
fn without_comments(text: &str, notes: &mut Vec<String>) -> String {
    let comment = |line: &&str| line.starts_with('#') || line.starts_with("//");
    let (comments, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(comment);
    let before = text.lines().take_while(|it| comment(it) || it.is_empty());
    let headings = before
        .map(|line| line.trim_start_matches(['#', '/']).trim())
        .filter(|line| !line.is_empty())
        .last();
    let Some(headings) = headings else {
        return without(&comments, &kept, notes);
    };
    let numbers = |line: &&str| {
        let parts = line.split([',', ';', '\t', '|']).map(str::trim);
        parts.clone().count() > 1 && parts.clone().all(|it| it.parse::<f64>().is_ok())
    };
    if kept
        .iter()
        .find(|line| !line.is_empty())
        .is_some_and(numbers)
    {
        notes.push("took the last line of comment before the numbers for the headings".to_owned());
        return format!("{headings}\n{}", kept.join("\n").trim_start_matches('\n'));
    }
    without(&comments, &kept, notes)
}

fn without(comments: &[&str], kept: &[&str], notes: &mut Vec<String>) -> String {
    match comments.len() {
        0 => {}
        1 => notes.push("left out a line of comment".to_owned()),
        many => notes.push(format!("left out {many} lines of comment")),
    }
    kept.join("\n").trim_start_matches('\n').to_owned()
}

/// A Markdown table as lines with bars between cells; the line of dashes is what tells it.
fn from_markdown(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let dashes = |line: &str| {
        let inner = line.trim_matches('|');
        line.starts_with('|')
            && inner.contains('-')
            && inner.bytes().all(|it| b"-|: ".contains(&it))
    };
    let at = lines.iter().position(|line| dashes(line))?;
    let heading = at.checked_sub(1)?;
    let rows = lines[at + 1..]
        .iter()
        .take_while(|line| line.starts_with('|'));
    let inner = |line: &&str| line.trim_matches('|').to_owned();
    let kept = std::iter::once(&lines[heading]).chain(rows).map(inner);
    Some(kept.collect::<Vec<_>>().join("\n") + "\n")
}

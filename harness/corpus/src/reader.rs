//! Documents as they are found in files, one after the other.

use std::collections::BTreeMap;

use crate::CorpusError;
use crate::stream::Coding;

/// A text by itself, or its tokens.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The name of its file.
    pub name: &'a str,
    /// Its row or line in the file, from one, where a file has such.
    pub row: Option<u64>,
    /// Its bytes, or its tokens as the corpus keeps them, without the end.
    pub text: &'a [u8],
}

impl Document<'_> {
    /// Where it stands: the file, and the row.
    pub fn place(&self) -> String {
        place(self.name, self.row)
    }
}

fn place(name: &str, row: Option<u64>) -> String {
    row.map_or_else(|| name.to_owned(), |row| format!("{name}:{row}"))
}

/// What holds no text, by what it is and the reason (`row empty`), each with how many and the first of them.
pub type Skipped = BTreeMap<String, (u64, String)>;

/// Takes documents as they are found.
pub struct Reader<'a> {
    skipped: Skipped,
    section: Option<usize>,
    coding: Coding,
    see: &'a mut dyn FnMut(Document) -> Result<(), CorpusError>,
}

impl<'a> Reader<'a> {
    /// Of documents of this coding, longer ones of which are cut into sections of so many bytes.
    pub fn new(
        coding: Coding,
        section: Option<usize>,
        see: &'a mut dyn FnMut(Document) -> Result<(), CorpusError>,
    ) -> Self {
        Reader {
            skipped: Skipped::new(),
            section,
            coding,
            see,
        }
    }

    /// What was left out.
    pub fn skipped(self) -> Skipped {
        self.skipped
    }

    /// What holds no text.
    pub fn skip(&mut self, why: &str, name: &str, row: Option<u64>) {
        let first = || (0, place(name, row));
        let what = if row.is_some() { "row" } else { "file" };
        self.skipped
            .entry(format!("{what} {why}"))
            .or_insert_with(first)
            .0 += 1;
    }

    /// A document, which is cut into sections where that was asked for.
    pub fn take(&mut self, document: Document) -> Result<(), CorpusError> {
        let mut text = document.text;
        while let Some(least) = self.section.filter(|least| 2 * least < text.len()) {
            let Some(end) = self.end_of_section(text, least) else {
                break;
            };
            let (section, rest) = text.split_at(end);
            (self.see)(Document {
                text: section,
                ..document
            })?;
            text = rest;
        }
        // The last section may end with the file.
        if text.is_empty() {
            return Ok(());
        }
        (self.see)(Document { text, ..document })
    }

    /// Where a section of at least so many bytes ends: after a line, or after a token.
    fn end_of_section(&self, text: &[u8], least: usize) -> Option<usize> {
        if !self.coding.is_text {
            return Some(least.next_multiple_of(self.coding.width as usize));
        }
        let line = text[least..].iter().position(|byte| *byte == b'\n')?;
        Some(least + line + 1)
    }
}

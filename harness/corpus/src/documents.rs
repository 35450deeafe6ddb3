//! Documents: what a corpus is split by. A file is one, or several: rows of a table, parts between separators, tokens up
//! to the one that ends a document.

use std::collections::BTreeMap;

use isoflop_suite::TokenType;
use serde::{Deserialize, Serialize};

use crate::stream::{Coding, Width};
use crate::text::TextFile;
use crate::{CorpusError, shards, texts};

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

/// Files that hold documents.
#[derive(Debug, Clone)]
pub struct Documents {
    pub files: Vec<TextFile>,
    pub content: Content,
    /// Documents longer than this many bytes are cut: of a text at the ends of lines.
    pub section: Option<usize>,
}

/// What files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text {
        /// What lies between the documents of a file.
        separator: Option<String>,
        /// The column of a table that holds the text.
        column: Option<String>,
    },
    /// Tokens.
    Shards {
        /// What a token is kept as, where a file does not say it.
        dtype: Option<TokenType>,
        /// The token that ends a document.
        end: u32,
        /// Tokens are below this.
        vocabulary: u64,
    },
}

/// Fewer documents than this are cut into sections.
pub const FEW: u64 = 20;

/// Bytes of the sections that a few documents of so many bytes are cut into: some two hundred, none of them tiny.
pub fn section(bytes: u64) -> usize {
    (bytes / 200).clamp(1 << 10, 1 << 14) as usize
}

/// What holds no text, by what it is and the reason (`row empty`), each with how many and the first of them.
pub type Skipped = BTreeMap<String, (u64, String)>;

/// What became of the documents of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Census {
    /// Documents with a text of their own.
    pub documents: u64,
    /// Others, which are copies of these and left out.
    pub copies: u64,
    /// Groups of documents that share a passage, and go the same way.
    pub groups: u64,
    /// Bytes of a passage that makes a group.
    pub passage: u64,
    /// Bytes of the sections that documents were cut into, where there are few of them.
    pub section: Option<u64>,
    /// Documents held out.
    pub held_out: u64,
    /// Files and rows that hold no text, by the reason, each with how many and the first of them.
    pub skipped: Skipped,
    /// Bytes, or of shards tokens, of a run that is looked for in both parts.
    pub run: u64,
    /// The share of the held-out text in such runs that stand in the training part as well.
    pub leak: f64,
}

impl Documents {
    /// What the documents are kept as.
    pub fn coding(&self) -> Coding {
        match &self.content {
            Content::Text { .. } => Coding::TEXT,
            Content::Shards {
                end, vocabulary, ..
            } => Coding {
                width: Width::of(*vocabulary),
                end: *end,
                is_text: false,
            },
        }
    }

    /// About how many bytes the documents have.
    pub fn bytes(&self) -> Result<u64, CorpusError> {
        let sizes = self.files.iter().map(|file| {
            let facts = std::fs::metadata(&file.path).map_err(CorpusError::io(&file.path))?;
            Ok(facts.len() * texts::unpacks(&file.name))
        });
        sizes.sum()
    }

    /// Shows every document, in the order of the files. What holds no text is left out.
    ///
    /// # Errors
    /// If a file cannot be read, or `see` refuses.
    pub fn each(
        &self,
        mut see: impl FnMut(Document) -> Result<(), CorpusError>,
    ) -> Result<Skipped, CorpusError> {
        let mut reader = Reader {
            skipped: Skipped::new(),
            section: self.section,
            coding: self.coding(),
            see: &mut see,
        };
        for file in &self.files {
            match &self.content {
                Content::Text { separator, column } => {
                    texts::read(file, separator.as_deref(), column.as_deref(), &mut reader)?;
                }
                Content::Shards {
                    dtype,
                    end,
                    vocabulary,
                } => shards::read(file, *dtype, *end, *vocabulary, &mut reader)?,
            }
        }
        Ok(reader.skipped)
    }
}

/// Takes documents as they are found.
pub struct Reader<'a> {
    skipped: Skipped,
    section: Option<usize>,
    coding: Coding,
    see: &'a mut dyn FnMut(Document) -> Result<(), CorpusError>,
}

impl Reader<'_> {
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

//! Documents: what a corpus is split by. A file is one, or several: rows of a table, parts between separators, tokens up
//! to the one that ends a document.

use isoflop_suite::TokenType;
use serde::{Deserialize, Serialize};

use crate::reader::{Document, Reader, Skipped};
use crate::stream::{Coding, Width};
use crate::text::TextFile;
use crate::{CorpusError, shards, texts};

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
        let mut reader = Reader::new(self.coding(), self.section, &mut see);
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
        Ok(reader.skipped())
    }
}

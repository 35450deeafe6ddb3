//! Documents: what a corpus is split by. A file is one, or several where the definition says what lies between them.

use std::collections::BTreeMap;
use std::fs::File;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::text::TextFile;

/// The byte that ends a document's text, and begins every part.
pub const END: u8 = 0;

/// A text by itself.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The name of its file.
    pub name: &'a str,
    pub text: &'a [u8],
}

/// Files that hold documents.
#[derive(Debug, Clone)]
pub struct Documents {
    pub files: Vec<TextFile>,
    /// What lies between the documents of a file.
    pub separator: Option<String>,
    /// Documents longer than this many bytes are cut at the ends of lines.
    pub section: Option<usize>,
}

/// Fewer documents than this are cut into sections.
pub const FEW: u64 = 20;

/// Bytes of the sections that a few documents of so many bytes are cut into: some two hundred, none of them tiny.
pub fn section(bytes: u64) -> usize {
    (bytes / 200).clamp(1 << 10, 1 << 14) as usize
}

/// Files that hold no text, by the reason, each with how many and the first of them.
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
    /// Files that hold no text, by the reason, each with how many and the first of them.
    pub skipped: Skipped,
    /// The share of the held-out bytes in runs of [`RUN`](crate::RUN) bytes that stand in the training part as well.
    pub leak: f64,
}

impl Documents {
    /// Bytes of all files.
    pub fn bytes(&self) -> Result<u64, CorpusError> {
        let sizes = self.files.iter().map(|file| {
            let facts = std::fs::metadata(&file.path).map_err(CorpusError::io(&file.path))?;
            Ok(facts.len())
        });
        sizes.sum()
    }

    /// Shows every document, in the order of the files. Files that hold no text are left out.
    ///
    /// # Errors
    /// If a file cannot be read, or `see` refuses.
    pub fn each(
        &self,
        mut see: impl FnMut(Document) -> Result<(), CorpusError>,
    ) -> Result<Skipped, CorpusError> {
        let mut skipped = Skipped::new();
        for file in &self.files {
            let opened = File::open(&file.path).map_err(CorpusError::io(&file.path))?;
            let size = opened
                .metadata()
                .map_err(CorpusError::io(&file.path))?
                .len();
            if size == 0 {
                skip(&mut skipped, "empty", file);
                continue;
            }
            // SAFETY: a file that is written to while it is read gives a text that nobody wrote, as reading it would.
            let map = unsafe { Mmap::map(&opened) }.map_err(CorpusError::io(&file.path))?;
            match no_text(&map) {
                Some(why) => skip(&mut skipped, why, file),
                None => self.parts(file, &map, &mut see)?,
            }
        }
        Ok(skipped)
    }

    fn parts(
        &self,
        file: &TextFile,
        text: &[u8],
        see: &mut impl FnMut(Document) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        let name = file.name.as_str();
        let separator = self.separator.as_ref().filter(|it| !it.is_empty());
        let (Some(separator), Ok(words)) = (separator, std::str::from_utf8(text)) else {
            return self.sections(name, text, see);
        };
        let parts = words.split(separator.as_str());
        for part in parts.filter(|part| !part.trim().is_empty()) {
            self.sections(name, part.as_bytes(), see)?;
        }
        Ok(())
    }

    fn sections(
        &self,
        name: &str,
        mut text: &[u8],
        see: &mut impl FnMut(Document) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        while let Some(least) = self.section.filter(|least| 2 * least < text.len()) {
            let Some(line) = text[least..].iter().position(|byte| *byte == b'\n') else {
                break;
            };
            let (section, rest) = text.split_at(least + line + 1);
            see(Document {
                name,
                text: section,
            })?;
            text = rest;
        }
        // The last section may end with the file.
        if text.is_empty() {
            return Ok(());
        }
        see(Document { name, text })
    }
}

fn skip(skipped: &mut Skipped, why: &str, file: &TextFile) {
    let first = || (0, file.name.clone());
    skipped.entry(why.to_owned()).or_insert_with(first).0 += 1;
}

/// Why a file holds no text.
fn no_text(bytes: &[u8]) -> Option<&'static str> {
    if bytes.contains(&0) {
        return Some("binary");
    }
    std::str::from_utf8(bytes).err().map(|_| "not UTF-8")
}

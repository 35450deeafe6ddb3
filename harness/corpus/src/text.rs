//! Text files, and folders of them.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::CorpusError;

/// The byte order mark, which some programs write before a text.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// A file of text, by a name that is the same on every machine.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub name: String,
    pub path: PathBuf,
}

/// The files below `root` that `wanted` accepts, in the order of their names, which is the same on
/// every file system. Links are followed, as caches of downloads are made of them; one that leads back to a
/// folder above it is not, nor is what `.git` holds.
pub fn below(
    root: &Path,
    name: &str,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<TextFile>, CorpusError> {
    let mut found = Vec::new();
    let walk = WalkDir::new(root).follow_links(true).into_iter();
    for entry in walk.filter_entry(|entry| entry.file_name() != ".git") {
        let entry = match entry {
            Err(error) if error.loop_ancestor().is_some() => continue,
            entry => entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                CorpusError::Io {
                    path,
                    error: error.into(),
                }
            })?,
        };
        if !entry.file_type().is_file() || !wanted(entry.path()) {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let parts: Vec<_> = relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        found.push(TextFile {
            name: format!("{name}/{}", parts.join("/")),
            path: entry.into_path(),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

//! Text files, and folders of them.

use std::path::Path;

use isoflop_suite::FilesCorpus;
use walkdir::WalkDir;

use super::TextFile;
use crate::CorpusError;

/// The files a definition lists; of a folder, all that lie in it.
pub fn listed(corpus: &FilesCorpus, folder: &Path) -> Result<Vec<TextFile>, CorpusError> {
    let mut all = Vec::new();
    for name in &corpus.paths {
        let path = folder.join(name);
        let kind = std::fs::metadata(&path).map_err(CorpusError::io(&path))?;
        if kind.is_dir() {
            all.extend(below(&path, name, |_| true)?);
        } else {
            all.push(TextFile {
                name: name.clone(),
                path,
            });
        }
    }
    Ok(all)
}

/// The files below `root` that `wanted` accepts, in the order of their paths, which is the same on
/// every file system.
pub fn below(
    root: &Path,
    name: &str,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<TextFile>, CorpusError> {
    let mut found = Vec::new();
    for entry in WalkDir::new(root) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            CorpusError::Io {
                path,
                error: error.into(),
            }
        })?;
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

//! The files that a definition lists.

use std::path::Path;

use crate::CorpusError;
use crate::text::{TextFile, below};

/// The files that a definition lists; of a folder, all that lie in it, and of a pattern, all that it fits.
pub fn listed(paths: &[String], folder: &Path) -> Result<Vec<TextFile>, CorpusError> {
    let mut all = Vec::new();
    for name in paths {
        let path = folder.join(name);
        // A file may be named as a pattern would be.
        match std::fs::metadata(&path) {
            Err(_) if name.contains(['*', '?', '[']) => all.extend(fitting(name, folder)?),
            Err(error) => return Err(CorpusError::Io { path, error }),
            Ok(kind) if kind.is_dir() => all.extend(below(&path, name, |_| true)?),
            Ok(_) => all.push(TextFile {
                name: name.clone(),
                path,
            }),
        }
    }
    Ok(all)
}

/// The files and the folders' files that a pattern fits.
fn fitting(pattern: &str, folder: &Path) -> Result<Vec<TextFile>, CorpusError> {
    let wrong = |message: String| CorpusError::Pattern {
        pattern: pattern.to_owned(),
        message,
    };
    let literal = glob::Pattern::escape(&folder.to_string_lossy());
    let whole = Path::new(&literal).join(pattern);
    let found = glob::glob(&whole.to_string_lossy()).map_err(|error| wrong(error.to_string()))?;
    let mut all = Vec::new();
    for path in found {
        let path = path.map_err(|error| wrong(error.to_string()))?;
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            all.extend(below(&path, &name, |_| true)?);
        } else {
            all.push(TextFile { name, path });
        }
    }
    if all.is_empty() {
        return Err(wrong("no file fits it".to_owned()));
    }
    Ok(all)
}

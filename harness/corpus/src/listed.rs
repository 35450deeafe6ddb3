//! The files that a definition lists.

use std::collections::HashSet;
use std::path::Path;

use crate::CorpusError;
use crate::text::{TextFile, below};

/// The files that a definition lists; of a folder, all that lie in it and are `wanted`, and of a pattern, all that it fits.
pub fn listed(
    paths: &[String],
    folder: &Path,
    wanted: impl Fn(&Path) -> bool + Copy,
) -> Result<Vec<TextFile>, CorpusError> {
    let mut all = Vec::new();
    for name in paths {
        let path = folder.join(name);
        // A file may be named as a pattern would be.
        match std::fs::metadata(&path) {
            Err(_) if name.contains(['*', '?', '[']) => all.extend(fitting(name, folder, wanted)?),
            Err(error) => return Err(CorpusError::Io { path, error }),
            Ok(kind) if kind.is_dir() => all.extend(below(&path, name, wanted)?),
            Ok(_) => all.push(TextFile {
                name: name.clone(),
                path,
            }),
        }
    }
    let mut seen = HashSet::new();
    all.retain(|file: &TextFile| seen.insert(file.path.clone()));
    Ok(all)
}

/// The files, and the folders' files, that a pattern fits.
fn fitting(
    pattern: &str,
    folder: &Path,
    wanted: impl Fn(&Path) -> bool + Copy,
) -> Result<Vec<TextFile>, CorpusError> {
    let wrong = |message: String| CorpusError::Pattern {
        pattern: pattern.to_owned(),
        message,
    };
    let literal = glob::Pattern::escape(&folder.to_string_lossy());
    let mut whole = Path::new(&literal).join(pattern);
    // To the library `**` is folders alone, as which people do not mean it at the end.
    if pattern.ends_with("**") {
        whole.push("*");
    }
    let found = glob::glob(&whole.to_string_lossy()).map_err(|error| wrong(error.to_string()))?;
    let mut all = Vec::new();
    for path in found {
        let path = path.map_err(|error| wrong(error.to_string()))?;
        let below_folder = path.strip_prefix(folder).unwrap_or(&path);
        if below_folder.iter().any(|part| part == ".git") {
            continue;
        }
        let name = below_folder.to_string_lossy().into_owned();
        match (path.is_dir(), pattern.contains("**")) {
            // What lies in it fits by itself.
            (true, true) => {}
            (true, false) => all.extend(below(&path, &name, wanted)?),
            (false, _) => all.push(TextFile { name, path }),
        }
    }
    if all.is_empty() {
        return Err(wrong("no file fits it".to_owned()));
    }
    Ok(all)
}

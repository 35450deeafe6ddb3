//! The files that a definition lists.

use std::path::Path;

use isoflop_suite::FilesCorpus;

use crate::CorpusError;
use crate::text::{TextFile, below};

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

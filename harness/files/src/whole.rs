//! Files that are written whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;

use crate::FileError;

/// Writes a file that is either the old one or the whole new one, whatever happens, in a folder that
/// is made where there is none.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(FileError::io(folder))?;
    replace(path, content).map_err(FileError::io(path))
}

/// Writes a file in a folder that is there: to a name of its own first, to the disk, then by rename.
/// What writers that died left of the same file goes away.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    remove_drafts(folder, &name);
    let draft = folder.join(draft(&name));
    let write = || {
        let mut file = File::create_new(&draft)?;
        // Who clears drafts leaves one alone whose writer lives. A disk without locks has only the
        // tries below.
        let _ = file.try_lock();
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    let mut written = write();
    for _ in 0..TRIES {
        // Another writer took the draft for one that was left behind: before it was locked, or where
        // locks are not seen. If the folder itself is gone, so is every try.
        match &written {
            Err(error) if error.kind() == io::ErrorKind::NotFound => written = write(),
            _ => break,
        }
    }
    written.inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// How often a write is tried again whose draft another writer took away.
const TRIES: u32 = 3;

/// A name to draft a file under: at random, for no other writer to have it, on whatever machine.
pub fn draft(name: &str) -> String {
    format!(".{name}.{:016x}", RandomState::new().hash_one(name))
}

/// Removes the drafts of a file whose writers are dead.
fn remove_drafts(folder: &Path, name: &str) {
    let start = format!(".{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&start) {
            continue;
        }
        let draft = OpenOptions::new().write(true).open(entry.path());
        if draft.is_ok_and(|draft| !matches!(draft.try_lock(), Err(TryLockError::WouldBlock))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

//! Files that are written whole, and folders that are there when they are said to be.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::system::{OpenFile, Opening};
use crate::{FileError, disk, entries};

/// Writes a file that is either the old one or the whole new one, whatever happens, in a folder that
/// is made where there is none. It lasts when this returns.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = folder_of(path);
    create_folders(folder)?;
    replace(path, content)
        .and_then(|()| disk().sync_folder(folder))
        .map_err(FileError::io(path))
}

/// Makes a folder and those above it, where they are not there, and makes them last.
///
/// # Errors
/// If the disk refuses.
pub fn create_folders(folder: &Path) -> Result<(), FileError> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let made = match disk().create_folder(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_folders(folder_of(folder))?;
            disk().create_folder(folder)
        }
        made => made,
    };
    match made {
        Ok(()) => {
            let synced = disk().sync_folder(folder_of(folder));
            synced.map_err(FileError::io(folder))
        }
        Err(error) => match disk().kind(folder) {
            Ok(crate::Kind::Folder) => Ok(()),
            _ => Err(FileError::io(folder)(error)),
        },
    }
}

/// Writes a file in a folder that is there: to a name of its own first, to the disk, then by rename.
/// After a power cut it is the old one or the new one, whole; which of them, the folder's sync decides.
/// What writers that died left of the same file goes away.
///
/// # Errors
/// If the disk refuses; the old file is then as it was.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    remove_drafts(folder, &name);
    let draft = folder.join(draft(&name));
    let write = || {
        // Open, and so locked, until it has its name.
        let _file = write_new(&draft, content)?;
        disk().rename(&draft, path)
    };
    let mut written = write();
    for _ in 0..TRIES {
        // Another writer took the draft for one that was left behind: before it was locked, or where
        // locks are not seen. If the folder itself is gone, so is every try.
        match &written {
            Err(error) if error.kind() == ErrorKind::NotFound => written = write(),
            _ => break,
        }
    }
    written.inspect_err(|_| {
        let _ = disk().remove(&draft);
    })
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    let above = path.parent().filter(|it| !it.as_os_str().is_empty());
    above.unwrap_or(Path::new("."))
}

/// How often a write is tried again whose draft another writer took away.
const TRIES: u32 = 3;

/// Writes a file that is not there yet, locked for as long as it is open.
fn write_new(path: &Path, content: &[u8]) -> io::Result<Box<dyn OpenFile>> {
    let mut file = disk().open(path, Opening::New)?;
    // Who clears drafts leaves one alone whose writer lives. A disk without locks has only the tries.
    let _ = file.lock();
    file.write_all(content)?;
    file.sync()?;
    Ok(file)
}

/// Copies a file to a name that is free; the copy lasts once its folder is synced.
///
/// # Errors
/// If the disk refuses.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    write_new(to, &disk().read(from)?).map(drop)
}

/// A name to draft a file under: at random, for no other writer to have it, on whatever machine.
pub fn draft(name: &str) -> String {
    format!(".{name}.{:016x}", RandomState::new().hash_one(name))
}

/// Removes the drafts of a file whose writers are dead. One that stays costs its bytes.
fn remove_drafts(folder: &Path, name: &str) {
    let start = format!(".{name}.");
    for path in entries(folder).unwrap_or_default() {
        let found = path.file_name().unwrap_or_default().to_string_lossy();
        if !found.starts_with(&start) {
            continue;
        }
        let draft = disk().open(&path, Opening::Lock);
        if draft.is_ok_and(|draft| !matches!(draft.lock(), Ok(false))) {
            let _ = disk().remove(&path);
        }
    }
}

//! What the program asks of a file system. All that is written to last, and every look at a folder,
//! goes through one trait, so that tests can put a disk beneath it that fails, tears and forgets.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{self, Write};
use std::path::Path;

/// A file system.
pub trait FileSystem: Send + Sync {
    /// What a file holds.
    ///
    /// # Errors
    /// If the system refuses.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// If the system refuses.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// What lies at a path.
    ///
    /// # Errors
    /// If there is nothing, or the system refuses.
    fn kind(&self, path: &Path) -> io::Result<Kind>;

    /// Opens a file to write to it.
    ///
    /// # Errors
    /// If the system refuses.
    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>>;

    /// Makes a folder in one that is there.
    ///
    /// # Errors
    /// If there is something of that name, or the system refuses.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file or a folder another name, in the place of the file that has it.
    ///
    /// # Errors
    /// If the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name, which must be free.
    ///
    /// # Errors
    /// If the name is taken, or the system refuses.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()>;

    /// Removes a file, or a folder with all that is in it. A link is removed, and not what it names.
    ///
    /// # Errors
    /// If the system refuses.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder last: until then a power cut may undo what was made, renamed and
    /// removed in it.
    ///
    /// # Errors
    /// If the system refuses.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
}

/// How a file is opened to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It must not be there yet.
    New,
    /// It is made where it is not there; what is written goes to its end.
    Append,
    /// It must be there, a file or a folder, and is not changed: it is opened to be locked.
    Lock,
}

/// A file that is written to.
pub trait OpenFile: Write + Send + Debug {
    /// Makes what was written last.
    ///
    /// # Errors
    /// If the system refuses.
    fn sync(&mut self) -> io::Result<()>;

    /// Has the disk begin to keep what was written, and waits for nothing: the last [`OpenFile::sync`] of a large file is
    /// then short. Where the system knows no such thing, nothing happens.
    fn begin_sync(&self) {}

    /// Locks the file until it is closed, unless another has locked it. Returns whether it is locked
    /// now.
    ///
    /// # Errors
    /// If the system refuses, or knows no locks.
    fn lock(&self) -> io::Result<bool>;
}

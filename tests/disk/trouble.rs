//! The machine's disk with something that goes wrong, or with every call to it written down.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use isoflop_files::{Disk, FileSystem, Kind, OpenFile, Opening, install};
use serde::{Deserialize, Serialize};

use crate::journal::{Entry, What};

/// What this process's disk is to do, as JSON; empty for nothing.
pub const TOLD: &str = "ISOFLOP_TEST_DISK";

/// What a disk does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Trouble {
    /// One call fails: the so-manyth of a worker, or of a process that is none.
    Fail {
        worker: bool,
        call: u64,
        how: How,
        /// This file is made when it does.
        mark: PathBuf,
    },
    /// Every call is written to this file.
    Write(PathBuf),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// The device has an error.
    Io,
    /// The disk is full.
    Full,
    /// The user may not.
    Denied,
    /// A signal came.
    Interrupted,
    /// A part is written, and then the disk is full.
    Short,
}

impl How {
    pub const ALL: [How; 5] = [
        How::Io,
        How::Full,
        How::Denied,
        How::Interrupted,
        How::Short,
    ];

    /// Whether a system's call of this kind fails so.
    pub fn suits(self, what: &What) -> bool {
        match self {
            How::Io | How::Interrupted => true,
            How::Full => !matches!(what, What::Read | What::List | What::Look | What::Lock),
            How::Denied => !matches!(
                what,
                What::Write { .. } | What::SyncFile { .. } | What::Lock
            ),
            How::Short => matches!(what, What::Write { .. }),
        }
    }

    fn error(self) -> io::Error {
        // As Linux numbers them; the words are then the system's.
        io::Error::from_raw_os_error(match self {
            How::Io => 5,
            How::Full | How::Short => 28,
            How::Denied => 13,
            How::Interrupted => 4,
        })
    }
}

/// Puts the disk that this process is told of in the place of the machine's. Returns whether it is told of
/// any.
pub fn install_as_told() -> bool {
    let Ok(told) = std::env::var(TOLD) else {
        return false;
    };
    let worker = std::env::args().nth(1).as_deref() == Some("child");
    if !told.is_empty() {
        let trouble = serde_json::from_str(&told).expect("a disk's trouble");
        install(Box::new(Troubled(Arc::new(Shared {
            trouble,
            worker,
            calls: AtomicU64::new(0),
            handles: AtomicU64::new(0),
            order: Mutex::new(()),
        }))));
    }
    true
}

struct Shared {
    trouble: Trouble,
    /// Whether this process is a worker.
    worker: bool,
    calls: AtomicU64,
    handles: AtomicU64,
    order: Mutex<()>,
}

impl Shared {
    /// Does a call, unless it is the one that fails; writes it down where that is told.
    fn call<T>(
        &self,
        path: &Path,
        what: impl FnOnce() -> What,
        call: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let number = 1 + self.calls.fetch_add(1, Ordering::Relaxed);
        match &self.trouble {
            Trouble::Fail {
                worker,
                call: failing,
                how,
                mark,
            } => {
                if (*worker, *failing) == (self.worker, number) && how.suits(&what()) {
                    std::fs::write(mark, "")?;
                    return Err(how.error());
                }
                call()
            }
            Trouble::Write(journal) => {
                let _order = self.order.lock().expect("nobody panics with it");
                let mut journal = File::options().append(true).create(true).open(journal)?;
                journal.lock()?;
                let done = call();
                let entry = Entry {
                    worker: self.worker,
                    process: std::process::id(),
                    number,
                    path: path.to_owned(),
                    what: what(),
                    done: done.is_ok(),
                };
                let mut line = serde_json::to_vec(&entry)?;
                line.push(b'\n');
                journal.write_all(&line)?;
                done
            }
        }
    }
}

struct Troubled(Arc<Shared>);

impl FileSystem for Troubled {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.call(path, || What::Read, || Disk.read(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.0.call(folder, || What::List, || Disk.list(folder))
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.0.call(path, || What::Look, || Disk.kind(path))
    }

    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>> {
        let handle = self.0.handles.fetch_add(1, Ordering::Relaxed);
        let what = || match how {
            Opening::Lock => What::Lock,
            _ => What::Open { handle },
        };
        let file = self.0.call(path, what, || Disk.open(path, how))?;
        Ok(Box::new(TroubledFile {
            file,
            path: path.to_owned(),
            handle,
            disk: Arc::clone(&self.0),
        }))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let create = || Disk.create_folder(folder);
        self.0.call(folder, || What::CreateFolder, create)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let what = || What::Rename { to: to.to_owned() };
        self.0.call(from, what, || Disk.rename(from, to))
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        let what = || What::Link {
            to: name.to_owned(),
        };
        self.0.call(file, what, || Disk.link(file, name))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.call(path, || What::Remove, || Disk.remove(path))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let sync = || Disk.sync_folder(folder);
        self.0.call(folder, || What::SyncFolder, sync)
    }
}

struct TroubledFile {
    file: Box<dyn OpenFile>,
    path: PathBuf,
    handle: u64,
    disk: Arc<Shared>,
}

impl std::fmt::Debug for TroubledFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.fmt(f)
    }
}

impl Write for TroubledFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Trouble::Fail {
            how: How::Short, ..
        } = self.disk.trouble
        {
            // Of a call that fails a part is written before it does.
            let half = bytes.len() / 2;
            let file = &mut self.file;
            let what = || What::Write {
                handle: self.handle,
                bytes: String::new(),
            };
            let refused = self.disk.call(&self.path, what, || Ok(()));
            return match refused {
                Ok(()) => file.write(bytes),
                Err(error) => file.write_all(&bytes[..half]).and(Err(error)),
            };
        }
        let what = || What::Write {
            handle: self.handle,
            bytes: hex(bytes),
        };
        let file = &mut self.file;
        let write = || file.write_all(bytes).map(|()| bytes.len());
        self.disk.call(&self.path, what, write)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl OpenFile for TroubledFile {
    fn sync(&mut self) -> io::Result<()> {
        let file = &mut self.file;
        let what = || What::SyncFile {
            handle: self.handle,
        };
        self.disk.call(&self.path, what, || file.sync())
    }

    fn lock(&self) -> io::Result<bool> {
        self.disk
            .call(&self.path, || What::Lock, || self.file.lock())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

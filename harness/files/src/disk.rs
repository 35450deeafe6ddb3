//! The machine's own file system.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::system::{FileSystem, Kind, OpenFile, Opening};

/// The machine's file system.
#[derive(Debug)]
pub struct Disk;

impl FileSystem for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let facts = fs::metadata(path)?;
        Ok(if facts.is_dir() {
            Kind::Folder
        } else {
            Kind::File(facts.len())
        })
    }

    fn open(&self, path: &Path, how: Opening) -> io::Result<Box<dyn OpenFile>> {
        let mut options = OpenOptions::new();
        match how {
            Opening::New => options.write(true).create_new(true),
            Opening::Append => options.append(true).create(true),
            // Locks of the network want a file that may be written to; a folder is only ever read.
            Opening::Lock if path.is_dir() => options.read(true),
            Opening::Lock => options.write(true),
        };
        Ok(Box::new(DiskFile(options.open(path)?)))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        match fs::hard_link(file, name) {
            // A disk that knows no second names (FAT, some of the network): between the look and the
            // rename another process may come, and what it wrote is replaced.
            Err(error)
                if [ErrorKind::Unsupported, ErrorKind::PermissionDenied]
                    .contains(&error.kind()) =>
            {
                if name.try_exists()? {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                fs::rename(file, name)
            }
            linked => linked,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened as a file, and its names last by themselves.
        if cfg!(unix) {
            match File::open(folder)?.sync_all() {
                // A disk that has nothing to make last.
                Err(error)
                    if [ErrorKind::Unsupported, ErrorKind::InvalidInput]
                        .contains(&error.kind()) => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl OpenFile for DiskFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn begin_sync(&self) {
        use std::os::fd::AsRawFd;
        // SAFETY: the file is open as long as it is borrowed. What goes wrong `sync` meets again.
        unsafe { libc::sync_file_range(self.0.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    }

    fn lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

//! The file system in use: the machine's, unless a test put another in its place.

use std::sync::OnceLock;

use crate::disk::Disk;
use crate::system::FileSystem;

static INSTALLED: OnceLock<Box<dyn FileSystem>> = OnceLock::new();

/// The file system that this process uses: the machine's.
pub fn disk() -> &'static dyn FileSystem {
    INSTALLED.get_or_init(|| Box::new(Disk)).as_ref()
}

/// Puts another file system in the place of the machine's, for a test, before any file is touched.
///
/// # Panics
/// If one is in use.
pub fn install(system: Box<dyn FileSystem>) {
    assert!(INSTALLED.set(system).is_ok(), "a file system is in use");
}

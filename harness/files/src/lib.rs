//! Files that are either the old one or the whole new one, sealed records, and hashes. Nothing here
//! knows what is in the files.

mod disk;
mod error;
mod hash;
mod installed;
mod look;
mod seal;
mod system;
mod whole;

pub use disk::Disk;
pub use error::FileError;
pub use hash::{file_sha256, sha256};
pub use installed::{disk, install};
pub use look::{entries, exists, read_text};
pub use seal::{json, read_sealed, read_sealed_if_there, sealed};
pub use system::{FileSystem, Kind, OpenFile, Opening};
pub use whole::{copy, create_folders, draft, replace, write_atomically};

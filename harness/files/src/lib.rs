//! Files that are either the old one or the whole new one, sealed records, and hashes. Nothing here
//! knows what is in the files.

mod error;
mod hash;
mod look;
mod seal;
mod whole;

pub use error::FileError;
pub use hash::{file_sha256, sha256};
pub use look::{entries, exists};
pub use seal::{json, read_sealed, sealed};
pub use whole::{draft, replace, write_atomically};

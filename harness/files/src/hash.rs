//! SHA-256, in hexadecimal.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{FileError, disk};

/// The hash of these bytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The hash of what a file holds.
///
/// # Errors
/// If it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, FileError> {
    disk().read(path).map(sha256).map_err(FileError::io(path))
}

//! Sealed records: JSON that ends with the hash of what is before it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::look::is_absence;
use crate::{FileError, read_text, sha256};

const SEAL: &str = ",\n  \"sha256\": \"";

/// A record as it is written to a file of its own: JSON with, as its last field, the SHA-256 of all
/// before it, so that a changed digit is found.
///
/// # Panics
/// If the record is no plain data.
pub fn sealed<T: Serialize>(value: &T) -> Vec<u8> {
    let text = String::from_utf8(json(value)).expect("JSON is UTF-8");
    let body = text.trim_end().trim_end_matches('}').trim_end();
    format!("{body}{SEAL}{}\"\n}}\n", sha256(body)).into_bytes()
}

/// Reads a sealed record of a format; one without a seal, of an earlier version, is taken as it is.
///
/// # Errors
/// If it cannot be read, is of another format, or its seal is broken.
pub fn read_sealed<T: DeserializeOwned>(path: &Path, format: u32) -> Result<T, FileError> {
    let text = read_text(path)?;
    // Before all else: another version may be sealed in another way.
    if let Ok(Version { format: found }) = serde_json::from_str(&text)
        && found != format
    {
        return Err(FileError::Format {
            path: path.to_owned(),
            found,
            known: format,
        });
    }
    if let Some((body, seal)) = text.rsplit_once(SEAL)
        && !seal.starts_with(&sha256(body))
    {
        return Err(FileError::damaged(
            path,
            "its content is not what was written",
        ));
    }
    serde_json::from_str(&text).map_err(|error| FileError::damaged(path, error))
}

/// As [`read_sealed`]; `None` where there is no such file.
///
/// # Errors
/// If it is there and cannot be read, is of another format, or its seal is broken.
pub fn read_sealed_if_there<T: DeserializeOwned>(
    path: &Path,
    format: u32,
) -> Result<Option<T>, FileError> {
    match read_sealed(path, format) {
        Err(FileError::Io { error, .. }) if is_absence(&error) => Ok(None),
        read => read.map(Some),
    }
}

/// What every version of a record has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// JSON as it is written to files.
///
/// # Panics
/// If the value is no plain data.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records are plain data");
    text.push(b'\n');
    text
}

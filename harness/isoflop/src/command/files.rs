//! The files that a command has written.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::show::show_line;

/// Prints their names, a line each or as JSON.
///
/// # Errors
/// If a name is no Unicode and JSON is asked for.
pub fn show_files(written: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        show_line!("{}", serde_json::to_string(written)?);
    } else {
        for path in written {
            show_line!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

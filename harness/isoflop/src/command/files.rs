//! The files that a command has written.

use std::path::PathBuf;
use std::process::ExitCode;

/// Prints their names, a line each or as JSON.
///
/// # Errors
/// If a name is no Unicode and JSON is asked for.
pub fn show_files(written: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string(written)?);
    } else {
        for path in written {
            println!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

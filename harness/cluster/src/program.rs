//! The programs by which a cluster's engine is asked.

use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use crate::ClusterError;

/// Runs a program, with a text for it to read where there is one.
pub fn ask(program: &str, arguments: &[&str], input: Option<&str>) -> Result<Output, ClusterError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => ClusterError::NoProgram(program.to_owned()),
        _ => ClusterError::Refused {
            engine: "the system",
            message: format!("{program}: {error}"),
        },
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let (Some(text), Some(mut to)) = (input, child.stdin.take()) {
        // One that does not read it says why.
        let _ = to.write_all(text.as_bytes());
    }
    child.wait_with_output().map_err(failed)
}

/// What a program printed, if it did what it was asked.
pub fn succeeded(engine: &'static str, output: Output) -> Result<String, ClusterError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().map(|line| {
        let (_, message) = line.split_once("error: ").unwrap_or(("", line));
        message.trim()
    });
    let message: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    Err(ClusterError::Refused {
        engine,
        message: message.join("; "),
    })
}

//! Criterion's estimates of samples, through a child process of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use isoflop_files::{disk, exists, write_atomically};
use isoflop_ledger::Estimate;
use isoflop_suite::Seconds;
use serde::{Deserialize, Serialize};

/// Times of one benchmark, each of one iteration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Samples {
    pub group: String,
    pub name: String,
    pub seconds: Vec<Seconds>,
    /// Tokens per iteration.
    pub tokens: u64,
}

/// What Criterion writes of a benchmark: nanoseconds.
#[derive(Debug, Deserialize)]
struct Estimates {
    mean: Mean,
}

#[derive(Debug, Deserialize)]
struct Mean {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Debug, Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// The mean of each benchmark's samples with its 95% interval by bootstrap. Criterion's own files go to
/// `out`, in place of what is there, with a report where `plots` are wanted.
///
/// # Errors
/// If the statistics cannot be made.
pub fn estimates(all: &[Samples], out: &Path, plots: bool) -> anyhow::Result<Vec<Estimate>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    if exists(out)? {
        disk().remove(out)?;
    }
    let samples = out.join("samples.json");
    write_atomically(&samples, &serde_json::to_vec(all)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("statistics").args([&samples, out]);
    if plots {
        command.arg("--plots");
    }
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {said}", output.status);
    all.iter().map(|samples| read(samples, out)).collect()
}

fn read(samples: &Samples, out: &Path) -> anyhow::Result<Estimate> {
    let path = out
        .join(&samples.group)
        .join(&samples.name)
        .join("new/estimates.json");
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let mean = serde_json::from_slice::<Estimates>(&text)?.mean;
    let seconds = |nanoseconds: f64| nanoseconds * 1e-9;
    Ok(Estimate {
        value: seconds(mean.point_estimate),
        low: seconds(mean.confidence_interval.lower_bound),
        high: seconds(mean.confidence_interval.upper_bound),
    })
}

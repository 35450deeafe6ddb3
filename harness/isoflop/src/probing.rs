//! What a device is and whether it can be trusted, found out in a child process: a driver that crashes
//! or hangs takes the child down, and is a line in the report.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use isoflop_suite::{Flops, Precision, Seconds};
use isoflop_train::{AdapterFacts, Check, DeviceName, Kind, Verdict};
use serde::{Deserialize, Serialize};

use crate::children::{start, told};
use crate::workers::set_environment;

/// What a probing child reports, one JSON object a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// It begins with something that may take it down, or long.
    Doing { what: String },
    /// A backend's device.
    Device { name: DeviceName },
    /// What adapter and driver say.
    Adapter(AdapterFacts),
    /// What the device computes in.
    Precisions { precisions: Vec<Precision> },
    /// Seconds until the first result came back.
    Started { seconds: Seconds },
    /// The best rate of matrix multiplies.
    Multiply(Rate),
    /// The best rate of memory copies, in bytes per second.
    Copy { rate: f64 },
    /// A training check.
    Check(Check),
}

/// FLOPs per second of matrix multiplies in a precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub precision: Precision,
    pub rate: Flops,
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub device: String,
    pub adapter: Option<AdapterFacts>,
    /// Precisions it computes in.
    pub precisions: Vec<Precision>,
    /// Until the first result came back: opening the device and its first kernel.
    pub start_up: Option<Seconds>,
    /// Best rates of matrix multiplies.
    pub multiply: Vec<Rate>,
    /// Best rate of memory copies, in bytes per second.
    pub copy: Option<f64>,
    pub checks: Vec<Check>,
    /// What went wrong before a check could say so.
    pub trouble: Option<String>,
}

impl Report {
    pub fn new(device: String) -> Self {
        Report {
            device,
            adapter: None,
            precisions: Vec::new(),
            start_up: None,
            multiply: Vec::new(),
            copy: None,
            checks: Vec::new(),
            trouble: None,
        }
    }

    /// Whether the device is a graphics driver that computes on the processor.
    pub fn is_software(&self) -> bool {
        let kind = self.adapter.as_ref().map(|adapter| adapter.kind);
        kind == Some(Kind::Software)
    }

    /// The check in a precision.
    pub fn check(&self, precision: Precision) -> Option<&Check> {
        self.checks.iter().find(|it| it.precision == precision)
    }

    pub fn verdict(&self, precision: Precision) -> Verdict {
        match self.check(precision) {
            Some(check) => check.verdict,
            None => Verdict::Untested,
        }
    }

    /// The best rate of matrix multiplies in a precision.
    pub fn multiply(&self, precision: Precision) -> Option<Flops> {
        let rates = self.multiply.iter();
        rates
            .filter(|rate| rate.precision == precision)
            .map(|rate| rate.rate)
            .next_back()
    }

    fn add(&mut self, finding: Finding) {
        match finding {
            Finding::Doing { .. } | Finding::Device { .. } => {}
            Finding::Adapter(adapter) => self.adapter = Some(adapter),
            Finding::Precisions { precisions } => self.precisions = precisions,
            Finding::Started { seconds } => self.start_up = Some(seconds),
            Finding::Multiply(rate) => self.multiply.push(rate),
            Finding::Copy { rate } => self.copy = Some(rate),
            Finding::Check(check) => {
                self.checks.retain(|it| it.precision != check.precision);
                self.checks.push(check);
            }
        }
    }
}

/// The devices of a backend, or why it could not be asked.
pub fn list(backend: &str, limit: Duration) -> Result<Vec<DeviceName>, String> {
    let mut names = Vec::new();
    let mut command = child();
    command.arg(format!("--list={backend}"));
    follow(command, limit, |finding| {
        if let Finding::Device { name } = finding {
            names.push(name);
        }
    })?;
    Ok(names)
}

/// What a device's adapter and driver say.
pub fn identify(device: &DeviceName, limit: Duration) -> Report {
    let mut report = Report::new(device.to_string());
    let mut command = child();
    command.arg(format!("--device={device}"));
    set_environment(&mut command, false);
    let followed = follow(command, limit, |finding| report.add(finding));
    report.trouble = followed.err();
    report
}

/// Checks an identified device in each of `precisions`, and before that, where `measure` says so,
/// measures its peaks. Each step has `limit` to come to its end.
pub fn examine(
    report: &mut Report,
    precisions: &[Precision],
    measure: bool,
    cache: &std::path::Path,
    limit: Duration,
    mut tell: impl FnMut(&str),
) {
    // A child for each: what one does to a driver is not to spoil the next.
    if measure {
        let mut command = child();
        command.args([&format!("--device={}", report.device), "--measure"]);
        set_environment(&mut command, report.is_software());
        let followed = follow(command, limit, |finding| {
            if let Finding::Doing { what } = &finding {
                tell(what);
            }
            report.add(finding);
        });
        report.trouble = followed.err();
    }
    for precision in precisions {
        let mut command = child();
        command.args([
            format!("--device={}", report.device),
            format!("--check={precision}"),
            format!("--cache={}", cache.display()),
        ]);
        set_environment(&mut command, report.is_software());
        let followed = follow(command, limit, |finding| {
            if let Finding::Doing { what } = &finding {
                tell(what);
            }
            report.add(finding);
        });
        if let Err(trouble) = followed {
            report.add(Finding::Check(Check::failed(*precision, trouble)));
            // The others would take as long to end so.
            return;
        }
    }
}

fn child() -> Command {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.arg("probe");
    command
}

/// Runs a child to its end and hears its findings. What went wrong, where something did.
fn follow(
    mut command: Command,
    limit: Duration,
    mut hear: impl FnMut(Finding),
) -> Result<(), String> {
    let started = start(command.stdin(Stdio::null()));
    let (mut child, stdout, errors) = started.map_err(|error| format!("cannot start: {error}"))?;
    let findings = told(stdout);
    let mut doing = "starting".to_owned();
    loop {
        match findings.recv_timeout(limit) {
            Ok(finding) => {
                if let Finding::Doing { what } = &finding {
                    doing.clone_from(what);
                }
                hear(finding);
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("no answer in {} s: {doing}", limit.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    let errors = errors.join().unwrap_or_default();
    let errors = if errors.is_empty() {
        String::new()
    } else {
        format!(": {errors}")
    };
    Err(match signal(status) {
        Some(signal) => format!("crashed with {signal} in {doing}{errors}"),
        None => format!("failed in {doing}{errors}"),
    })
}

/// The name of the signal that ended a process, where one did.
#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<String> {
    let number = std::os::unix::process::ExitStatusExt::signal(&status)?;
    let names = [
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
    ];
    let name = names.iter().find(|(it, _)| *it == number);
    Some(name.map_or_else(
        || format!("signal {number}"),
        |(_, name)| (*name).to_owned(),
    ))
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<String> {
    None
}

//! `isoflop devices`: what this machine can train on, and what of it can be trusted.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use isoflop_corpus::default_cache;
use isoflop_device::{Check, Report, Subject};
use isoflop_suite::{Backend, DeviceName, Precision, Verdict};
use isoflop_train::{is_built, require_built};

use crate::show::{say, show, show_line, si};
use crate::training::devices::{LIMIT, Reports, identify, list};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Devices to ask [default: all that the machine has].
    #[arg(long, value_name = "DEVICE", value_delimiter = ',')]
    device: Vec<Subject>,
    /// Precisions to check [default: all that a device computes in, f32 on a software one].
    #[arg(long, value_name = "PRECISION", value_delimiter = ',')]
    precision: Vec<Precision>,
    /// Seconds without an answer after which a device is taken for hung.
    #[arg(long, value_name = "SECONDS", default_value_t = LIMIT.as_secs())]
    limit: u64,
    /// Where reports are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print every report as JSON.
    #[arg(long)]
    json: bool,
}

pub fn devices(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let limit = Duration::from_secs(arguments.limit);
    for subject in &arguments.device {
        require_built(&subject.device())?;
    }
    let cache = arguments.cache.clone().map_or_else(default_cache, Ok)?;
    let reports = Reports::new(&cache);
    let mut all = Vec::new();
    let mut shown = |report: Report| {
        // As soon as it is known: the next device may take minutes.
        if !arguments.json {
            if all.is_empty() {
                show!("{}", line(&HEADINGS.map(str::to_owned)));
            }
            show!("{}", line(&row(&report)));
        }
        all.push(report);
    };
    let of = |subject: &Subject| report(&reports, subject, &arguments.precision, limit);
    if arguments.device.is_empty() {
        shown(of(&DeviceName::Flex.into()));
        for backend in Backend::ALL.into_iter().filter(|it| is_built(*it)) {
            match list(backend.as_str(), limit) {
                Ok(found) => found.into_iter().for_each(|name| shown(of(&name.into()))),
                Err(trouble) => {
                    let mut report = Report::new(backend.as_str().to_owned());
                    report.trouble = Some(trouble);
                    shown(report);
                }
            }
        }
    }
    for subject in &arguments.device {
        shown(of(subject));
    }
    if arguments.json {
        show_line!("{}", serde_json::to_string(&all)?);
    } else {
        all.iter().for_each(|report| show!("{}", notes(report)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks a device everything anew.
fn report(reports: &Reports, subject: &Subject, asked: &[Precision], limit: Duration) -> Report {
    let mut report = identify(subject, limit);
    let tell = |what: &str| say!("{subject}: {what}");
    reports.find_out(subject, &mut report, &[], true, limit, tell);
    let precisions = if !asked.is_empty() {
        asked
    } else if report.is_software() || report.precisions.is_empty() {
        &[Precision::F32]
    } else {
        &report.precisions.clone()[..]
    };
    reports.find_out(subject, &mut report, precisions, false, limit, tell);
    report
}

const HEADINGS: [&str; 9] = [
    "device",
    "kind",
    "memory",
    "multiply",
    "copy",
    "start-up",
    "first step",
    "computes in",
    "check",
];
/// Widths of all but the last column, which are known before the first row is.
const WIDTHS: [usize; 8] = [10, 14, 8, 14, 10, 8, 10, 34];

/// A row of the table, before the others are known.
fn line(cells: &[String; 9]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        text += &format!("{cell:>width$}  ");
    }
    text + &cells[8] + "\n"
}

fn row(report: &Report) -> [String; 9] {
    let none = || "-".to_owned();
    let adapter = report.adapter.as_ref();
    let seconds = |seconds: Option<f64>| seconds.map_or_else(none, |it| format!("{it:.1} s"));
    let first_step = report.checks.iter().find_map(|check| check.first_step);
    let verdicts: Vec<String> = [Verdict::Trusted, Verdict::Untrusted, Verdict::Untested]
        .into_iter()
        .filter_map(|verdict| {
            let checks = report.checks.iter().filter(|it| it.verdict == verdict);
            let precisions: Vec<&str> = checks.map(|it| it.precision.as_str()).collect();
            let words = format!("{} in {}", verdict.as_str(), precisions.join(" "));
            (!precisions.is_empty()).then_some(words)
        })
        .collect();
    let best = report
        .multiply
        .iter()
        .map(|rate| rate.rate)
        .reduce(f64::max);
    let computes: Vec<&str> = report.precisions.iter().map(|it| it.as_str()).collect();
    [
        report.device.clone(),
        adapter.map_or_else(none, |it| it.kind.as_str().to_owned()),
        adapter
            .and_then(|it| it.memory)
            .map_or_else(none, |it| format!("{}B", si(it as f64))),
        best.map_or_else(none, |it| format!("{}FLOP/s", si(it))),
        report.copy.map_or_else(none, |it| format!("{}B/s", si(it))),
        seconds(report.start_up),
        seconds(first_step),
        if computes.is_empty() {
            none()
        } else {
            computes.join(" ")
        },
        if verdicts.is_empty() {
            Verdict::Untested.as_str().to_owned()
        } else {
            verdicts.join(", ")
        },
    ]
}

/// What does not fit a table: names, drivers, and what went wrong.
fn notes(report: &Report) -> String {
    let mut text = String::new();
    if let Some(adapter) = &report.adapter {
        let driver = adapter.driver.as_deref();
        let driver = driver.map_or_else(String::new, |driver| format!(", driver {driver}"));
        text += &format!("\n{}: {}{driver}\n", report.device, adapter.name);
    } else {
        text += &format!("\n{}\n", report.device);
    }
    if let Some(trouble) = report.trouble.as_ref().filter(|_| report.checks.is_empty()) {
        text += &format!("  {trouble}\n");
    }
    for rate in &report.multiply {
        let (precision, rate) = (rate.precision, si(rate.rate));
        text += &format!("  multiplies in {precision} at {rate}FLOP/s\n");
    }
    for check in &report.checks {
        text += &format!("  {}\n", of_check(check));
    }
    text
}

fn of_check(check: &Check) -> String {
    let words = check.reason.clone().or_else(|| {
        let worst = check.worst.as_ref()?;
        Some(format!("at worst {worst}"))
    });
    let trusted = check.verdict == Verdict::Trusted;
    let repeats = if trusted && !check.repeats {
        "; two runs alike differ in their last bits"
    } else {
        ""
    };
    let catches = check
        .catches
        .filter(|_| trusted)
        .map_or_else(String::new, |error| {
            format!("; a gradient wrong by more than {error:.1e} would have been found")
        });
    format!(
        "{} in {}: {}{catches}{repeats}",
        check.verdict.as_str(),
        check.precision,
        words.unwrap_or_default()
    )
}

//! What a device is and whether it can be trusted, found out in a child process: a driver that crashes
//! or hangs takes the child down, and is a line in the report.

use std::path::Path;
use std::time::Duration;

use isoflop_device::{Check, Report, Subject};
use isoflop_suite::{DeviceName, NoDevice, Precision};
use isoflop_train::{no_adapter, require_built};

use super::LIMIT;
use crate::training::children::{Child, Message, Order, Silence};

/// Notes in a report what a child says of its device.
fn note(report: &mut Report, message: Message) {
    match message {
        Message::Adapter(adapter) => report.adapter = Some(adapter),
        Message::Precisions { precisions } => report.precisions = precisions,
        Message::Started { seconds } => report.start_up = Some(seconds),
        Message::Multiply(rate) => report.multiply.push(rate),
        Message::Copy { rate } => report.copy = Some(rate),
        Message::Check(check) => {
            report.checks.retain(|it| it.precision != check.precision);
            report.checks.push(check);
        }
        // Of training and timing: a device that is probed is asked for neither.
        _ => {}
    }
}

/// Why a child did not come to the end of what it was ordered.
#[derive(Debug)]
struct Trouble {
    words: String,
    /// Whether it gave no answer in time, which says nothing of its numbers.
    late: bool,
}

fn fail(report: &mut Report, trouble: Trouble) {
    report.trouble = Some(trouble.words);
    report.late = trouble.late;
}

/// The devices of a backend, or why it could not be asked.
pub fn list(backend: &str, limit: Duration) -> Result<Vec<DeviceName>, String> {
    let mut names = Vec::new();
    let order = Order::List {
        backend: backend.to_owned(),
    };
    let followed = follow(&order, (false, backend), limit, |message| {
        if let Message::Device { name } = message {
            names.push(name);
        }
    });
    followed.map_err(|trouble| trouble.words)?;
    Ok(names)
}

/// What a device's adapter and driver say.
pub fn identify(subject: &Subject, limit: Duration) -> Report {
    let mut report = Report::new(subject.to_string());
    let order = Order::Identify {
        subject: subject.clone(),
    };
    let followed = follow(&order, (false, &report.device.clone()), limit, |message| {
        note(&mut report, message)
    });
    if let Err(trouble) = followed {
        fail(&mut report, trouble);
    }
    report
}

/// Measures an identified device's peaks. Each step has `limit` to come to its end.
pub fn measure_peaks(
    subject: &Subject,
    report: &mut Report,
    limit: Duration,
    tell: impl FnMut(&str),
) {
    let order = Order::Measure {
        subject: subject.clone(),
    };
    if let Err(trouble) = order_and_note(&order, report, limit, tell) {
        fail(report, trouble);
    }
}

/// Checks an identified device in a precision. Each step has `limit` to come to its end. Whether the check did.
pub fn check(
    subject: &Subject,
    report: &mut Report,
    precision: Precision,
    cache: &Path,
    limit: Duration,
    mut tell: impl FnMut(&str),
) -> bool {
    let order = Order::Check {
        subject: subject.clone(),
        precision,
        cache: cache.to_owned(),
    };
    let followed = order_and_note(&order, report, limit, &mut tell);
    let ended = followed.is_ok();
    if let Err(trouble) = followed {
        let check = if trouble.late {
            Check::unanswered(precision, trouble.words)
        } else {
            Check::failed(precision, trouble.words)
        };
        note(report, Message::Check(check));
    }
    if ended {
        let verdict = report.verdict(precision).as_str();
        tell(&format!("found {verdict} in {precision}"));
    }
    ended
}

/// Has a child of its own do something, as what one does to a driver is not to spoil the next, and notes what it finds.
fn order_and_note(
    order: &Order,
    report: &mut Report,
    limit: Duration,
    mut tell: impl FnMut(&str),
) -> Result<(), Trouble> {
    let what_for = (report.is_software(), &*report.device.clone());
    follow(order, what_for, limit, |message| {
        if let Message::Doing { what } = &message {
            tell(what);
        }
        note(report, message);
    })
}

/// Has a child of its own do one thing and hears what it finds. What went wrong, where something did.
fn follow(
    order: &Order,
    (software, what_for): (bool, &str),
    limit: Duration,
    mut hear: impl FnMut(Message),
) -> Result<(), Trouble> {
    let trouble = |words: String, late| Err(Trouble { words, late });
    let mut child = match Child::start(software, what_for) {
        Ok(child) => child,
        Err(error) => return trouble(format!("cannot start: {error}"), false),
    };
    child.order(order);
    let mut doing = "starting".to_owned();
    loop {
        match child.hear(limit) {
            Ok(Message::Finished) => return Ok(()),
            Ok(message) => {
                if let Message::Doing { what } = &message {
                    doing.clone_from(what);
                }
                hear(message);
            }
            Err(Silence::Ended(ending)) => {
                let errors = match ending.errors.as_str() {
                    "" => String::new(),
                    errors => format!(": {errors}"),
                };
                return match ending.signal() {
                    Some(signal) => {
                        trouble(format!("crashed with {signal} in {doing}{errors}"), false)
                    }
                    None => trouble(format!("failed in {doing}{errors}"), false),
                };
            }
            Err(silence @ Silence::Late(_)) => return trouble(format!("{silence}: {doing}"), true),
            Err(silence) => return trouble(format!("{doing}: {silence}"), false),
        }
    }
}

/// Refuses a device that the machine has not, as a child finds out.
///
/// # Errors
/// If it has not, or this build cannot use it.
pub fn require_device(device: &DeviceName) -> Result<(), NoDevice> {
    require_built(device)?;
    let DeviceName::Adapter(backend, index) = device else {
        return Ok(());
    };
    match list(backend.as_str(), LIMIT) {
        Ok(found) if found.len() > *index => Ok(()),
        Ok(found) => Err(no_adapter(device, *backend, found.len())),
        Err(help) => Err(NoDevice {
            name: device.to_string(),
            help,
        }),
    }
}

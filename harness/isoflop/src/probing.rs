//! What a device is and whether it can be trusted, found out in a child process: a driver that crashes
//! or hangs takes the child down, and is a line in the report.

use std::path::Path;
use std::time::Duration;

use isoflop_suite::{Flops, Precision, Seconds};
use isoflop_train::{AdapterFacts, Check, DeviceName, Kind, Subject, Verdict};
use serde::{Deserialize, Serialize};

use crate::children::{Child, Silence};
use crate::protocol::{Message, Order, Rate};

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
    /// Whether that was that it gave no answer in time, which says nothing of its numbers.
    #[serde(skip)]
    pub late: bool,
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
            late: false,
        }
    }

    fn fail(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble.words);
        self.late = trouble.late;
    }

    /// A check that was not made because of what went wrong before.
    pub fn unmade_check(&self, precision: Precision) -> Check {
        let trouble = self.trouble.clone().unwrap_or_default();
        if self.late {
            Check::unanswered(precision, trouble)
        } else {
            Check::failed(precision, trouble)
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

    fn add(&mut self, message: Message) {
        match message {
            Message::Adapter(adapter) => self.adapter = Some(adapter),
            Message::Precisions { precisions } => self.precisions = precisions,
            Message::Started { seconds } => self.start_up = Some(seconds),
            Message::Multiply(rate) => self.multiply.push(rate),
            Message::Copy { rate } => self.copy = Some(rate),
            Message::Check(check) => {
                self.checks.retain(|it| it.precision != check.precision);
                self.checks.push(check);
            }
            // Of training and timing: a device that is probed is asked for neither.
            _ => {}
        }
    }
}

/// Why a child did not come to the end of what it was ordered.
#[derive(Debug)]
struct Trouble {
    words: String,
    /// Whether it gave no answer in time, which says nothing of its numbers.
    late: bool,
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
        report.add(message)
    });
    if let Err(trouble) = followed {
        report.fail(trouble);
    }
    report
}

/// Checks an identified device in each of `precisions`, and before that, where `measure` says so,
/// measures its peaks. Each step has `limit` to come to its end.
pub fn examine(
    subject: &Subject,
    report: &mut Report,
    precisions: &[Precision],
    measure: bool,
    cache: &Path,
    limit: Duration,
    mut tell: impl FnMut(&str),
) {
    let (software, name) = (report.is_software(), subject.to_string());
    let mut hear = |report: &mut Report, message: Message| {
        if let Message::Doing { what } = &message {
            tell(what);
        }
        report.add(message);
    };
    // A child for each: what one does to a driver is not to spoil the next.
    if measure {
        let order = Order::Measure {
            subject: subject.clone(),
        };
        let followed = follow(&order, (software, &name), limit, |message| {
            hear(report, message)
        });
        if let Err(trouble) = followed {
            report.fail(trouble);
        }
    }
    for precision in precisions {
        let order = Order::Check {
            subject: subject.clone(),
            precision: *precision,
            cache: cache.to_owned(),
        };
        let followed = follow(&order, (software, &name), limit, |message| {
            hear(report, message)
        });
        if let Err(trouble) = followed {
            let check = if trouble.late {
                Check::unanswered(*precision, trouble.words)
            } else {
                Check::failed(*precision, trouble.words)
            };
            report.add(Message::Check(check));
            // The others would take as long to end so.
            return;
        }
    }
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

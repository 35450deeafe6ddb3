//! What has been found out of a device, and how it stands with a suite.

use isoflop_suite::{DeviceName, Flops, Precision, Seconds, Verdict};
use serde::{Deserialize, Serialize};

use crate::{AdapterFacts, Check, Kind};

/// FLOPs per second of matrix multiplies in a precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// What is multiplied in.
    pub precision: Precision,
    /// FLOPs per second.
    pub rate: Flops,
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The device's name, or the fault's.
    pub device: String,
    /// What adapter and driver say.
    pub adapter: Option<AdapterFacts>,
    /// Precisions it computes in.
    pub precisions: Vec<Precision>,
    /// Until the first result came back: opening the device and its first kernel.
    pub start_up: Option<Seconds>,
    /// Best rates of matrix multiplies.
    pub multiply: Vec<Rate>,
    /// Best rate of memory copies, in bytes per second.
    pub copy: Option<f64>,
    /// Training checks, at most one a precision.
    pub checks: Vec<Check>,
    /// What went wrong before a check could say so.
    pub trouble: Option<String>,
    /// Whether that was that it gave no answer in time, which says nothing of its numbers.
    #[serde(skip)]
    pub late: bool,
}

impl Report {
    /// The report of a device of which nothing is known.
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

    /// The verdict on a precision.
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
}

/// What a run needs to know of its device, as its coordinator tells it to workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it is a graphics driver that computes on the processor.
    pub software: bool,
    /// The GPU, of a device that is one.
    pub adapter: Option<AdapterFacts>,
    verdicts: Vec<(Precision, Verdict)>,
}

impl Standing {
    /// `flex` in f32, which others are checked against.
    pub fn reference() -> Self {
        Standing {
            verdicts: vec![(Precision::F32, Verdict::Trusted)],
            ..Standing::default()
        }
    }

    /// How a device with this report stands.
    pub fn of(device: &DeviceName, report: &Report) -> Self {
        let mut standing = match device {
            DeviceName::Flex => Standing::reference(),
            _ => Standing::default(),
        };
        standing.software = report.is_software();
        standing.adapter = report.adapter.clone().filter(|_| !device.is_processor());
        let checks = report.checks.iter();
        standing
            .verdicts
            .extend(checks.map(|check| (check.precision, check.verdict)));
        standing
    }

    /// The verdict on a precision.
    pub fn verdict(&self, precision: Precision) -> Verdict {
        let found = self.verdicts.iter().find(|(it, _)| *it == precision);
        found.map_or(Verdict::Untested, |(_, verdict)| *verdict)
    }
}

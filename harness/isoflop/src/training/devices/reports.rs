//! Which devices are trusted: reports of checks, kept in the user's cache folder for as long as
//! program, device, driver and settings are the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use isoflop_device::{AdapterFacts, Check, Report, Standing, Subject};
use isoflop_files::{disk, sha256, write_atomically};
use isoflop_suite::{Backend, DeviceName, Precision, Verdict};
use isoflop_train::is_built;

use super::LIMIT;
use super::examine::{check, identify, list, measure_peaks};
use crate::exit::Refusal;
use crate::show::say;
use crate::training::program::{COMMIT, FEATURES, cargo_lock_sha256, variables};

/// Reports in a cache folder.
#[derive(Debug, Clone)]
pub struct Reports {
    cache: PathBuf,
}

impl Reports {
    pub fn new(cache: &Path) -> Self {
        Reports {
            cache: cache.to_owned(),
        }
    }

    /// What is known of a device with this adapter, where that was found out before.
    fn find(&self, subject: &Subject, adapter: &AdapterFacts) -> Option<Report> {
        let text = disk().read(&self.path(subject, adapter)).ok()?;
        // One that cannot be read is found out anew.
        let report: Report = serde_json::from_slice(&text).ok()?;
        (report.adapter.as_ref() == Some(adapter)).then_some(report)
    }

    fn path(&self, subject: &Subject, adapter: &AdapterFacts) -> PathBuf {
        // What a verdict may depend on.
        let made = serde_json::json!([
            env!("CARGO_PKG_VERSION"),
            COMMIT,
            cargo_lock_sha256(),
            FEATURES,
            subject.to_string(),
            adapter,
            variables(&["BURN_", "CUBECL_", "WGPU_"]),
        ]);
        let key = &sha256(made.to_string())[..16];
        let name = format!("{}-{key}.json", subject.slug());
        self.cache.join("devices").join(name)
    }

    /// A device's report with a check in each of these precisions: what is known, and what has to be
    /// found out for that.
    pub fn establish(
        &self,
        device: &DeviceName,
        precisions: &[Precision],
        measure: bool,
    ) -> Report {
        self.complete(device, self.known(device), precisions, measure)
    }

    /// A report with what it lacks of that found out.
    fn complete(
        &self,
        device: &DeviceName,
        mut report: Report,
        precisions: &[Precision],
        measure: bool,
    ) -> Report {
        let missing: Vec<Precision> = precisions
            .iter()
            .copied()
            .filter(|precision| report.check(*precision).is_none())
            .collect();
        let measure = measure && report.start_up.is_none();
        if measure || !missing.is_empty() {
            let subject = device.clone().into();
            self.find_out(&subject, &mut report, &missing, measure, LIMIT, |what| {
                say!("checking {device} before it is trusted: {what}");
            });
        }
        report
    }

    /// Finds out what a report is to hold, and keeps what came to its end.
    pub fn find_out(
        &self,
        subject: &Subject,
        report: &mut Report,
        precisions: &[Precision],
        measure: bool,
        limit: Duration,
        mut tell: impl FnMut(&str),
    ) {
        // A device that cannot be opened, or does not come through its first kernel, has failed; one that
        // was slow to be measured may yet pass.
        let fell = report.trouble.is_some() && !report.late;
        let adapter = report.adapter.clone().filter(|_| !fell);
        let Some(adapter) = adapter else {
            let unmade = precisions
                .iter()
                .map(|precision| report.unmade_check(*precision));
            let unmade: Vec<Check> = unmade.collect();
            report.checks.extend(unmade);
            return;
        };
        if measure {
            measure_peaks(subject, report, limit, &mut tell);
            self.keep(subject, &adapter, report);
        }
        for precision in precisions {
            let ended = check(subject, report, *precision, &self.cache, limit, &mut tell);
            // Each may take minutes, and whoever stops has what was found.
            self.keep(subject, &adapter, report);
            if !ended {
                // The others would take as long to end so.
                return;
            }
        }
    }

    /// Keeps what came to its end.
    fn keep(&self, subject: &Subject, adapter: &AdapterFacts, report: &Report) {
        let mut kept = report.clone();
        kept.checks.retain(|check| check.first_step.is_some());
        kept.trouble = None;
        let text = serde_json::to_vec_pretty(&kept).expect("a report is plain data");
        // Without a cache it is found out again.
        let _ = write_atomically(&self.path(subject, adapter), &text);
    }

    /// How a device stands with a suite that trains in these precisions: checked in each that it has
    /// not been checked in, or, `unchecked`, as far as is known.
    ///
    /// # Errors
    /// If a check is asked for and it does not pass.
    pub fn standing(
        &self,
        device: &DeviceName,
        precisions: &[Precision],
        unchecked: bool,
    ) -> Result<Standing, Refusal> {
        if *device == DeviceName::Flex && precisions == [Precision::F32] {
            return Ok(Standing::reference());
        }
        if unchecked {
            return Ok(Standing::of(device, &self.known(device)));
        }
        let report = self.establish(device, precisions, false);
        for precision in precisions {
            let check = report.check(*precision);
            if let Some(check) = check.filter(|it| it.verdict != Verdict::Trusted) {
                return Err(Refusal::refused(format!(
                    "{device} is not trusted to train in {}: {}\n  help: `isoflop devices` shows what \
                     was found, `--unchecked` trains on it all the same, `--device flex` on the processor",
                    check.precision,
                    check.reason.as_deref().unwrap_or_default()
                )));
            }
        }
        Ok(Standing::of(device, &report))
    }

    /// What is known of a device without computing on it.
    fn known(&self, device: &DeviceName) -> Report {
        let subject = device.clone().into();
        let identified = identify(&subject, LIMIT);
        let adapter = identified.adapter.as_ref();
        let known = adapter.and_then(|adapter| self.find(&subject, adapter));
        known.unwrap_or(identified)
    }

    /// The device that multiplies fastest of those that pass the check in f32. A software rasteriser
    /// is not asked: `flex` uses the same processor better.
    pub fn best(&self) -> DeviceName {
        let mut best = (DeviceName::Flex, 0.0);
        let mut candidates = vec![DeviceName::Flex];
        for backend in Backend::ALL.into_iter().filter(|it| is_built(*it)) {
            candidates.extend(list(backend.as_str(), LIMIT).unwrap_or_default());
        }
        for device in candidates {
            let known = self.known(&device);
            if known.is_software() {
                continue;
            }
            let report = self.complete(&device, known, &[Precision::F32], true);
            let rate = report.multiply(Precision::F32).unwrap_or_default();
            if report.verdict(Precision::F32) == Verdict::Trusted && rate > best.1 {
                best = (device, rate);
            }
        }
        best.0
    }
}

/// The best device that passes its check, from the reports in this cache folder.
pub fn best_device(cache: &Path) -> DeviceName {
    Reports::new(cache).best()
}

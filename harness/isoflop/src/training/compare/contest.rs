//! Devices compared at the cells of a suite.

use std::path::PathBuf;

use anyhow::Context;
use isoflop_device::{Report, Standing};
use isoflop_ledger::{Comparison, Estimate, Pace, SuiteFolder};
use isoflop_suite::{DeviceName, PlannedCell, Precision, Verdict};

use super::{Finished, Samples, estimates};
use crate::planning::Suite;
use crate::show::{Labels, say};
use crate::training::children::{Assignment, Lap, Racer, race};
use crate::training::devices::{LIMIT, Reports};

/// Losses after the same steps that are further apart than this are not the same training.
const SAME_LOSS: f64 = 0.01;

/// What to compare, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The first with each of the others.
    pub devices: Vec<DeviceName>,
    /// Turns that each device has at each cell.
    pub rounds: usize,
    /// Measure devices too that do not pass their check.
    pub unchecked: bool,
    /// Where prepared corpora and reports of devices are kept.
    pub cache: PathBuf,
    /// The suite's results, by device.
    pub results: PathBuf,
}

/// Devices and what is known of them, and the cells they are compared at.
pub struct Contest<'a> {
    settings: &'a Settings,
    suite: &'a Suite,
    finished: &'a Finished,
    reports: Vec<Report>,
}

/// The times of one cell on one device.
pub type Times = Vec<f64>;

impl<'a> Contest<'a> {
    pub fn new(settings: &'a Settings, suite: &'a Suite, finished: &'a Finished) -> Self {
        let reports = Reports::new(&settings.cache);
        let precisions = suite.precisions();
        let known = |device| reports.establish(device, &precisions, true);
        Contest {
            settings,
            suite,
            finished,
            reports: settings.devices.iter().map(known).collect(),
        }
    }

    /// Why a device is not to be compared in a precision.
    fn distrust(&self, at: usize, precision: Precision) -> Option<String> {
        let report = &self.reports[at];
        match report.verdict(precision) {
            Verdict::Trusted => None,
            Verdict::Untested => Some("untested".to_owned()),
            Verdict::Untrusted => {
                let check = report.check(precision);
                let reason = check.and_then(|check| check.reason.as_deref());
                Some(format!("untrusted: {}", reason.unwrap_or_default()))
            }
        }
    }

    /// Every cell on every device.
    pub fn measure(&self) -> (Vec<Pace>, Vec<Times>) {
        let given = self.settings;
        let devices = given.devices.iter().zip(&self.reports);
        let racer = |(device, report)| Racer::new(self.assignment(device, report), LIMIT);
        let mut racers: Vec<Racer> = devices.map(racer).collect();
        let labels = Labels::of(&self.suite.plan.cells);
        let (mut rows, mut times) = (Vec::new(), Vec::new());
        let cells = &self.suite.plan.cells;
        for (i, planned) in cells.iter().enumerate() {
            say!("[{:>3}/{}] {}", i + 1, cells.len(), labels.label(planned));
            let precision = planned.cell.training.precision;
            let barred: Vec<Option<String>> = (0..racers.len())
                .map(|at| self.distrust(at, precision).filter(|_| !given.unchecked))
                .collect();
            let rounds = given.rounds;
            let laps = race(&mut racers, &barred, &planned.id, rounds);
            for (at, lap) in laps.into_iter().enumerate() {
                rows.push(self.row(at, planned, &lap));
                times.push(lap.steps);
            }
        }
        (rows, times)
    }

    /// All cores for the device whose turn it is.
    fn assignment(&self, device: &DeviceName, report: &Report) -> Assignment {
        Assignment {
            device: device.clone(),
            ..Assignment::new(
                self.suite,
                &self.settings.cache,
                Standing::of(device, report),
                &self.settings.results,
            )
        }
    }

    fn row(&self, at: usize, planned: &PlannedCell, lap: &Lap) -> Pace {
        let (report, cell) = (&self.reports[at], &planned.cell);
        let precision = cell.training.precision;
        let device = &self.settings.devices[at];
        let target = self.finished.time_to_loss(&planned.id);
        Pace {
            cell: planned.id.clone(),
            device: device.to_string(),
            adapter: report
                .adapter
                .as_ref()
                .map_or_else(String::new, |adapter| adapter.name.clone()),
            device_check: report.verdict(precision),
            precision,
            shape: [cell.model.width, cell.model.depth],
            params: planned.parameters.total(),
            tokens_per_step: cell.training.batch * cell.model.sequence_length,
            flops_per_step: cell.cost() / cell.training.steps as f64,
            first_steps: lap.first_steps,
            step: None,
            peak: report.multiply(precision.multiplies()),
            memory: lap.memory,
            loss: lap.loss,
            target_loss: target.as_ref().map(|(loss, _)| *loss),
            seconds_to_target: target.and_then(|(_, seconds)| seconds[at]),
            speed: None,
            comparison: lap
                .failed
                .clone()
                .or_else(|| self.distrust(at, precision))
                .map(Comparison::NotComparable),
        }
    }

    /// Adds Criterion's intervals, and what they say of each row.
    pub fn judge(
        &self,
        mut rows: Vec<Pace>,
        times: &[Times],
        folder: &SuiteFolder,
    ) -> anyhow::Result<Vec<Pace>> {
        let count = self.settings.devices.len();
        let (mut steps, mut speeds) = (Vec::new(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            let samples = |seconds: Vec<f64>| Samples {
                group: row.cell.to_string(),
                name: row.device.replace(':', "-"),
                seconds,
                tokens: row.tokens_per_step,
            };
            let first = at - at % count;
            // A device that failed on the way has not been through every round.
            let through = |at: usize| times[at].len() == self.settings.rounds;
            if through(at) {
                steps.push(samples(times[at].clone()));
            }
            if at != first && through(at) && through(first) {
                // Of the same round: what slowed the machine down slowed both.
                let ratios = times[first].iter().zip(&times[at]).map(|(a, b)| a / b);
                speeds.push(samples(ratios.collect()));
            }
        }
        let estimated = estimates(&steps, &folder.file("criterion"), true);
        let estimated = estimated.context("Criterion's statistics of steps")?;
        let scratch = folder.file(".speeds");
        let sped = estimates(&speeds, &scratch, false);
        let _ = std::fs::remove_dir_all(&scratch);
        let sped = sped.context("Criterion's statistics of speeds")?;
        let find = |samples: &[Samples], of: &[Estimate], row: &Pace| {
            let name = row.device.replace(':', "-");
            let at = samples
                .iter()
                .position(|it| it.group == row.cell.as_str() && it.name == name)?;
            of.get(at).copied()
        };
        for at in 0..rows.len() {
            rows[at].step = find(&steps, &estimated, &rows[at]);
            rows[at].speed = find(&speeds, &sped, &rows[at]);
            let first = rows[at - at % count].clone();
            rows[at].comparison = Some(judged(&rows[at], &first));
        }
        Ok(rows)
    }
}

fn judged(row: &Pace, first: &Pace) -> Comparison {
    let refused = |row: &Pace| Some(row.comparison.as_ref()?.reason()?.to_owned());
    if let Some(reason) = refused(row) {
        return Comparison::NotComparable(reason);
    }
    if row.device == first.device {
        return Comparison::Baseline;
    }
    if let Some(reason) = refused(first) {
        return Comparison::NotComparable(format!("{}: {reason}", first.device));
    }
    let (Some(speed), Some(loss), Some(reference)) = (row.speed, row.loss, first.loss) else {
        return Comparison::NotComparable("it was not measured".to_owned());
    };
    let apart_by = (loss - reference).abs() / reference;
    if apart_by.is_nan() || apart_by > SAME_LOSS {
        return Comparison::NotComparable(format!(
            "after the same steps its loss is {loss:.4} and that of {} {reference:.4}",
            first.device
        ));
    }
    if speed.low > 1.0 {
        Comparison::Faster
    } else if speed.high < 1.0 {
        Comparison::Slower
    } else {
        Comparison::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str, loss: Option<f64>, speed: [f64; 3]) -> Pace {
        let [value, low, high] = speed;
        Pace {
            cell: serde_json::from_str("\"0123456789abcdef\"").unwrap(),
            device: device.to_owned(),
            adapter: String::new(),
            device_check: Verdict::Trusted,
            precision: Precision::F32,
            shape: [8, 1],
            params: 100,
            tokens_per_step: 64,
            flops_per_step: 1e6,
            first_steps: None,
            step: None,
            peak: None,
            memory: None,
            loss,
            target_loss: None,
            seconds_to_target: None,
            speed: Some(Estimate { value, low, high }),
            comparison: None,
        }
    }

    #[test]
    fn another_loss_after_the_same_steps_is_not_comparable() {
        let first = row("flex", Some(2.0), [1.0; 3]);
        let of = |loss: f64| judged(&row("wgpu:0", Some(loss), [2.0, 1.9, 2.1]), &first);
        assert_eq!(of(2.019), Comparison::Faster);
        for loss in [2.021, 1.97, f64::NAN] {
            let comparison = of(loss);
            let reason = comparison.reason().expect("it is not comparable");
            assert!(reason.contains("that of flex 2.0000"), "{reason}");
        }
    }

    #[test]
    fn faster_and_slower_need_an_interval_that_leaves_one_out() {
        let first = row("flex", Some(2.0), [1.0; 3]);
        for (speed, expected) in [
            ([2.0, 1.01, 3.0], Comparison::Faster),
            ([0.5, 0.3, 0.99], Comparison::Slower),
            ([1.2, 0.9, 1.5], Comparison::Same),
        ] {
            assert_eq!(judged(&row("wgpu:0", Some(2.0), speed), &first), expected);
        }
        let mut unmeasured = row("wgpu:0", None, [1.0; 3]);
        unmeasured.speed = None;
        assert!(judged(&unmeasured, &first).reason().is_some());
    }
}

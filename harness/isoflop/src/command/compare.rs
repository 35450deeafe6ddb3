//! `isoflop compare`: how fast devices train the cells of a suite, and whether they agree.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_ledger::{
    Estimate, MachineRecord, Pace, SuiteFolder, pace_table, write_atomically, write_csv,
    write_parquet,
};
use isoflop_suite::{PlannedCell, Precision};
use isoflop_train::{DeviceName, Machine, Verdict};

use crate::agreement::Finished;
use crate::labels::Labels;
use crate::places::plots_of;
use crate::probing::Report;
use crate::protocol::Assignment;
use crate::racing::{Lap, Racer, race};
use crate::sampling::estimates;
use crate::show::{columns, si};
use crate::suite::{DeviceChoice, Suite, SuiteArguments};
use crate::trust::{LIMIT, Reports, Standing};

use super::plot;
use super::statistics::Samples;

/// Losses after the same steps that are further apart than this are not the same training.
const SAME_LOSS: f64 = 0.01;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The experiment definition.
    suite: PathBuf,
    /// Devices to compare, the first with each of the others.
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', required = true, num_args = 1..)]
    devices: Vec<DeviceName>,
    /// Turns that each device has at each cell.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(10..))]
    rounds: u16,
    /// Measure devices too that do not pass their check.
    #[arg(long)]
    unchecked: bool,
    /// Where prepared corpora and reports of devices are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Where results are kept, of this and of `isoflop run`.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Where figures go [default: beside the results, in `plots`].
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
}

pub fn compare(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let distinct: HashSet<&DeviceName> = arguments.devices.iter().collect();
    if distinct.len() < arguments.devices.len() {
        return Err(SameDevice.into());
    }
    let suite = Suite::open(&SuiteArguments {
        suite: arguments.suite.clone(),
        device: DeviceChoice::Named(DeviceName::Flex),
        cache: arguments.cache.clone(),
    })?;
    let results = arguments.results.join(&suite.definition.name);
    let folder = SuiteFolder::new(results.join("compare"));
    let finished = Finished::read(&results, &arguments.devices)?;
    let contest = Contest::new(arguments, &suite, &finished);
    let (rows, samples) = contest.measure();
    let rows = contest.judge(rows, &samples, &folder)?;
    write(&folder, &rows, &arguments.devices)?;
    let plots = plots_of(folder.path(), arguments.plots.as_deref());
    let figures = plot::draw_comparison(folder.path(), &plots)?;
    print!("{}", table(&rows, &suite.plan.cells));
    print!("{}", finished.laws());
    println!(
        "\nresults  {}\nreport   {}\nfigures  {} ({} files)",
        folder.path().display(),
        folder.file("criterion/report/index.html").display(),
        plots.display(),
        figures.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Bad usage.
#[derive(Debug, thiserror::Error)]
#[error("`--devices` names a device twice")]
pub struct SameDevice;

/// Devices and what is known of them, and the cells they are compared at.
struct Contest<'a> {
    arguments: &'a Arguments,
    suite: &'a Suite,
    finished: &'a Finished,
    reports: Vec<Report>,
}

/// The times of one cell on one device.
type Times = Vec<f64>;

impl<'a> Contest<'a> {
    fn new(arguments: &'a Arguments, suite: &'a Suite, finished: &'a Finished) -> Self {
        let cache = arguments.cache.clone();
        let reports = Reports::new(&cache.unwrap_or_else(isoflop_train::default_cache));
        let precisions = suite.precisions();
        let known = |device| reports.establish(device, &precisions, true);
        Contest {
            arguments,
            suite,
            finished,
            reports: arguments.devices.iter().map(known).collect(),
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
    fn measure(&self) -> (Vec<Pace>, Vec<Times>) {
        let given = self.arguments;
        let devices = given.devices.iter().zip(&self.reports);
        let racer = |(device, report)| Racer::new(self.assignment(device, report), LIMIT);
        let mut racers: Vec<Racer> = devices.map(racer).collect();
        let labels = Labels::of(&self.suite.plan.cells);
        let (mut rows, mut times) = (Vec::new(), Vec::new());
        let cells = &self.suite.plan.cells;
        for (i, planned) in cells.iter().enumerate() {
            eprintln!("[{:>3}/{}] {}", i + 1, cells.len(), labels.label(planned));
            let precision = planned.cell.training.precision;
            let barred: Vec<Option<String>> = (0..racers.len())
                .map(|at| self.distrust(at, precision).filter(|_| !given.unchecked))
                .collect();
            let rounds = usize::from(given.rounds);
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
        let cache = self.arguments.cache.clone();
        let cache = cache.unwrap_or_else(isoflop_train::default_cache);
        Assignment {
            device: device.clone(),
            ..self.suite.assignment(
                &cache,
                Standing::of(device, report),
                &self.arguments.results,
            )
        }
    }

    fn row(&self, at: usize, planned: &PlannedCell, lap: &Lap) -> Pace {
        let (report, cell) = (&self.reports[at], &planned.cell);
        let precision = cell.training.precision;
        let device = &self.arguments.devices[at];
        let target = self.finished.time_to_loss(&planned.id);
        Pace {
            cell: planned.id.clone(),
            device: device.to_string(),
            adapter: report
                .adapter
                .as_ref()
                .map_or_else(String::new, |adapter| adapter.name.clone()),
            device_check: report.verdict(precision).as_str().to_owned(),
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
            verdict: String::new(),
            reason: lap.failed.clone().or_else(|| self.distrust(at, precision)),
        }
    }

    /// Adds Criterion's intervals, and a verdict for each row.
    fn judge(
        &self,
        mut rows: Vec<Pace>,
        times: &[Times],
        folder: &SuiteFolder,
    ) -> anyhow::Result<Vec<Pace>> {
        let count = self.arguments.devices.len();
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
            let through = |at: usize| times[at].len() == usize::from(self.arguments.rounds);
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
            let (verdict, reason) = verdict(&rows[at], &first);
            rows[at].verdict = verdict.to_owned();
            rows[at].reason = reason;
        }
        Ok(rows)
    }
}

fn verdict(row: &Pace, first: &Pace) -> (&'static str, Option<String>) {
    let apart = |reason: String| ("not comparable", Some(reason));
    if let Some(reason) = &row.reason {
        return apart(reason.clone());
    }
    if row.device == first.device {
        return ("baseline", None);
    }
    if let Some(reason) = &first.reason {
        return apart(format!("{}: {reason}", first.device));
    }
    let (Some(speed), Some(loss), Some(reference)) = (row.speed, row.loss, first.loss) else {
        return apart("it was not measured".to_owned());
    };
    let apart_by = (loss - reference).abs() / reference;
    if apart_by.is_nan() || apart_by > SAME_LOSS {
        return apart(format!(
            "after the same steps its loss is {loss:.4} and that of {} {reference:.4}",
            first.device
        ));
    }
    if speed.low > 1.0 {
        ("faster", None)
    } else if speed.high < 1.0 {
        ("slower", None)
    } else {
        ("same", None)
    }
}

fn write(folder: &SuiteFolder, rows: &[Pace], devices: &[DeviceName]) -> anyhow::Result<()> {
    let mut made = pace_table(rows)?;
    write_parquet(&mut made, &folder.file("pace.parquet"))?;
    write_csv(&mut made, &folder.file("pace.csv"))?;
    folder.note_sums(&["pace.parquet"])?;
    let machine = Machine::here();
    let names: Vec<String> = devices.iter().map(DeviceName::to_string).collect();
    let record = MachineRecord {
        format: isoflop_ledger::FORMAT,
        system: machine.system,
        processor: machine.processor,
        threads: machine.threads,
        device: names.join(","),
        workers: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let text = serde_json::to_string_pretty(&record)? + "\n";
    write_atomically(&folder.file("machine.json"), text.as_bytes())?;
    Ok(())
}

fn table(rows: &[Pace], cells: &[PlannedCell]) -> String {
    let headings = [
        "cell",
        "device",
        "first steps",
        "tokens/s",
        "of peak",
        "memory",
        "loss",
        "to loss",
        "speed",
        "verdict",
    ];
    let none = || "-".to_owned();
    let labels = Labels::of(cells);
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cell = cells.iter().find(|planned| planned.id == row.cell);
            let tokens = row.tokens_per_step as f64;
            vec![
                cell.map_or_else(none, |it| labels.label(it)),
                row.device.clone(),
                row.first_steps.map_or_else(none, |it| format!("{it:.1} s")),
                row.step.map_or_else(none, |it| {
                    let (low, high) = (si(tokens / it.high), si(tokens / it.low));
                    format!("{} [{low}, {high}]", si(tokens / it.value))
                }),
                match (row.step, row.peak) {
                    (Some(step), Some(peak)) => {
                        format!("{:.1}%", 100.0 * row.flops_per_step / step.value / peak)
                    }
                    _ => none(),
                },
                row.memory
                    .map_or_else(none, |it| format!("{}B", si(it as f64))),
                row.loss.map_or_else(none, |it| format!("{it:.4}")),
                row.seconds_to_target
                    .map_or_else(none, |it| format!("{it:.1} s")),
                row.speed.map_or_else(none, |it| {
                    format!("{:.3}x [{:.3}, {:.3}]", it.value, it.low, it.high)
                }),
                match &row.reason {
                    Some(reason) => format!("{}: {reason}", row.verdict),
                    None => row.verdict.clone(),
                },
            ]
        })
        .collect();
    columns(&headings, &lines)
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
            device_check: "trusted".to_owned(),
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
            verdict: String::new(),
            reason: None,
        }
    }

    #[test]
    fn another_loss_after_the_same_steps_is_not_comparable() {
        let first = row("flex", Some(2.0), [1.0; 3]);
        let of = |loss: f64| verdict(&row("wgpu:0", Some(loss), [2.0, 1.9, 2.1]), &first);
        assert_eq!(of(2.019).0, "faster");
        for loss in [2.021, 1.97, f64::NAN] {
            let (words, reason) = of(loss);
            assert_eq!(words, "not comparable", "{loss}");
            let reason = reason.unwrap();
            assert!(reason.contains("that of flex 2.0000"), "{reason}");
        }
    }

    #[test]
    fn faster_and_slower_need_an_interval_that_leaves_one_out() {
        let first = row("flex", Some(2.0), [1.0; 3]);
        for (speed, words) in [
            ([2.0, 1.01, 3.0], "faster"),
            ([0.5, 0.3, 0.99], "slower"),
            ([1.2, 0.9, 1.5], "same"),
        ] {
            assert_eq!(verdict(&row("wgpu:0", Some(2.0), speed), &first).0, words);
        }
        let mut unmeasured = row("wgpu:0", None, [1.0; 3]);
        unmeasured.speed = None;
        assert_eq!(verdict(&unmeasured, &first).0, "not comparable");
    }
}

//! `isoflop compare`: how fast devices train the cells of a suite, and whether they agree.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_corpus::default_cache;
use isoflop_figure::{Outputs, PACE, draw_comparison};
use isoflop_files::write_atomically;
use isoflop_ledger::{
    FORMAT, MachineRecord, Pace, SuiteFolder, json_lines, pace_table, parquet, write_csv,
};
use isoflop_machine::Machine;
use isoflop_suite::{Change, DeviceName, PlannedCell};
use isoflop_train::require_built;

use crate::exit::Refusal;
use crate::planning::Suite;
use crate::show::{Labels, columns, plots_of, show, show_line, si};
use crate::training::compare::{Contest, Finished, Settings};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The experiment definition.
    suite: PathBuf,
    /// Change a setting of the definition; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<Change>,
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
    /// Print the rows as JSON Lines.
    #[arg(long)]
    json: bool,
}

pub fn compare(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let distinct: HashSet<&DeviceName> = arguments.devices.iter().collect();
    if distinct.len() < arguments.devices.len() {
        return Err(Refusal::usage("`--devices` names a device twice").into());
    }
    arguments.devices.iter().try_for_each(require_built)?;
    let cache = arguments.cache.clone().map_or_else(default_cache, Ok)?;
    let suite = Suite::open(
        &arguments.suite,
        &arguments.changes,
        &cache,
        DeviceName::Flex,
    )?;
    let results = arguments.results.join(&suite.definition.name);
    let folder = SuiteFolder::new(results.join("compare"));
    let finished = Finished::read(&results, &arguments.devices)?;
    let settings = Settings {
        devices: arguments.devices.clone(),
        rounds: usize::from(arguments.rounds),
        unchecked: arguments.unchecked,
        cache,
        results,
    };
    let contest = Contest::new(&settings, &suite, &finished);
    let (rows, samples) = contest.measure();
    let rows = contest.judge(rows, &samples, &folder)?;
    write(&folder, &rows, &arguments.devices)?;
    let plots = plots_of(folder.path(), arguments.plots.as_deref());
    let figures = draw_comparison(folder.path(), &Outputs::to(plots.clone()))?;
    if arguments.json {
        show!("{}", json_lines(&mut pace_table(&rows)?));
        return Ok(ExitCode::SUCCESS);
    }
    show!("{}", table(&rows, &suite.plan.cells));
    show!("{}", finished.laws());
    show_line!(
        "\nresults  {}\nreport   {}\nfigures  {} ({} files)",
        folder.path().display(),
        folder.file("criterion/report/index.html").display(),
        plots.display(),
        figures.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &SuiteFolder, rows: &[Pace], devices: &[DeviceName]) -> anyhow::Result<()> {
    let mut made = pace_table(rows)?;
    let bytes = parquet(&mut made).context(PACE)?;
    folder.write_noted(&[(PACE, &bytes)])?;
    write_csv(&mut made, &folder.file("pace.csv"))?;
    let machine = Machine::here();
    let names: Vec<String> = devices.iter().map(DeviceName::to_string).collect();
    let record = MachineRecord {
        format: FORMAT,
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
                row.comparison
                    .as_ref()
                    .map_or_else(none, |it| match it.reason() {
                        Some(reason) => format!("{}: {reason}", it.as_str()),
                        None => it.as_str().to_owned(),
                    }),
            ]
        })
        .collect();
    columns(&headings, &lines)
}

//! `isoflop status`: what of a suite is done, running, failed and left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use isoflop_cluster::{Element, SUBMISSIONS, Submission, elements, submissions};
use isoflop_ledger::{RunRecord, SuiteFolder};
use isoflop_suite::{PlannedCell, Retry, Status};
use serde::Serialize;

use super::opened::SuiteArguments;
use super::training::best_device;
use crate::exit::Exit;
use crate::planning::Suite;
use crate::show::{Labels, count, duration, show, show_line, si};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Print every cell as JSON.
    #[arg(long)]
    json: bool,
}

/// How a cell stands.
#[derive(Debug, Serialize)]
struct CellStatus {
    cell: String,
    /// `running`, `waiting`, or how it ended.
    status: &'static str,
    reason: Option<String>,
    /// Steps logged so far, of all.
    step: u64,
    steps: u64,
    tokens_per_second: Option<f64>,
    seconds_left: Option<f64>,
    #[serde(with = "isoflop_suite::number::option")]
    loss: Option<f64>,
    /// The element of a cluster's job that trains it.
    element: Option<String>,
    /// The machine that this is on.
    node: Option<String>,
    #[serde(skip)]
    words: String,
}

/// Exit code 3 where a cell is not done.
pub fn status(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.suite.open(best_device)?;
    let folder = suite.folder(&arguments.results);
    let labels = Labels::of(&suite.plan.cells);
    let excluded = folder.exclusions(suite.plan.ids())?;
    let mut all = Vec::new();
    for planned in &suite.plan.cells {
        let excluded = excluded.reason(&planned.id);
        all.push(cell_status(
            &folder,
            &suite.definition.retry,
            planned,
            labels.label(planned),
            excluded,
        )?);
    }
    if arguments.json {
        show_line!("{}", serde_json::to_string(&all)?);
    } else {
        show_cells(&suite, &all);
        show!("{}", of_cluster(&suite, &folder, &all)?);
    }
    let done = all.iter().all(|cell| cell.status == Status::Done.as_str());
    Ok(if done {
        ExitCode::SUCCESS
    } else {
        Exit::NotAllDone.into()
    })
}

fn cell_status(
    folder: &SuiteFolder,
    retry: &Retry,
    planned: &PlannedCell,
    words: String,
    excluded: Option<&str>,
) -> anyhow::Result<CellStatus> {
    let mut cell = CellStatus {
        cell: planned.id.to_string(),
        status: "waiting",
        reason: None,
        step: 0,
        steps: planned.cell.training.steps,
        tokens_per_second: None,
        seconds_left: None,
        loss: None,
        element: None,
        node: None,
        words,
    };
    if let Some(reason) = excluded {
        cell.status = Status::Excluded.as_str();
        cell.reason = Some(reason.to_owned());
        return Ok(cell);
    }
    let result = folder.result(&planned.id)?;
    let again = |it: &RunRecord| retry.again(it.status(), it.tries);
    if let Some(result) = result.as_ref().filter(|it| again(it)) {
        let end = &result.outcome.end;
        cell.reason = Some(format!(
            "{} before, {}",
            end.status().as_str(),
            end.reason().unwrap_or_default()
        ));
    } else if let Some(result) = result {
        let end = &result.outcome.end;
        cell.status = end.status().as_str();
        cell.reason = end.reason().map(str::to_owned);
        cell.tokens_per_second = result.outcome.tokens_per_second;
        if let Some(scores) = end.scores() {
            cell.loss = Some(scores.loss);
            cell.step = cell.steps;
        }
        return Ok(cell);
    }
    if let Some(under_way) = folder.under_way(&planned.id)? {
        if under_way.held {
            cell.status = "running";
            (cell.element, cell.node) = under_way
                .place
                .map_or((None, None), |place| (Some(place.element), place.node));
        }
        if let Some(step) = under_way.step {
            let rate = step.tokens as f64 / step.seconds;
            let left = planned.cell.tokens().saturating_sub(step.tokens) as f64;
            cell.step = step.step;
            cell.loss = Some(step.loss);
            cell.tokens_per_second = Some(rate);
            cell.seconds_left = under_way.held.then_some(left / rate);
        }
    }
    Ok(cell)
}

fn show_cells(suite: &Suite, all: &[CellStatus]) {
    let of = |status: &str| all.iter().filter(|cell| cell.status == status).count();
    let counts: Vec<String> = [
        "done",
        "running",
        "waiting",
        "failed",
        "diverged",
        "out-of-memory",
        "excluded",
    ]
    .into_iter()
    .filter(|status| of(status) > 0)
    .map(|status| format!("{} {status}", of(status)))
    .collect();
    show_line!(
        "{}: {}, {}",
        suite.definition.name,
        count(all.len(), "cell"),
        counts.join(", ")
    );
    for cell in all.iter().filter(|cell| cell.status != "done") {
        show_line!("  {}  {}  {}", cell.cell, cell.words, how(cell));
    }
}

/// What Slurm says of the elements that were submitted. It tells of these alone: how cells stand is in their folder.
fn of_cluster(suite: &Suite, folder: &SuiteFolder, cells: &[CellStatus]) -> anyhow::Result<String> {
    let all = submissions(&folder.file(SUBMISSIONS))?;
    let jobs: Vec<&str> = all.iter().flat_map(Submission::jobs).collect();
    if jobs.is_empty() {
        return Ok(String::new());
    }
    let known = match elements(&jobs, &suite.definition.name) {
        Ok(known) => known,
        // Not to be answered is not to be gone.
        Err(error) => {
            return Ok(format!("\nof the elements nothing is known now: {error}\n"));
        }
    };
    let is_last = |element: &Element| all.iter().any(|it| it.last == element.name);
    let mut text = "\n".to_owned();
    let mut waiting: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for element in &known {
        let node = element.node.as_deref().unwrap_or_default();
        let reason = element.reason.as_deref().unwrap_or_default();
        match element.state.as_str() {
            "PENDING" if is_last(element) => {
                text += &format!(
                    "  job {} makes the tables and figures when all elements have ended\n",
                    element.name
                );
            }
            "PENDING" => waiting.entry(why(reason)).or_default().push(&element.name),
            "RUNNING" => {
                text += &format!(
                    "  element {} runs on {node}, {} left\n",
                    element.name, element.time_left
                );
            }
            "COMPLETED" => {}
            state => {
                text += &format!(
                    "  element {} {}\n",
                    element.name,
                    ended(state, node, reason)
                )
            }
        }
    }
    for (why, names) in waiting {
        text += &format!(
            "  {} waiting{why}: {}\n",
            count(names.len(), "element"),
            names.join(", ")
        );
    }
    let ended = cells
        .iter()
        .all(|cell| !["waiting", "running"].contains(&cell.status));
    if !ended && !known.iter().any(Element::is_there) {
        text += "  no element is left, and cells are: `isoflop submit` again goes on with them\n";
    }
    Ok(text)
}

/// Why an element waits.
fn why(reason: &str) -> String {
    let known = [
        ("Resources", "for a free machine"),
        ("Priority", "behind other jobs"),
        ("BeginTime", "to be queued again"),
        (
            "PartitionConfig",
            "for ever: no machine of the partition has so many cores",
        ),
        (
            "PartitionTimeLimit",
            "for ever: the partition's time limit is shorter",
        ),
        (
            "PartitionNodeLimit",
            "for ever: the partition has not so many machines",
        ),
    ];
    let words = known.iter().find(|(name, _)| *name == reason);
    match words {
        Some((_, words)) => format!(" {words} ({reason})"),
        None if reason.is_empty() => String::new(),
        None => format!(" ({reason})"),
    }
}

/// How an element has ended that did not end in order.
fn ended(state: &str, node: &str, reason: &str) -> String {
    let on = if node.is_empty() {
        String::new()
    } else {
        format!(" on {node}")
    };
    let help = match reason {
        "JobLaunchFailure" => {
            ": it could not be started, or was killed; is the folder of its log on that machine?"
        }
        "TimeLimit" => ": its time ended before it had left checkpoints",
        _ => "",
    };
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    format!("is {}{on}{reason}{help}", state.to_lowercase())
}

fn how(cell: &CellStatus) -> String {
    let percent = 100.0 * cell.step as f64 / cell.steps as f64;
    match (cell.status, &cell.reason) {
        ("running", _) => {
            let rate = cell
                .tokens_per_second
                .map_or_else(String::new, |rate| format!(", {} tokens/s", si(rate)));
            let eta = cell.seconds_left.map_or_else(String::new, |left| {
                format!(
                    ", ETA {}",
                    duration(Duration::from_secs_f64(left.clamp(0.0, 1e12)))
                )
            });
            let element = cell.element.as_ref().map_or_else(String::new, |element| {
                let node = cell
                    .node
                    .as_ref()
                    .map_or_else(String::new, |node| format!(" ({node})"));
                format!(" in {element}{node}")
            });
            format!(
                "running{element}, step {} of {} ({percent:.0}%){rate}{eta}",
                cell.step, cell.steps
            )
        }
        ("waiting", _) if cell.step > 0 => {
            format!("waiting, begun: {percent:.0}% logged")
        }
        (status, Some(reason)) => format!("{status}: {reason}"),
        (status, None) => status.to_owned(),
    }
}

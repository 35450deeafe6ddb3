//! `isoflop plan`: what a suite is made of and what it costs, before anything is spent.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use isoflop_suite::{Decision, PlannedCell};
use isoflop_train::{Trainer, on_threads, open_device};

use crate::show::{columns, duration, si};

use super::run::{Suite, SuiteArguments};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Print the cells as JSON and measure no time.
    #[arg(long)]
    json: bool,
}

pub fn plan(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(&arguments.suite)?;
    let cells = &suite.plan.cells;
    if arguments.json {
        let records: Vec<_> = cells
            .iter()
            .map(|planned| {
                serde_json::json!({
                    "id": planned.id, "cell": planned.cell, "parameters": planned.parameters,
                    "flops": planned.flops, "memory": planned.memory, "epochs": planned.epochs,
                })
            })
            .collect();
        println!("{}", serde_json::to_string(&records)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}\n", suite.definition.description.trim());
    let facts = &suite.corpus.facts;
    println!(
        "corpus {}: {} tokens to train on, {} held out, vocabulary {}",
        &facts.sha256[..16],
        si(facts.train_tokens as f64),
        si(facts.validation_tokens as f64),
        facts.vocabulary
    );
    if let Some(entropy) = suite.corpus.entropy_rate {
        println!("exact entropy rate {entropy:.5} nats per token");
    }
    let seconds = times(&suite)?;
    print!("\n{}", table(cells, &seconds));
    if suite.plan.repeated > 0 {
        println!(
            "{} cells stand in more than one sweep and are trained once",
            suite.plan.repeated
        );
    }
    print!("{}", decisions(cells));
    let total: f64 = seconds.iter().sum();
    println!(
        "\n{} cells, {} FLOPs, about {} of one worker's time",
        cells.len(),
        si(suite.plan.cost()),
        duration(Duration::from_secs_f64(total))
    );
    Ok(ExitCode::SUCCESS)
}

fn table(cells: &[PlannedCell], seconds: &[f64]) -> String {
    let headings = [
        "cell",
        "width",
        "depth",
        "heads",
        "hidden",
        "batch",
        "steps",
        "rate",
        "precision",
        "N",
        "N no emb.",
        "D",
        "epochs",
        "FLOPs 6ND",
        "memory",
        "time",
    ];
    let rows: Vec<Vec<String>> = cells
        .iter()
        .zip(seconds)
        .map(|(planned, seconds)| {
            let (model, training) = (&planned.cell.model, &planned.cell.training);
            vec![
                planned.id.to_string(),
                model.width.to_string(),
                model.depth.to_string(),
                model.heads.to_string(),
                model.hidden.to_string(),
                training.batch.to_string(),
                training.steps.to_string(),
                format!("{:.2e}", training.schedule.learning_rate),
                training.precision.to_string(),
                si(planned.parameters.total() as f64),
                si(planned.parameters.non_embedding() as f64),
                si(planned.cell.tokens() as f64),
                format!("{:.2}", planned.epochs),
                si(planned.flops.six_n_total),
                format!("{}B", si(planned.memory as f64)),
                duration(Duration::from_secs_f64(*seconds)),
            ]
        })
        .collect();
    columns(&headings, &rows)
}

/// What rules derived, each once with the range of its values.
fn decisions(cells: &[PlannedCell]) -> String {
    let mut by_setting: BTreeMap<&str, (&Decision, Vec<f64>)> = BTreeMap::new();
    for decision in cells.iter().flat_map(|planned| &planned.decisions) {
        let entry = by_setting
            .entry(decision.setting)
            .or_insert((decision, Vec::new()));
        entry.1.extend(decision.value.parse::<f64>());
    }
    let mut text = String::new();
    for (setting, (decision, values)) in by_setting {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = if low == high {
            low.to_string()
        } else {
            format!("{low} to {high}")
        };
        text += &format!(
            "\n{setting} = {range}: {}\n  source: {}",
            decision.reason, decision.source
        );
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// Seconds of every cell on one worker, from a few real steps of a cell of each shape and batch.
fn times(suite: &Suite) -> anyhow::Result<Vec<f64>> {
    let device = open_device(&suite.device)?;
    let mut measured: Vec<(&PlannedCell, f64)> = Vec::new();
    let mut seconds = Vec::new();
    for planned in &suite.plan.cells {
        let cell = &planned.cell;
        let alike = |(other, _): &&(&PlannedCell, f64)| {
            let other = &other.cell;
            other.model == cell.model
                && (other.training.batch, other.training.micro_batch)
                    == (cell.training.batch, cell.training.micro_batch)
        };
        let known = measured.iter().find(alike).map(|(_, seconds)| *seconds);
        let per_step = match known {
            Some(seconds) => seconds,
            None => {
                let timed = on_threads(1, || -> Result<f64, isoflop_train::TrainError> {
                    Ok(Trainer::new(cell, &suite.corpus, &device)?.seconds_per_step())
                })??;
                measured.push((planned, timed));
                timed
            }
        };
        seconds.push(per_step * cell.training.steps as f64);
    }
    Ok(seconds)
}

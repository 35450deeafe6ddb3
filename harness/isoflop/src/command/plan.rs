//! `isoflop plan`: what a suite is made of and what it costs, before anything is spent.

use std::collections::BTreeMap;
use std::process::ExitCode;

use isoflop_corpus::Census;
use isoflop_machine::Memory;
use isoflop_suite::{Decision, PlannedCell, Tokenizer};

use super::opened::SuiteArguments;
use super::training::{best_device, forecast, require_device};
use crate::planning::Suite;
use crate::show::{Labels, columns, count, show, show_line, si};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
    /// Worker processes that would train at once [default: one per core on a processor, one on a GPU].
    #[arg(long)]
    workers: Option<usize>,
    /// Print the cells as JSON and measure no time.
    #[arg(long)]
    json: bool,
}

pub fn plan(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.suite.open(best_device)?;
    require_device(&suite.device)?;
    let cells = &suite.plan.cells;
    if arguments.json {
        let records: Vec<_> = cells
            .iter()
            .map(|planned| {
                serde_json::json!({
                    "id": planned.id, "cell": planned.cell, "parameters": planned.parameters,
                    "flops": planned.flops, "memory": suite.memory(planned), "epochs": planned.epochs,
                })
            })
            .collect();
        show_line!("{}", serde_json::to_string(&records)?);
        return Ok(ExitCode::SUCCESS);
    }
    show_line!("{}\n", suite.definition.description.trim());
    let facts = &suite.corpus.facts;
    show_line!(
        "corpus {}: {} tokens to train on, {} held out, vocabulary {}",
        &facts.sha256[..16],
        si(facts.train_tokens as f64),
        si(facts.validation_tokens as f64),
        facts.vocabulary
    );
    let are_shards = facts.tokenizer == Tokenizer::Shards;
    if let Some(census) = &suite.corpus.census {
        let held_out = format!(
            "{} in {}, {} held out",
            count(census.documents as usize, "document"),
            count(census.groups as usize, "group"),
            census.held_out
        );
        let unit = if are_shards { "tokens" } else { "bytes" };
        show!(
            "{held_out}\n{}",
            documents(census, "the held-out text", are_shards, unit)
        );
    }
    for set in &suite.corpus.sets {
        let there = format!(
            "validation set {}: {}, {} tokens",
            set.name,
            count(set.census.documents as usize, "document"),
            si(set.tokens.len() as f64)
        );
        let are_bytes = facts.tokenizer == Tokenizer::Bytes;
        let unit = if are_bytes { "bytes" } else { "tokens" };
        show!(
            "{there}\n{}",
            documents(&set.census, "it", are_shards, unit)
        );
    }
    if let Some(entropy) = suite.corpus.entropy_rate {
        show_line!("exact entropy rate {entropy:.5} nats per token");
    }
    show!("\n{}", table(&suite));
    if suite.plan.repeated > 0 {
        show_line!(
            "{} in more than one sweep, trained once",
            count(suite.plan.repeated, "cell")
        );
    }
    show!("{}", decisions(cells));
    show_line!(
        "\n{}, {} FLOPs",
        count(cells.len(), "cell"),
        si(suite.plan.cost())
    );
    show!("{}", memory(&suite));
    show!(
        "{}",
        forecast(&suite, &arguments.suite.cache()?, arguments.workers)
    );
    Ok(ExitCode::SUCCESS)
}

/// What became of a text's documents, and how much of what is scored is trained on as well.
fn documents(census: &Census, scored: &str, are_shards: bool, unit: &str) -> String {
    let mut text = String::new();
    if let Some(section) = census.section {
        let size = si(section as f64) + "B";
        text += &if are_shards {
            format!(
                "there are few documents, and so each is cut into documents of about {size}; is `end` the right token?\n"
            )
        } else {
            format!(
                "there are few documents, and so each is cut into documents of about {size} at the ends of lines; of plain \
                 files `separator` says where documents end\n"
            )
        };
    }
    if census.copies > 0 {
        let copies = if census.copies == 1 { "copy" } else { "copies" };
        text += &format!("left out: {} {copies} of these\n", census.copies);
    }
    for (why, (files, first)) in &census.skipped {
        let (what, why) = why.split_once(' ').unwrap_or(("file", why));
        let all = count(*files as usize, what);
        text += &format!("left out: {all} {why}, the first {first}\n");
    }
    text + &format!(
        "{:.1}% of {scored} lies in runs of {} {} that are trained on as well\n",
        100.0 * census.leak,
        census.run,
        unit
    )
}

/// The most memory that a cell takes, and whether there is as much.
fn memory(suite: &Suite) -> String {
    let Some(largest) = suite.plan.cells.iter().max_by_key(|it| suite.memory(it)) else {
        return String::new();
    };
    let needed = suite.memory(largest);
    let needs = format!("at most {}B of memory for a cell", si(needed as f64));
    let here = Memory::here().filter(|_| suite.device.is_processor());
    match here {
        Some(memory) if needed > memory.total => format!(
            "{needs}, and there is {}B: `run` refuses it\n",
            si(memory.total as f64)
        ),
        None => format!("{needs}; how much the device has is not known\n"),
        Some(_) => format!("{needs}\n"),
    }
}

fn table(suite: &Suite) -> String {
    let cells = &suite.plan.cells;
    let labels = Labels::of(cells);
    let mut headings = vec![
        "cell",
        "width",
        "depth",
        "heads",
        "hidden",
        "batch",
        "steps",
        "rate",
        "precision",
    ];
    // What varies and has no column of its own.
    let more: Vec<_> = labels
        .settings()
        .filter(|(name, _)| !headings.contains(name) && *name != "head width")
        .collect();
    headings.extend(more.iter().map(|(name, _)| *name));
    headings.extend(["N", "N no emb.", "D", "epochs", "FLOPs 6ND", "memory"]);
    let rows: Vec<Vec<String>> = cells
        .iter()
        .map(|planned| {
            let (model, training) = (&planned.cell.model, &planned.cell.training);
            let mut row = vec![
                planned.id.to_string(),
                model.width.to_string(),
                model.depth.to_string(),
                model.heads.to_string(),
                model.hidden.to_string(),
                training.batch.to_string(),
                training.steps.to_string(),
                format!("{:.2e}", training.schedule.learning_rate),
                training.precision.to_string(),
            ];
            row.extend(more.iter().map(|(_, of)| of(planned)));
            row.extend([
                si(planned.parameters.total() as f64),
                si(planned.parameters.non_embedding() as f64),
                si(planned.cell.tokens() as f64),
                format!("{:.2}", planned.epochs),
                si(planned.flops.six_n_total),
                format!("{}B", si(suite.memory(planned) as f64)),
            ]);
            row
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

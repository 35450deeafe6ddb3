//! Tables made from the folders of runs, and tables from anywhere.

use std::fs;
use std::path::Path;

use isoflop_suite::TrainingFlops;
use polars::prelude::{
    Column, CsvWriter, DataFrame, JsonFormat, JsonWriter, NamedFrom, ParquetWriter, PolarsResult,
    SerWriter, Series,
};

use crate::folder::hex_sha256;
use crate::{
    CellRecord, Finished, LedgerError, RunProvenance, RunRecord, SuiteFolder, write_atomically,
};

type Runs = [Finished];

/// `cells.parquet`: one row per run, with every setting, count, cost, time and loss of it. Rows are
/// in the order of width, depth, tokens and seed, so that the same runs make the same table.
///
/// # Errors
/// If a run cannot be read, or none has a result.
pub fn cells_table(folder: &SuiteFolder) -> Result<DataFrame, LedgerError> {
    let runs = sorted(folder)?;
    cells_frame(&runs).map_err(LedgerError::table(folder.path()))
}

/// The table that cells will make when they are done: all that is known of them before, and losses that
/// are placeholders, no two alike.
///
/// # Errors
/// Never, of cells; Polars may refuse columns.
pub fn planned_table(cells: &[CellRecord]) -> Result<DataFrame, LedgerError> {
    let runs = cells.iter().enumerate().map(|(at, cell)| Finished {
        run: RunRecord::placeholder(cell.id.clone(), 1.0 + 1e-6 * at as f64),
        cell: cell.clone(),
        planned: true,
    });
    let runs: Vec<Finished> = runs.collect();
    cells_frame(&runs).map_err(|error| LedgerError::Column(error.to_string()))
}

fn sorted(folder: &SuiteFolder) -> Result<Vec<Finished>, LedgerError> {
    let mut runs = folder.finished()?;
    if runs.is_empty() {
        return Err(LedgerError::NoRuns {
            path: folder.path().to_owned(),
        });
    }
    runs.sort_by_key(|run| {
        let (record, cell) = (&run.cell, &run.cell.cell);
        (
            cell.model.width,
            cell.model.depth,
            cell.tokens(),
            cell.seed,
            record.id.clone(),
        )
    });
    Ok(runs)
}

/// A column of one number or word per run.
macro_rules! column {
    ($runs:expr, $name:literal, $of:expr) => {{
        let of = $of;
        let values: Vec<_> = $runs.iter().map(|it| of(&it.cell, &it.run)).collect();
        Column::from(Series::new($name.into(), values))
    }};
}

fn cells_frame(runs: &Runs) -> PolarsResult<DataFrame> {
    let mut columns = identity(runs);
    columns.extend(settings(runs));
    columns.extend(counts(runs));
    columns.extend(measurements(runs));
    columns.extend(made_by(runs));
    DataFrame::new(runs.len(), columns)
}

fn identity(runs: &Runs) -> Vec<Column> {
    let planned: Vec<bool> = runs.iter().map(|run| run.planned).collect();
    vec![
        column!(runs, "cell", |c: &CellRecord, _: &RunRecord| c
            .id
            .to_string()),
        Column::from(Series::new("planned".into(), planned)),
        column!(runs, "device", |_: &CellRecord, r: &RunRecord| r
            .device
            .clone()),
        column!(runs, "adapter", |_: &CellRecord, r: &RunRecord| r
            .adapter
            .clone()),
        column!(runs, "driver", |_: &CellRecord, r: &RunRecord| r
            .driver
            .clone()),
        column!(runs, "device_check", |_: &CellRecord, r: &RunRecord| r
            .device_check
            .clone()
            .unwrap_or_else(|| "untested".to_owned())),
        column!(runs, "status", |_: &CellRecord, r: &RunRecord| r
            .outcome
            .status
            .as_str()),
        column!(runs, "reason", |_: &CellRecord, r: &RunRecord| r
            .outcome
            .reason
            .clone()),
        column!(runs, "attempt", |_: &CellRecord, r: &RunRecord| r.attempt),
        column!(runs, "version", |_: &CellRecord, r: &RunRecord| r
            .version
            .clone()),
    ]
}

/// What made each result.
fn made_by(runs: &Runs) -> Vec<Column> {
    type C = CellRecord;
    type R = RunRecord;
    fn made<T>(run: &R, of: impl Fn(&RunProvenance) -> Option<T>) -> Option<T> {
        run.provenance.as_ref().and_then(of)
    }
    fn settings(made: &RunProvenance) -> String {
        let settings = made.environment.iter();
        let settings: Vec<String> = settings
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        settings.join(" ")
    }
    vec![
        column!(runs, "commit", |_: &C, r: &R| made(r, |it| it
            .commit
            .clone())),
        column!(runs, "dirty", |_: &C, r: &R| made(r, |it| it.dirty)),
        column!(runs, "cargo_lock_sha256", |_: &C, r: &R| made(
            r,
            |it| Some(it.cargo_lock_sha256.clone())
        )),
        column!(runs, "features", |_: &C, r: &R| made(r, |it| Some(
            it.features.join(" ")
        ))),
        column!(runs, "command", |_: &C, r: &R| made(r, |it| Some(
            it.command.join(" ")
        ))),
        column!(runs, "system", |_: &C, r: &R| made(r, |it| Some(
            it.system.clone()
        ))),
        column!(runs, "processor", |_: &C, r: &R| made(r, |it| it
            .processor
            .clone())),
        column!(runs, "environment", |_: &C, r: &R| made(r, |it| Some(
            settings(it)
        ))),
    ]
}

fn settings(runs: &Runs) -> Vec<Column> {
    type C = CellRecord;
    type R = RunRecord;
    fn word<T: serde::Serialize>(value: &T) -> String {
        let json = serde_json::to_value(value).expect("settings are plain data");
        json.as_str()
            .map_or_else(|| json.to_string(), str::to_owned)
    }
    vec![
        column!(runs, "seed", |c: &C, _: &R| c.cell.seed),
        column!(runs, "corpus_sha256", |c: &C, _: &R| c
            .cell
            .corpus
            .sha256
            .clone()),
        column!(runs, "tokenizer", |c: &C, _: &R| word(
            &c.cell.corpus.tokenizer
        )),
        column!(runs, "vocabulary", |c: &C, _: &R| c.cell.model.vocabulary),
        column!(runs, "sequence_length", |c: &C, _: &R| c
            .cell
            .model
            .sequence_length),
        column!(runs, "width", |c: &C, _: &R| c.cell.model.width),
        column!(runs, "depth", |c: &C, _: &R| c.cell.model.depth),
        column!(runs, "heads", |c: &C, _: &R| c.cell.model.heads),
        column!(runs, "head_width", |c: &C, _: &R| c.cell.model.head_width),
        column!(runs, "hidden", |c: &C, _: &R| c.cell.model.hidden),
        column!(runs, "feed_forward", |c: &C, _: &R| word(
            &c.cell.model.feed_forward
        )),
        column!(runs, "bias", |c: &C, _: &R| c.cell.model.bias),
        column!(runs, "tied_head", |c: &C, _: &R| c.cell.model.tied_head),
        column!(runs, "steps", |c: &C, _: &R| c.cell.training.steps),
        column!(runs, "batch", |c: &C, _: &R| c.cell.training.batch),
        column!(runs, "micro_batch", |c: &C, _: &R| c
            .cell
            .training
            .micro_batch),
        column!(runs, "schedule", |c: &C, _: &R| word(
            &c.cell.training.schedule.kind
        )),
        column!(runs, "learning_rate", |c: &C, _: &R| c
            .cell
            .training
            .schedule
            .learning_rate),
        column!(runs, "warmup_steps", |c: &C, _: &R| c
            .cell
            .training
            .schedule
            .warmup_steps),
        column!(runs, "decay_steps", |c: &C, _: &R| c
            .cell
            .training
            .schedule
            .decay_steps),
        column!(runs, "beta_1", |c: &C, _: &R| c
            .cell
            .training
            .optimizer
            .beta_1),
        column!(runs, "beta_2", |c: &C, _: &R| c
            .cell
            .training
            .optimizer
            .beta_2),
        column!(runs, "weight_decay", |c: &C, _: &R| c
            .cell
            .training
            .optimizer
            .weight_decay),
        column!(runs, "gradient_clip", |c: &C, _: &R| c
            .cell
            .training
            .gradient_clip),
        column!(runs, "precision", |c: &C, _: &R| word(
            &c.cell.training.precision
        )),
        column!(runs, "evaluation_context", |c: &C, _: &R| c
            .cell
            .evaluation
            .context),
    ]
}

fn counts(runs: &Runs) -> Vec<Column> {
    type C = CellRecord;
    type R = RunRecord;
    let flops = |c: &C| TrainingFlops::new(&c.cell.model, c.cell.tokens());
    vec![
        column!(runs, "tokens", |c: &C, _: &R| c.cell.tokens()),
        column!(runs, "params_total", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .total()),
        column!(runs, "params_non_embedding", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .non_embedding()),
        column!(runs, "params_embedding", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .embedding),
        column!(runs, "params_attention", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .attention),
        column!(runs, "params_feed_forward", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .feed_forward),
        column!(runs, "params_norms", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .norms),
        column!(runs, "params_biases", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .biases),
        column!(runs, "params_head", |c: &C, _: &R| c
            .cell
            .model
            .parameters()
            .head),
        column!(runs, "flops_6n_total", |c: &C, _: &R| flops(c).six_n_total),
        column!(runs, "flops_6n_non_embedding", |c: &C, _: &R| flops(c)
            .six_n_non_embedding),
        column!(runs, "flops_matmul_full", |c: &C, _: &R| flops(c)
            .matmul_full),
        column!(runs, "flops_matmul_causal", |c: &C, _: &R| flops(c)
            .matmul_causal),
        column!(runs, "flops_budget", |c: &C, _: &R| c.flops_budget),
    ]
}

fn measurements(runs: &Runs) -> Vec<Column> {
    type C = CellRecord;
    type R = RunRecord;
    let bits = |r: &R| Some(r.outcome.loss? / std::f64::consts::LN_2 / r.bytes_per_token);
    vec![
        column!(runs, "loss", |_: &C, r: &R| r.outcome.loss),
        column!(runs, "loss_se", |_: &C, r: &R| r.outcome.loss_se),
        column!(runs, "bits_per_byte", |_: &C, r: &R| bits(r)),
        column!(runs, "train_loss", |_: &C, r: &R| r.outcome.train_loss),
        column!(runs, "skipped_steps", |_: &C, r: &R| r
            .outcome
            .skipped_steps),
        column!(runs, "entropy_rate", |_: &C, r: &R| r.entropy_rate),
        column!(runs, "scored_tokens", |_: &C, r: &R| r
            .outcome
            .scored_tokens),
        column!(runs, "threads", |_: &C, r: &R| r.threads as u64),
        column!(runs, "tokens_per_second", |_: &C, r: &R| r
            .outcome
            .tokens_per_second),
        column!(runs, "seconds_compile", |_: &C, r: &R| r
            .outcome
            .seconds
            .compile),
        column!(runs, "seconds_data", |_: &C, r: &R| r.outcome.seconds.data),
        column!(runs, "seconds_steps", |_: &C, r: &R| r
            .outcome
            .seconds
            .steps),
        column!(runs, "seconds_evaluation", |_: &C, r: &R| r
            .outcome
            .seconds
            .evaluation),
        column!(runs, "peak_memory_bytes", |_: &C, r: &R| r
            .outcome
            .peak_memory),
    ]
}

/// `curves.parquet`: one row per logged step of every run, with the counts that curves are drawn by.
///
/// # Errors
/// If a run or its log cannot be read, or none has a result.
pub fn curves_table(folder: &SuiteFolder) -> Result<DataFrame, LedgerError> {
    let (mut cell, mut planned) = (Vec::new(), Vec::new());
    let (mut params, mut total) = (Vec::new(), Vec::new());
    let mut all = Vec::new();
    for finished in sorted(folder)? {
        let record = &finished.cell;
        let steps = folder.steps(&finished.run)?;
        planned.extend(std::iter::repeat_n(finished.planned, steps.len()));
        cell.extend(std::iter::repeat_n(record.id.to_string(), steps.len()));
        params.extend(std::iter::repeat_n(
            record.cell.model.parameters().total(),
            steps.len(),
        ));
        total.extend(std::iter::repeat_n(record.cell.tokens(), steps.len()));
        all.extend(steps);
    }
    let rows = all.len();
    let means: Vec<Option<f64>> = all.iter().map(|step| step.mean_loss).collect();
    let of = |name: &str, values: Vec<f64>| Column::from(Series::new(name.into(), values));
    let whole = |name: &str, values: Vec<u64>| Column::from(Series::new(name.into(), values));
    let columns = vec![
        Column::from(Series::new("cell".into(), cell)),
        Column::from(Series::new("planned".into(), planned)),
        whole("params_total", params),
        whole("tokens_of_run", total),
        whole("step", all.iter().map(|step| step.step).collect()),
        whole("tokens", all.iter().map(|step| step.tokens).collect()),
        of("loss", all.iter().map(|step| step.loss).collect()),
        Column::from(Series::new("mean_loss".into(), means)),
        of(
            "learning_rate",
            all.iter().map(|step| step.learning_rate).collect(),
        ),
        of(
            "gradient_norm",
            all.iter().map(|step| step.gradient_norm).collect(),
        ),
        of("seconds", all.iter().map(|step| step.seconds).collect()),
    ];
    DataFrame::new(rows, columns).map_err(LedgerError::table(folder.path()))
}

/// Writes a table as Parquet, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn write_parquet(table: &mut DataFrame, path: &Path) -> Result<(), LedgerError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .finish(table)
        .map_err(LedgerError::table(path))?;
    write_atomically(path, &bytes)
}

/// Writes a table as CSV, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn write_csv(table: &mut DataFrame, path: &Path) -> Result<(), LedgerError> {
    write_atomically(path, csv(table).as_bytes())
}

/// A table as CSV.
///
/// # Panics
/// Never: memory takes what is written to it.
pub fn csv(table: &mut DataFrame) -> String {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(table)
        .expect("memory takes what is written to it");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A table as JSON Lines.
///
/// # Panics
/// Never: memory takes what is written to it.
pub fn json_lines(table: &mut DataFrame) -> String {
    let mut bytes = Vec::new();
    JsonWriter::new(&mut bytes)
        .with_json_format(JsonFormat::JsonLines)
        .finish(table)
        .expect("memory takes what is written to it");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// SHA-256 of a file, by which figures and fits name the table they are of.
///
/// # Errors
/// If the file cannot be read.
pub fn file_hash(path: &Path) -> Result<String, LedgerError> {
    let bytes = fs::read(path).map_err(LedgerError::io(path))?;
    Ok(hex_sha256(&bytes))
}

/// SHA-256 of a text.
pub fn text_hash(text: &str) -> String {
    hex_sha256(text.as_bytes())
}

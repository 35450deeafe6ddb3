//! Tables made from the folders of runs, and tables from anywhere.

use std::path::{Path, PathBuf};

use isoflop_files::write_atomically;
use isoflop_suite::Step;
use polars::prelude::{
    Column, CsvWriter, DataFrame, JsonFormat, JsonWriter, NamedFrom, ParquetWriter, PolarsResult,
    SerWriter, Series,
};

use crate::documents::{Spread, documents_frame};
use crate::schema::{cell_columns, names, set_columns};

use crate::{CellRecord, Finished, LedgerError, RunRecord, SuiteFolder};

type Runs = [Finished];

/// `cells.parquet`: one row per run, with every setting, count, cost, time and loss of it. Rows are
/// in the order of width, depth, tokens and seed, so that the same runs make the same table.
///
/// # Errors
/// If a run cannot be read, or none has a result.
pub fn cells_table(folder: &SuiteFolder) -> Result<DataFrame, LedgerError> {
    let mut runs = finished(folder)?;
    runs.sort_by_cached_key(order);
    cells_frame(&runs).map_err(LedgerError::table(folder.path()))
}

/// Makes the tables as Parquet, and as CSV where asked. Returns the files written.
///
/// # Errors
/// If a run cannot be read, none has a result, or the disk refuses.
pub fn make_tables(folder: &SuiteFolder, csv: bool) -> Result<Vec<PathBuf>, LedgerError> {
    let runs = finished(folder)?.into_iter().map(|run| {
        let steps = folder.steps(&run.run)?;
        Ok((run, steps))
    });
    write_tables(folder, runs.collect::<Result<_, LedgerError>>()?, csv)
}

/// Writes the tables of these runs, each with its logged steps, into a folder.
pub(crate) fn write_tables(
    folder: &SuiteFolder,
    mut runs: Vec<(Finished, Vec<Step>)>,
    csv: bool,
) -> Result<Vec<PathBuf>, LedgerError> {
    runs.sort_by_cached_key(|(run, _)| order(run));
    let (runs, steps): (Vec<Finished>, Vec<Vec<Step>>) = runs.into_iter().unzip();
    let refused = LedgerError::table(folder.path());
    let mut cells = cells_frame(&runs).map_err(refused)?;
    let refused = LedgerError::table(folder.path());
    let mut curves = curves_frame(&runs, steps).map_err(refused)?;
    let mut documents = documents_frame(&runs).map_err(LedgerError::table(folder.path()))?;
    let mut tables = vec![("cells", &mut cells), ("curves", &mut curves)];
    // Results of before have none.
    if documents.height() > 0 {
        tables.push(("documents", &mut documents));
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, table) in &mut tables {
        let bytes = parquet(table).map_err(LedgerError::table(folder.path()))?;
        files.push((format!("{name}.parquet"), bytes));
    }
    let noted = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    folder.write_noted(&noted.collect::<Vec<_>>())?;
    let mut written: Vec<PathBuf> = files.iter().map(|(name, _)| folder.file(name)).collect();
    if csv {
        for (name, table) in tables {
            let path = folder.file(&format!("{name}.csv"));
            write_csv(table, &path)?;
            written.push(path);
        }
    }
    Ok(written)
}

/// The table that cells will make when they are done: all that is known of them before, and losses that
/// are placeholders, no two alike.
///
/// # Errors
/// Never, of cells; Polars may refuse columns.
pub fn planned_table(cells: &[CellRecord]) -> Result<DataFrame, LedgerError> {
    let runs = cells.iter().enumerate().map(|(at, cell)| Finished {
        run: RunRecord::placeholder(cell, 1.0 + 1e-6 * at as f64),
        cell: cell.clone(),
        planned: true,
        excluded: None,
        spread: Some(Spread {
            common: 0.01,
            own: 0.005,
        }),
    });
    let runs: Vec<Finished> = runs.collect();
    cells_frame(&runs).map_err(|error| LedgerError::Column(error.to_string()))
}

fn finished(folder: &SuiteFolder) -> Result<Vec<Finished>, LedgerError> {
    let runs = folder.finished()?;
    if runs.is_empty() {
        return Err(LedgerError::NoRuns {
            path: folder.path().to_owned(),
        });
    }
    Ok(runs)
}

/// What rows are ordered by.
fn order(run: &Finished) -> impl Ord + use<> {
    let (record, cell) = (&run.cell, &run.cell.cell);
    (
        cell.model.width,
        cell.model.depth,
        cell.tokens(),
        cell.seed,
        cell.order_seed(),
        record.id.clone(),
        run.run.device.clone(),
    )
}

fn cells_frame(runs: &Runs) -> PolarsResult<DataFrame> {
    let columns = cell_columns().map(|column| Column::from((column.series)(runs)));
    DataFrame::new(runs.len(), columns.chain(set_columns(runs)).collect())
}

/// `curves.parquet`: one row per logged step of every run, with the counts that curves are drawn by.
fn curves_frame(runs: &Runs, steps: Vec<Vec<Step>>) -> PolarsResult<DataFrame> {
    let (mut cell, mut planned) = (Vec::new(), Vec::new());
    let (mut params, mut total) = (Vec::new(), Vec::new());
    let mut all = Vec::new();
    for (finished, steps) in runs.iter().zip(steps) {
        let record = &finished.cell;
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
        Column::from(Series::new(names::CELL.into(), cell)),
        Column::from(Series::new(names::PLANNED.into(), planned)),
        whole(names::PARAMS_TOTAL, params),
        whole("tokens_of_run", total),
        whole("step", all.iter().map(|step| step.step).collect()),
        whole(names::TOKENS, all.iter().map(|step| step.tokens).collect()),
        of(names::LOSS, all.iter().map(|step| step.loss).collect()),
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
    DataFrame::new(rows, columns)
}

/// A table as Parquet.
///
/// # Errors
/// If Polars refuses.
pub fn parquet(table: &mut DataFrame) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(table)?;
    Ok(bytes)
}

/// Writes a table as CSV, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn write_csv(table: &mut DataFrame, path: &Path) -> Result<(), LedgerError> {
    Ok(write_atomically(path, csv(table).as_bytes())?)
}

/// A table as CSV. Words that a spreadsheet would take for a formula have an apostrophe before them.
///
/// # Panics
/// Never: memory takes what is written to it.
pub fn csv(table: &mut DataFrame) -> String {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(&mut without_formulas(table))
        .expect("memory takes what is written to it");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn without_formulas(table: &DataFrame) -> DataFrame {
    let escaped = |word: &str| {
        let formula = word.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula && word.parse::<f64>().is_err() {
            format!("'{word}")
        } else {
            word.to_owned()
        }
    };
    let mut safe = table.clone();
    for column in table.columns() {
        let Ok(words) = column.str() else {
            continue;
        };
        let words: Vec<Option<String>> = words.iter().map(|word| word.map(escaped)).collect();
        let column = Column::from(Series::new(column.name().clone(), words));
        safe.with_column(column)
            .expect("it has the rows of the one before");
    }
    safe
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

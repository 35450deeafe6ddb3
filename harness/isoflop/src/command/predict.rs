//! `isoflop predict`: what a fitted law says of the runs of a table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_fits::{KeptLaw, Predicted, Voice, kept_laws, predict_rows, read_any};
use isoflop_ledger::{Columns, csv, json_lines, read_table};

use super::columns::{ColumnArguments, say_notes, table_of};
use crate::exit::Exit;
use crate::show::{count, say, show};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A fits.json, or a fit as `isoflop fit --json` prints it.
    fits: PathBuf,
    /// A CSV, Parquet, JSON or JSON Lines table, or a folder of results.
    table: PathBuf,
    #[command(flatten)]
    columns: ColumnArguments,
    /// Print JSON Lines instead of CSV.
    #[arg(long)]
    json: bool,
}

/// What a law says of every row: the table as CSV, with its loss, the law's interval there, the interval
/// of a run's loss, and how far the row lies beyond the runs fitted. Of fits made for each value of a
/// column, each row has that of its value; of laws that hidden runs do not tell apart, the average.
pub fn predict(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let records = read_any(&arguments.fits)?;
    let laws = kept_laws(&records)?;
    anyhow::ensure!(
        !laws.is_empty(),
        "{}: there is no law in it",
        arguments.fits.display()
    );
    let path = table_of(&arguments.table);
    let table = read_table(&path)?;
    say_notes(&path, &table.notes);
    let columns = Columns::new(table.frame);
    let mut targets: Vec<&Option<String>> = laws.iter().map(|law| &law.target).collect();
    targets.dedup();
    let mut more: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    for target in targets {
        let mine: Vec<&KeptLaw> = laws.iter().filter(|law| law.target == *target).collect();
        let rows = predict_rows(&mine, &columns, &arguments.columns.names())?;
        say_what_is_left_out(&mine, &rows);
        more.extend(said(&rows, target.as_deref()));
    }
    let voices: usize = laws.iter().map(|law| law.voices.len()).sum();
    if records.len() > voices {
        say!(
            "the file holds {} fits; of several of the same rows the first law is used, or those that hidden runs do not \
             tell apart",
            records.len()
        );
    }
    let more = more
        .iter()
        .map(|(name, numbers)| (name.as_str(), numbers.clone()));
    let mut table = columns.with(more.collect())?;
    if arguments.json {
        show!("{}", json_lines(&mut table));
    } else {
        show!("{}", csv(&mut table));
    }
    let all_converged = laws
        .iter()
        .all(|law| law.voices.iter().all(|voice| voice.fit.converged));
    Ok(if all_converged {
        ExitCode::SUCCESS
    } else {
        Exit::Refused.into()
    })
}

/// The law that forecasts, or the laws with their weights.
fn forecast(law: &KeptLaw) -> String {
    if let [alone] = law.voices.as_slice() {
        return alone.fit.form.equation().to_owned();
    }
    let voices = law
        .voices
        .iter()
        .map(|Voice { weight, fit, .. }| format!("{:.0}% {}", 100.0 * weight, fit.form.equation()));
    let voices: Vec<String> = voices.collect();
    format!(
        "averaged over laws that hidden runs do not tell apart: {}",
        voices.join(", ")
    )
}

/// What is said of every row, by column; of several columns that are predicted, each with its name.
fn said(rows: &[Option<Predicted>], target: Option<&str>) -> Vec<(String, Vec<Option<f64>>)> {
    let number = |of: &dyn Fn(&Predicted) -> Option<f64>| -> Vec<Option<f64>> {
        rows.iter().map(|row| of(row.as_ref()?)).collect()
    };
    let end = |interval: Option<[f64; 2]>, at: usize| interval.map(|ends| ends[at]);
    let named = |name: &str| match target {
        Some(target) => format!("{target}_{name}"),
        None => name.to_owned(),
    };
    let predicted = target.map_or_else(
        || "predicted_loss".to_owned(),
        |target| format!("predicted_{target}"),
    );
    vec![
        (predicted, number(&|row| Some(row.said.loss))),
        (named("law_low"), number(&|row| end(row.said.ci95, 0))),
        (named("law_high"), number(&|row| end(row.said.ci95, 1))),
        (named("run_low"), number(&|row| end(row.said.run95, 0))),
        (named("run_high"), number(&|row| end(row.said.run95, 1))),
        (
            named("times_beyond"),
            number(&|row| Some(row.times_beyond())),
        ),
    ]
}

/// Beyond the fitted runs by more than this is far.
const FAR: f64 = 2.0;

fn say_what_is_left_out(laws: &[&KeptLaw], rows: &[Option<Predicted>]) {
    let said: BTreeSet<String> = laws.iter().map(|law| forecast(law)).collect();
    for equation in said {
        say!("{equation}");
    }
    let voices = || laws.iter().flat_map(|law| &law.voices);
    for voice in voices().filter(|voice| !voice.fit.converged) {
        let trouble = voice.fit.trouble.as_deref().unwrap_or("it is no minimum");
        say!("the fit did not converge, and its numbers are not to be used: {trouble}");
    }
    let without = rows.iter().filter(|row| row.is_none()).count();
    if without > 0 {
        say!(
            "{} left empty: they have no number above zero for the law, or no law is for them",
            count(without, "row")
        );
    }
    let mut furthest: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for (variable, times) in rows.iter().flatten().flat_map(|row| &row.beyond) {
        let far = times.max(1.0 / times);
        if far > FAR {
            let (rows, most) = furthest.entry(variable).or_insert((0, 1.0));
            *rows += 1;
            *most = most.max(far);
        }
    }
    for (variable, (rows, times)) in furthest {
        say!(
            "{} far beyond the runs fitted in {variable}, by up to {times:.1} times",
            count(rows, "row")
        );
    }
}

//! `isoflop predict`: what a fitted law says of the runs of a table.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_law::{Fit, Prediction, Record};
use isoflop_ledger::{Columns, csv, json_lines, read_table};

use super::fit::table_of;
use crate::fitting::read_any;
use crate::quantities::Names;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A fits.json, or a fit as `isoflop fit --json` prints it.
    fits: PathBuf,
    /// A CSV, Parquet, JSON or JSON Lines table, or a folder of results.
    table: PathBuf,
    #[command(flatten)]
    names: Names,
    /// Print JSON Lines instead of CSV.
    #[arg(long)]
    json: bool,
}

/// The first law of the fits, said of every row: the table as CSV, with its loss, the law's interval
/// there and the interval of a run's loss.
pub fn predict(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let records = read_any(&arguments.fits)?;
    let law = records.iter().find_map(Record::law);
    let law =
        law.with_context(|| format!("{}: there is no law in it", arguments.fits.display()))?;
    let fit = law.fit().context("the fit lacks parameters of its form")?;
    let columns = Columns::new(read_table(&table_of(&arguments.table))?);
    let predicted = predictions(&fit, &columns, &arguments.names)?;
    let number = |of: &dyn Fn(&Prediction) -> Option<f64>| -> Vec<Option<f64>> {
        predicted.iter().map(|p| of(p.as_ref()?)).collect()
    };
    let mut table = columns.with(vec![
        ("predicted_loss", number(&|p| Some(p.loss))),
        ("law_low", number(&|p| p.ci95.map(|[low, _]| low))),
        ("law_high", number(&|p| p.ci95.map(|[_, high]| high))),
        ("run_low", number(&|p| p.run95.map(|[low, _]| low))),
        ("run_high", number(&|p| p.run95.map(|[_, high]| high))),
    ])?;
    eprintln!("{}", fit.form.equation());
    let without = predicted.iter().filter(|p| p.is_none()).count();
    if without > 0 {
        eprintln!("{without} rows lack a number above zero for the law, and are left empty");
    }
    if arguments.json {
        print!("{}", json_lines(&mut table));
    } else {
        print!("{}", csv(&mut table));
    }
    Ok(ExitCode::SUCCESS)
}

fn predictions(
    fit: &Fit,
    columns: &Columns,
    names: &Names,
) -> anyhow::Result<Vec<Option<Prediction>>> {
    let variables: Vec<Vec<Option<f64>>> = names
        .variables(columns, fit.form)?
        .iter()
        .map(|source| source.numbers(columns))
        .collect::<Result<_, _>>()?;
    let row = |row: usize| {
        let x: Option<Vec<f64>> = variables.iter().map(|values| values[row]).collect();
        let usable = x.filter(|x| x.iter().all(|x| x.is_finite() && *x > 0.0));
        usable.map(|x| fit.predict(&x))
    };
    Ok((0..columns.rows()).map(row).collect())
}

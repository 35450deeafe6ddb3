//! `isoflop fit`: a law fitted to a table of runs from anywhere.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_law::{FitOptions, Objective, Record};
use isoflop_ledger::{Columns, file_hash, read_table};
use isoflop_suite::slips;

use crate::Exit;
use crate::filter::Filter;
use crate::fitting::{Choice, Rows, Shape};
use crate::quantities::Names;
use crate::telling::{compete, describe};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV, Parquet, JSON or JSON Lines table, or a folder of results.
    table: PathBuf,
    /// The law, or several to compare: power, offset, shifted, saturating, broken, chinchilla, kaplan,
    /// data-constrained, width-depth; or isoflop, for slices of equal compute.
    #[arg(long, required = true, value_delimiter = ',')]
    form: Vec<Shape>,
    /// What to make small: huber-log, huber-likelihood, lsq-log or lsq.
    #[arg(long, default_value = "huber-log", value_parser = ["huber-log", "huber-likelihood", "lsq-log", "lsq"])]
    objective: String,
    /// Where Huber's function turns linear: in log residuals, or in scales of the likelihood.
    #[arg(long, default_value_t = 1e-3, value_parser = positive)]
    delta: f64,
    #[command(flatten)]
    names: Names,
    /// A fit for each value of a column.
    #[arg(long, value_name = "COL")]
    by: Option<String>,
    /// Only rows for which this holds, such as "loss < 4 and dataset = 'rw'".
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<Filter>,
    /// Bootstrap resamples.
    #[arg(long, value_name = "B", default_value_t = 1000)]
    bootstrap: usize,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Do not fit this parameter, but take it as given; may be repeated. Laws are fitted in two stages so.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_value)]
    fix: Vec<(String, f64)>,
    /// Hide the K largest runs by FLOPs, fit the others, and score what that says of the hidden ones.
    #[arg(long, value_name = "K")]
    holdout: Option<usize>,
    /// Print the fit as JSON; several as an array.
    #[arg(long)]
    json: bool,
}

pub fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| match slips::number(text) {
        Some(meant) => format!("write {meant}"),
        None => format!("{error}"),
    })?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err("not a finite number above zero".to_owned())
    }
}

/// `NAME=VALUE`.
fn named_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as NAME=VALUE, such as E=1.7")?;
    let value = value.trim().parse().map_err(|error| format!("{error}"))?;
    Ok((name.trim().to_owned(), value))
}

pub fn fit(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = table_of(&arguments.table);
    let columns = Columns::new(read_table(&path)?);
    let hash = file_hash(&path)?;
    let rows = Rows::of(&columns, &hash, arguments.filter.as_ref())?;
    if arguments.filter.is_some() {
        eprintln!("{} of {} rows kept", rows.rows.len(), columns.rows());
    }
    let parts = match &arguments.by {
        Some(column) => rows.by(column)?,
        None => vec![rows],
    };
    let alone = parts.len() == 1 && arguments.form.len() == 1 && arguments.by.is_none();
    let mut records = Vec::new();
    let mut refusal = None;
    for part in &parts {
        let mut of_part = Vec::new();
        for shape in &arguments.form {
            match part.fit(&choice(arguments, *shape)) {
                Ok(record) => of_part.push(record),
                Err(error) if alone => return Err(error),
                // One of several that cannot be fitted does not keep the others back.
                Err(error) => {
                    let of = part
                        .by
                        .as_ref()
                        .map(|[column, value]| format!(" of {column} = {value}"));
                    eprintln!("no fit of `{shape}`{}: {error:#}", of.unwrap_or_default());
                    refusal = Some(error);
                }
            }
        }
        if !arguments.json {
            tell(
                &of_part,
                part.by.as_ref().filter(|_| !records.is_empty()).is_some(),
            );
        }
        records.extend(of_part);
    }
    if arguments.json {
        print_json(&records, alone)?;
    }
    let all_converged = records.iter().all(Record::converged);
    match refusal {
        Some(error) if records.is_empty() => Err(error),
        _ if !all_converged => Ok(Exit::Refused.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn choice(arguments: &Arguments, shape: Shape) -> Choice {
    Choice {
        shape,
        names: arguments.names.clone(),
        options: FitOptions {
            objective: Objective::named(&arguments.objective, arguments.delta).unwrap_or_default(),
            bootstrap: arguments.bootstrap,
            seed: arguments.seed,
            fixed: arguments.fix.clone(),
        },
        holdout: arguments.holdout,
    }
}

fn tell(records: &[Record], after_others: bool) {
    for (index, record) in records.iter().enumerate() {
        if after_others || index > 0 {
            println!();
        }
        print!("{}", describe(record));
    }
    let scored = records
        .iter()
        .filter_map(Record::law)
        .filter(|law| law.holdout.is_some());
    if scored.count() > 1 {
        print!("\n{}", compete(records));
    }
}

fn print_json(records: &[Record], alone: bool) -> anyhow::Result<()> {
    let text = match records {
        [one] if alone => serde_json::to_string(one)?,
        all => serde_json::to_string(all)?,
    };
    println!("{text}");
    Ok(())
}

/// A table's file, or the table of a folder of results.
pub fn table_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("cells.parquet")
    } else {
        path.to_owned()
    }
}

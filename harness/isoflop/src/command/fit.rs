//! `isoflop fit`: a law fitted to a table of runs from anywhere.

use std::path::PathBuf;
use std::process::ExitCode;

use isoflop_law::{FitOptions, Form, Objective};
use isoflop_ledger::{Columns, file_hash, read_table};

use crate::fitting::{Choice, describe, fit_columns};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV, Parquet or JSON Lines table, or a folder of results.
    table: PathBuf,
    /// The law: power, offset or chinchilla.
    #[arg(long)]
    form: Form,
    /// The variable of a law of one variable.
    #[arg(long, value_name = "COLUMN")]
    x: Option<String>,
    /// Parameters.
    #[arg(long, value_name = "COLUMN", default_value = "params_total")]
    n: String,
    /// Training tokens.
    #[arg(long, value_name = "COLUMN", default_value = "tokens")]
    d: String,
    /// Loss.
    #[arg(long, value_name = "COLUMN", default_value = "loss")]
    loss: String,
    /// Where Huber's function of the log residuals turns linear.
    #[arg(long, default_value_t = 1e-3)]
    delta: f64,
    /// Bootstrap resamples.
    #[arg(long, default_value_t = 1000)]
    bootstrap: usize,
    /// Of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the fit as JSON.
    #[arg(long)]
    json: bool,
}

pub fn fit(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = if arguments.table.is_dir() {
        arguments.table.join("cells.parquet")
    } else {
        arguments.table.clone()
    };
    let columns = Columns::new(read_table(&path)?);
    let choice = Choice {
        form: arguments.form,
        variables: Choice::variables_of(
            arguments.form,
            arguments.x.as_deref(),
            &arguments.n,
            &arguments.d,
        )?,
        loss: arguments.loss.clone(),
        options: FitOptions {
            objective: Objective::HuberLog {
                delta: arguments.delta,
            },
            bootstrap: arguments.bootstrap,
            seed: arguments.seed,
        },
    };
    let record = fit_columns(&columns, &choice, &file_hash(&path)?)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&record)?);
    } else {
        print!("{}", describe(&record));
    }
    Ok(ExitCode::SUCCESS)
}

//! `isoflop allocate`: what to train for a compute budget.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_law::Record;

use super::fit::positive;
use crate::fitting::read_any;
use crate::telling::{advise, allocations};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A fits.json, or a fit as `isoflop fit --json` prints it.
    fits: PathBuf,
    /// The budget in training FLOPs.
    #[arg(long, value_parser = positive)]
    flops: f64,
    /// Print the allocations as JSON: an array, one for each way of counting FLOPs.
    #[arg(long)]
    json: bool,
}

pub fn allocate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let records = read_any(&arguments.fits)?;
    let trades = |record: &&Record| match record {
        Record::Law(record) => record.allocation.is_some(),
        Record::Isoflop(_) => true,
    };
    let record = records.iter().find(trades).unwrap_or(&records[0]);
    match record {
        Record::Law(law) if arguments.json => {
            let fit = law.fit().context("the fit lacks parameters of its form")?;
            let all = allocations(law, &fit, arguments.flops)?;
            println!("{}", serde_json::to_string(&all)?);
        }
        Record::Isoflop(_) if arguments.json => {
            anyhow::bail!("slices give a table only: leave out --json, or fit `chinchilla`")
        }
        _ => print!("{}", advise(record, arguments.flops)?),
    }
    Ok(ExitCode::SUCCESS)
}

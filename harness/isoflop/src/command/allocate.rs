//! `isoflop allocate`: what to train for a compute budget.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_law::FitRecord;

use crate::fitting::{advise, read_fits};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A fits.json, or one fit as `isoflop fit --json` prints it.
    fits: PathBuf,
    /// The budget in training FLOPs, C = 6 N D.
    #[arg(long)]
    flops: f64,
    /// Print the allocation as JSON.
    #[arg(long)]
    json: bool,
}

pub fn allocate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.fits;
    anyhow::ensure!(path.exists(), "{}: there is no such file", path.display());
    let records = match isoflop_ledger::read_json::<FitRecord>(path) {
        Ok(one) => vec![one],
        Err(_) => read_fits(path)?,
    };
    anyhow::ensure!(
        arguments.flops.is_finite() && arguments.flops > 0.0,
        "--flops is a finite number above zero"
    );
    let record = records.iter().find(|record| record.allocation.is_some());
    let record = record.or(records.first());
    let fit = record.and_then(FitRecord::fit);
    let fit = fit.with_context(|| format!("{}: there is no fit in it", path.display()))?;
    if arguments.json {
        println!(
            "{}",
            serde_json::to_string(&isoflop_law::allocate(&fit, arguments.flops)?)?
        );
    } else {
        print!("{}", advise(&fit, arguments.flops)?.trim_start());
    }
    Ok(ExitCode::SUCCESS)
}

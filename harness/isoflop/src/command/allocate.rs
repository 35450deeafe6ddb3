//! `isoflop allocate`: what to train for a compute budget.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use isoflop_fits::{each_value, read_any};
use isoflop_law::{Allocation, FitRecord, Record};
use serde::Serialize;

use super::numbers::positive;
use crate::exit::Exit;
use crate::show::{advise, allocations, say, show, show_line};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A fits.json, or a fit as `isoflop fit --json` prints it.
    fits: PathBuf,
    /// The budget in training FLOPs.
    #[arg(long, value_parser = positive)]
    flops: f64,
    /// Print the allocations as JSON: an array, one for each way of counting FLOPs and each value that
    /// was fitted apart.
    #[arg(long)]
    json: bool,
}

/// An allocation, and of which rows it speaks.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a [String; 2]>,
    #[serde(flatten)]
    allocation: Allocation,
}

/// An answer for each value of the column that the fits were made by; of several forms fitted to the same
/// rows, by the first that trades parameters against data.
pub fn allocate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let records = read_any(&arguments.fits)?;
    let trades = |record: &Record| match record {
        Record::Law(record) => record.allocation.is_some(),
        Record::Isoflop(_) => true,
    };
    let mut lines = Vec::new();
    let mut all_converged = true;
    let parts = each_value(&records, trades);
    for (index, (by, record)) in parts.iter().enumerate() {
        all_converged &= record.converged();
        match record {
            Record::Law(law) if arguments.json => {
                let found = allocated(law, arguments.flops)?;
                lines.extend(found.into_iter().map(|allocation| Line {
                    by: *by,
                    allocation,
                }));
            }
            Record::Isoflop(_) if arguments.json => {
                anyhow::bail!("slices give a table only: leave out --json, or fit `chinchilla`")
            }
            _ => {
                if let Some([column, value]) = by {
                    let gap = if index > 0 { "\n" } else { "" };
                    show_line!("{gap}{column} = {value}");
                }
                show!("{}", advise(record, arguments.flops)?);
            }
        }
    }
    if arguments.json {
        show_line!("{}", serde_json::to_string(&lines)?);
    }
    Ok(if all_converged {
        ExitCode::SUCCESS
    } else {
        Exit::Refused.into()
    })
}

fn allocated(law: &FitRecord, flops: f64) -> anyhow::Result<Vec<Allocation>> {
    let fit = law.fit().context("the fit lacks parameters of its form")?;
    let (found, refused) = allocations(law, &fit, flops)?;
    refused.iter().for_each(|error| say!("{error}"));
    Ok(found)
}

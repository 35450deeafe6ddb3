//! Whether devices that trained a whole suite agree: when each reached a loss, and which law each gave.

use std::path::Path;

use isoflop_law::FitRecord;
use isoflop_ledger::{Columns, read_table};
use isoflop_suite::{CellId, Nats, Seconds};
use isoflop_train::DeviceName;

use crate::fitting::read_fits;
use crate::show::{columns, interval, number};

/// Logged losses averaged for the loss at a time: single batches scatter.
const AVERAGED: usize = 8;

/// The training runs of devices that have trained the whole suite.
pub struct Finished {
    /// Each device's law, where it has one, and its training curves.
    devices: Vec<(DeviceName, Option<FitRecord>, Option<Columns>)>,
}

impl Finished {
    /// What `run` has left of each device.
    ///
    /// # Errors
    /// If a table or fit is there and cannot be read.
    pub fn read(results: &Path, devices: &[DeviceName]) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for device in devices {
            let folder = results.join(device.slug());
            let fits = read_fits(&folder.join("fits.json"))?;
            let curves = folder.join("curves.parquet");
            let curves = if curves.exists() {
                Some(Columns::new(read_table(&curves)?))
            } else {
                None
            };
            all.push((
                device.clone(),
                fits.iter().find_map(|fit| fit.law().cloned()),
                curves,
            ));
        }
        Ok(Finished { devices: all })
    }

    /// The lowest loss that every device's run of a cell reached, and when each did; nothing where one
    /// has not trained it.
    pub fn time_to_loss(&self, cell: &CellId) -> Option<(Nats, Vec<Option<Seconds>>)> {
        let curves: Option<Vec<Vec<(Seconds, Nats)>>> = self
            .devices
            .iter()
            .map(|(_, _, table)| curve(table.as_ref()?, cell))
            .collect();
        let curves = curves?;
        let lowest = |curve: &Vec<(Seconds, Nats)>| {
            let losses = curve.iter().map(|(_, loss)| *loss);
            losses.fold(f64::INFINITY, f64::min)
        };
        let target = curves.iter().map(lowest).fold(0.0, f64::max);
        let when = |curve: &Vec<(Seconds, Nats)>| {
            let reached = curve.iter().find(|(_, loss)| *loss <= target);
            reached.map(|(seconds, _)| *seconds)
        };
        Some((target, curves.iter().map(when).collect()))
    }

    /// Each device's law beside the first one's, and whether their intervals hold each other's values.
    pub fn laws(&self) -> String {
        let fitted: Vec<(&DeviceName, &FitRecord)> = self
            .devices
            .iter()
            .filter_map(|(device, law, _)| Some((device, law.as_ref()?)))
            .collect();
        let [(first, law), others @ ..] = &fitted[..] else {
            return "\nno laws to compare: `isoflop run` on each device fits them\n".to_owned();
        };
        let mut text = String::new();
        for (device, other) in others.iter().filter(|(_, other)| other.form == law.form) {
            let mut rows = Vec::new();
            let mut apart = Vec::new();
            for (name, value) in &law.params {
                let (Some(there), ours, theirs) = (
                    other.params.get(name),
                    law.ci95.get(name).copied(),
                    other.ci95.get(name).copied(),
                ) else {
                    continue;
                };
                let holds = |range: Option<[f64; 2]>, value: f64| {
                    range.is_none_or(|[low, high]| (low..=high).contains(&value))
                };
                if !holds(ours, *there) || !holds(theirs, *value) {
                    apart.push(name.clone());
                }
                rows.push(vec![
                    name.clone(),
                    format!("{} {}", number(*value), interval(ours, number)),
                    format!("{} {}", number(*there), interval(theirs, number)),
                ]);
            }
            let (a, b) = (first.to_string(), device.to_string());
            text += &format!("\n{}", columns(&["law", &a, &b], &rows));
            text += &match apart.len() {
                0 => "the laws agree within their 95% intervals\n".to_owned(),
                _ => format!(
                    "the laws do not agree within their 95% intervals: {}\n",
                    apart.join(", ")
                ),
            };
        }
        if text.is_empty() {
            text = format!(
                "\nno law to compare with that of {first}: `isoflop run` on the other device fits one\n"
            );
        }
        text
    }
}

/// A cell's training loss, averaged over a few logged steps, by seconds.
fn curve(table: &Columns, cell: &CellId) -> Option<Vec<(Seconds, Nats)>> {
    let cells = table.words("cell");
    let seconds = table.numbers("seconds").ok()?;
    let loss = table.numbers("loss").ok()?;
    let points: Vec<(f64, f64)> = (0..table.rows())
        .filter(|row| cells[*row] == cell.as_str())
        .filter_map(|row| Some((seconds[row]?, loss[row]?)))
        .collect();
    let averaged = points
        .windows(AVERAGED.min(points.len().max(1)))
        .map(|few| {
            let mean = few.iter().map(|(_, loss)| loss).sum::<f64>() / few.len() as f64;
            (few[few.len() - 1].0, mean)
        });
    let averaged: Vec<_> = averaged.collect();
    (!averaged.is_empty()).then_some(averaged)
}

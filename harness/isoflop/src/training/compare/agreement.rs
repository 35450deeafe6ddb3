//! Whether devices that trained a whole suite agree: when each reached a loss, and which law each gave.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use isoflop_files::exists;
use isoflop_fits::read_fits;
use isoflop_law::FitRecord;
use isoflop_ledger::{Columns, names, read_table};
use isoflop_suite::{CellId, DeviceName, Nats, Seconds};

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
            let curves = if exists(&curves)? {
                Some(Columns::new(read_table(&curves)?.frame))
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
        match &fitted[..] {
            [] => "\nno laws to compare: `isoflop run` on each device fits them\n".to_owned(),
            [(first, _)] => format!(
                "\nno law to compare with that of {first}: `isoflop run` on the other device fits one\n"
            ),
            [(first, law), others @ ..] => others
                .iter()
                .map(|(device, other)| beside(first, law, device, other))
                .collect(),
        }
    }
}

/// Two devices' laws in a table, and what can be said of them together.
fn beside(first: &DeviceName, law: &FitRecord, device: &DeviceName, other: &FitRecord) -> String {
    let show = |law: &FitRecord, name: &str| {
        law.params.get(name).map_or_else(
            || "-".to_owned(),
            |value| {
                format!(
                    "{} {}",
                    number(*value),
                    interval(law.ci95.get(name).copied(), number)
                )
            },
        )
    };
    let names: BTreeSet<&String> = law.params.keys().chain(other.params.keys()).collect();
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| vec![(*name).clone(), show(law, name), show(other, name)])
        .collect();
    let table = columns(&["law", &first.to_string(), &device.to_string()], &rows);
    format!("\n{table}{}\n", Agreement::of(law, other))
}

/// What the intervals of two laws say of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Agreement {
    /// Every parameter with an interval in both lies in the other's.
    Yes {
        /// Parameters without an interval, which say nothing.
        unknown: Vec<String>,
    },
    /// These do not.
    No { apart: Vec<String> },
    /// There is nothing to judge by.
    Unknown { why: String },
}

impl Agreement {
    fn of(law: &FitRecord, other: &FitRecord) -> Self {
        let unknown = |why: String| Agreement::Unknown { why };
        if law.form != other.form {
            return unknown(format!(
                "one is `{}` and the other `{}`",
                law.form, other.form
            ));
        }
        let (mut judged, mut apart, mut open) = (0, Vec::new(), Vec::new());
        for (name, value) in &law.params {
            let Some(there) = other.params.get(name) else {
                continue;
            };
            let (Some(ours), Some(theirs)) = (law.ci95.get(name), other.ci95.get(name)) else {
                open.push(name.clone());
                continue;
            };
            judged += 1;
            let holds = |[low, high]: &[f64; 2], value: &f64| (low..=high).contains(&value);
            if !holds(ours, there) || !holds(theirs, value) {
                apart.push(name.clone());
            }
        }
        match (judged, apart.is_empty()) {
            (0, _) => unknown("no parameter has an interval in both".to_owned()),
            (_, true) => Agreement::Yes { unknown: open },
            (_, false) => Agreement::No { apart },
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Agreement::Yes { unknown } if unknown.is_empty() => {
                f.write_str("the laws agree within their 95% intervals")
            }
            Agreement::Yes { unknown } => write!(
                f,
                "the laws agree within their 95% intervals, as far as there are any: {} has none",
                unknown.join(", ")
            ),
            Agreement::No { apart } => write!(
                f,
                "the laws do not agree within their 95% intervals: {}",
                apart.join(", ")
            ),
            Agreement::Unknown { why } => {
                write!(f, "whether the laws agree cannot be told: {why}")
            }
        }
    }
}

/// A cell's training loss, averaged over a few logged steps, by seconds.
fn curve(table: &Columns, cell: &CellId) -> Option<Vec<(Seconds, Nats)>> {
    let cells = table.words("cell");
    let seconds = table.numbers("seconds").ok()?;
    let loss = table.numbers(names::LOSS).ok()?;
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

#[cfg(test)]
mod tests {
    use isoflop_law::{FitOptions, Form, Provenance, Table, fit};

    use super::*;

    fn law(form: Form, amplitude: f64, bootstrap: usize) -> FitRecord {
        let mut table = Table::new(1);
        for i in 0..20 {
            let x = 10f64.powf(3.0 + 0.2 * f64::from(i));
            let noise = 1.0 + 0.01 * f64::from((i * 7) % 5 - 2);
            table.push(&[x], amplitude * x.powf(-0.2) * noise);
        }
        let options = FitOptions {
            bootstrap,
            ..FitOptions::default()
        };
        FitRecord::new(&fit(form, &table, &options).unwrap(), Provenance::default())
    }

    #[test]
    fn laws_agree_or_do_not_or_cannot_be_told() {
        let one = law(Form::Power, 10.0, 50);
        let alike = Agreement::of(&one, &law(Form::Power, 10.0, 50));
        assert_eq!(alike, Agreement::Yes { unknown: vec![] });
        let apart = Agreement::of(&one, &law(Form::Power, 20.0, 50));
        assert_eq!(
            apart,
            Agreement::No {
                apart: vec!["B".into()]
            }
        );
        // Without intervals nothing is known, and of other forms no parameter is the same.
        for other in [law(Form::Power, 10.0, 0), law(Form::Offset, 10.0, 50)] {
            let unknown = Agreement::of(&one, &other);
            assert!(matches!(unknown, Agreement::Unknown { .. }), "{unknown}");
        }
    }
}

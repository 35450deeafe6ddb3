//! Figures of a comparison of devices: each against the models' parameters, a series per device.

use isoflop_ledger::{Columns, LedgerError, names};

use crate::axis::Axis;
use crate::palette::series;
use crate::panel::{Entry, Mark, picture};
use crate::{FigureError, Picture, Source};

/// A comparison's figures: file name, title, axis, and the columns of value, low and high end.
const FIGURES: [(&str, &str, &str, [&str; 3]); 5] = [
    (
        "throughput",
        "Training throughput",
        "tokens per second",
        [
            "tokens_per_second",
            "tokens_per_second_low",
            "tokens_per_second_high",
        ],
    ),
    (
        "share-of-peak",
        "Share of the measured peak",
        "share of the device's best matrix multiply",
        ["share_of_peak"; 3],
    ),
    (
        "first-steps",
        "Compiling and tuning",
        "seconds until the first steps are done",
        ["first_steps_seconds"; 3],
    ),
    ("memory", "Peak memory", "bytes held at most", ["memory"; 3]),
    (
        "time-to-loss",
        "Time to a loss that all reach",
        "seconds",
        ["seconds_to_target"; 3],
    ),
];

/// Measured values of one device and precision.
#[derive(Debug, Clone, PartialEq)]
struct Device {
    name: String,
    /// Parameters, value, low and high end.
    points: Vec<[f64; 4]>,
}

/// Draws what a table of paces has values for. Each with the name of its file.
///
/// # Errors
/// If the table lacks a column, or Plotters or the rasteriser fails.
pub fn compared(
    paces: &Columns,
    source: &Source,
) -> Result<Vec<(&'static str, Picture)>, FigureError> {
    let mut drawn = Vec::new();
    for (file, title, label, columns) in FIGURES {
        let devices = devices(paces, columns)?;
        let points = || devices.iter().flat_map(|device| &device.points);
        let x = Axis::new("parameters N (all)", points().map(|point| point[0]));
        let y = Axis::new(label, points().flat_map(|point| [point[2], point[3]]));
        let (Some(x), Some(y)) = (x, y) else {
            continue;
        };
        let picture = picture(title, (x, y), source, |panel| {
            let mut entries = Vec::new();
            for (i, device) in devices.iter().enumerate() {
                let colour = series(i, devices.len());
                let line = device.points.iter().map(|point| (point[0], point[1]));
                panel.line(line, colour, 1.6)?;
                for [params, value, low, high] in &device.points {
                    panel.point((*params, *value), *low, *high, colour)?;
                }
                entries.push(Entry {
                    text: device.name.clone(),
                    colour,
                    mark: Mark::Point,
                });
            }
            panel.legend("device", &entries)
        })?;
        drawn.push((file, picture));
    }
    Ok(drawn)
}

/// Values by device, and by precision where there are several, smallest models first.
fn devices(paces: &Columns, columns: [&str; 3]) -> Result<Vec<Device>, LedgerError> {
    let (names, precisions) = (paces.words("device"), paces.words("precision"));
    let several = precisions.windows(2).any(|pair| pair[0] != pair[1]);
    let params = paces.numbers(names::PARAMS_TOTAL)?;
    let [value, low, high] = columns.map(|name| paces.numbers(name));
    let (value, low, high) = (value?, low?, high?);
    let mut devices: Vec<Device> = Vec::new();
    for row in 0..paces.rows() {
        let name = if several {
            format!("{} {}", names[row], precisions[row])
        } else {
            names[row].clone()
        };
        let (Some(params), Some(value), Some(low), Some(high)) =
            (params[row], value[row], low[row], high[row])
        else {
            continue;
        };
        let point = [params, value, low, high];
        match devices.iter_mut().find(|device| device.name == name) {
            Some(device) => device.points.push(point),
            None => devices.push(Device {
                name,
                points: vec![point],
            }),
        }
    }
    for device in &mut devices {
        device.points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    }
    Ok(devices)
}

//! Training curves.

use isoflop_ledger::limits::LOSSES;

use crate::axis::Axis;
use crate::loss::series_entries;
use crate::palette::series;
use crate::panel::{Mark, picture};
use crate::{Curve, FigureError, Picture, Source};

/// Training loss against tokens seen, a line per run, coloured by model.
pub fn training(curves: &[Curve], source: &Source) -> Result<Option<Picture>, FigureError> {
    let smooth: Vec<(f64, Vec<(f64, f64)>)> = curves
        .iter()
        .map(|curve| (curve.params, smoothed(&curve.points)))
        .collect();
    let points = || smooth.iter().flat_map(|(_, points)| points);
    let x = Axis::new("tokens seen", points().map(|(x, _)| *x));
    let y = Axis::new("training loss (nats per token)", points().map(|(_, y)| *y));
    let (Some(x), Some(y)) = (x, y) else {
        return Ok(None);
    };
    let mut models: Vec<f64> = smooth.iter().map(|(params, _)| *params).collect();
    models.dedup();
    let drawn = picture("Training curves", (x, y), source, |panel| {
        for (params, points) in &smooth {
            let index = models.iter().position(|model| model == params).unwrap_or(0);
            panel.line(points.iter().copied(), series(index, models.len()), 1.0)?;
        }
        panel.legend("parameters N", &series_entries(&models, Mark::Line))
    })?;
    Ok(Some(drawn))
}

/// The geometric mean of the losses in each of equal steps of log tokens: single batches scatter
/// more than the curves differ.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const PER_OCTAVE: f64 = 3.0;
    let mut bins: Vec<(i64, f64, f64, f64)> = Vec::new();
    for (tokens, loss) in points
        .iter()
        .filter(|(tokens, loss)| *tokens > 0.0 && LOSSES.contains(loss))
    {
        let bin = (tokens.log2() * PER_OCTAVE).floor() as i64;
        match bins.last_mut() {
            Some((last, x, y, count)) if *last == bin => {
                *x += tokens.ln();
                *y += loss.ln();
                *count += 1.0;
            }
            _ => bins.push((bin, tokens.ln(), loss.ln(), 1.0)),
        }
    }
    bins.into_iter()
        .map(|(_, x, y, count)| ((x / count).exp(), (y / count).exp()))
        .collect()
}

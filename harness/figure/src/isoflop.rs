//! Slices of equal compute.

use isoflop_law::{Convention, Method, Minimum, Record, allocate};
use isoflop_ledger::names;

use crate::axis::Axis;
use crate::loss::{LOSS, bars, series_entries, total_law};
use crate::palette::{INK, LAW, series};
use crate::panel::{Entry, Mark, picture};
use crate::{FigureError, Picture, Runs, Source};

/// Loss against parameters, a series for each compute budget, with the law's slice and its minimum.
/// `None` where no run was made for a budget.
pub fn slices(
    runs: &Runs,
    fits: &[Record],
    source: &Source,
) -> Result<Option<Picture>, FigureError> {
    let slices = runs.series(|run| run.budget);
    let members = || slices.iter().flat_map(|(_, runs)| runs);
    let x = Axis::new("parameters N (all)", members().map(|run| run.params));
    let y = Axis::new(LOSS, members().map(|run| run.loss));
    let (Some(x), Some(y)) = (x, y) else {
        return Ok(None);
    };
    let law = total_law(fits);
    let minima = minima(fits);
    let drawn = picture("Loss at equal compute", (x, y), source, |panel| {
        for minimum in &minima {
            panel.ring((minimum.n, minimum.loss), INK)?;
        }
        for (index, (budget, members)) in slices.iter().enumerate() {
            let colour = series(index, slices.len());
            if let Some(fit) = &law {
                let slice = |n: f64| (n, fit.predict(&[n, budget / (6.0 * n)]).loss);
                panel.line(panel.x().steps(80).into_iter().map(slice), colour, 1.4)?;
                if let Ok(best) = allocate(fit, *budget, &Convention::six_n_d())
                    && (0.0..=1.0).contains(&panel.x().place(best.n))
                {
                    panel.ring((best.n, best.loss), LAW)?;
                }
            }
            for run in members {
                let spread = 1.96 * run.loss_se;
                panel.point(
                    (run.params, run.loss),
                    run.loss - spread,
                    run.loss + spread,
                    colour,
                )?;
            }
        }
        let keys: Vec<f64> = slices.iter().map(|(budget, _)| *budget).collect();
        let mut entries = series_entries(&keys, Mark::Point);
        if members().any(|run| run.loss_se > 0.0) {
            entries.push(bars(runs));
        }
        if law.is_some() {
            entries.push(Entry {
                text: "the law's best N".into(),
                colour: LAW,
                mark: Mark::Ring,
            });
        }
        if !minima.is_empty() {
            entries.push(Entry {
                text: "interpolated N".into(),
                colour: INK,
                mark: Mark::Ring,
            });
        }
        panel.legend("FLOPs C = 6ND", &entries)
    })?;
    Ok(Some(drawn))
}

/// The minima of slices over all parameters, by interpolation.
fn minima(fits: &[Record]) -> Vec<&Minimum> {
    let sliced = fits.iter().find_map(|record| match record {
        Record::Isoflop(record) if record.columns.first()? == names::PARAMS_TOTAL => Some(record),
        _ => None,
    });
    let all = sliced.into_iter().flat_map(|record| &record.isoflop.minima);
    all.filter(|minimum| minimum.method == Method::Interpolation)
        .collect()
}

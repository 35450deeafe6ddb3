//! Validation loss against parameters, tokens and compute, with the fitted law.

use isoflop_law::{Convention, Fit, Form, Prediction, Record, allocate};
use isoflop_ledger::names;

use plotters::style::text_anchor::HPos;

use crate::axis::{Axis, plain};
use crate::palette::{INK, LAW, MUTED, series};
use crate::panel::{Entry, Mark, Panel, picture};
use crate::runs::{Run, Runs};
use crate::{FigureError, Picture, Source, si};

type Drawn = Result<Option<Picture>, FigureError>;

pub const LOSS: &str = "validation loss (nats per token)";
/// Points that a law's line is drawn through.
const STEPS: usize = 80;
/// More series than this and the legend names some of them only.
const MOST_ENTRIES: usize = 14;
/// Normal quantile of a 95% interval.
const Z95: f64 = 1.96;

/// Loss against parameters; a series is a data budget.
pub fn against_parameters(runs: &Runs, fits: &[Record], source: &Source) -> Drawn {
    let law = total_law(fits);
    let view = View {
        title: "Loss against parameters",
        x_label: "parameters N (all)",
        heading: "tokens D",
        x: |run| run.params,
        key: |run| run.tokens,
        law: law
            .as_ref()
            .map(|fit| (fit, (|n, d| [n, d]) as fn(f64, f64) -> [f64; 2])),
        bands: true,
    };
    view.draw(runs, source)
}

/// Loss against training tokens; a series is a model.
pub fn against_tokens(runs: &Runs, fits: &[Record], source: &Source) -> Drawn {
    let law = total_law(fits);
    let view = View {
        title: "Loss against training tokens",
        x_label: "training tokens D",
        heading: "parameters N",
        x: |run| run.tokens,
        key: |run| run.params,
        law: law
            .as_ref()
            .map(|fit| (fit, (|d, n| [n, d]) as fn(f64, f64) -> [f64; 2])),
        bands: true,
    };
    view.draw(runs, source)
}

/// Loss against compute; a series is a model, and the law's line is the best use of each budget.
pub fn against_compute(runs: &Runs, fits: &[Record], source: &Source) -> Drawn {
    let law = total_law(fits);
    let view = View {
        title: "Loss against training compute",
        x_label: "training FLOPs C = 6ND",
        heading: "parameters N",
        x: |run| run.flops,
        key: |run| run.params,
        law: law
            .as_ref()
            .map(|fit| (fit, (|c, n| [n, c / (6.0 * n)]) as fn(f64, f64) -> [f64; 2])),
        // One band, the best line's: those of all models would hide it.
        bands: false,
    };
    let Some(axes) = view.axes(runs) else {
        return Ok(None);
    };
    picture(view.title, axes, source, |panel| {
        view.levels(panel, runs)?;
        view.series(panel, runs)?;
        let Some((fit, _)) = view.law else {
            return view.legend(panel, runs, &[]);
        };
        let six = Convention::six_n_d();
        let best: Vec<_> = panel
            .x()
            .steps(STEPS)
            .into_iter()
            .filter_map(|c| Some((c, allocate(fit, c, &six).ok()?)))
            .collect();
        let band: Vec<_> = best
            .iter()
            .filter_map(|(c, best)| best.loss_ci95.map(|[low, high]| (*c, low, high)))
            .collect();
        panel.band(&band, LAW, 0.14)?;
        panel.line(best.iter().map(|(c, best)| (*c, best.loss)), LAW, 1.8)?;
        let entry = Entry {
            text: "best N and D".into(),
            colour: LAW,
            mark: Mark::Line,
        };
        let band = Entry {
            text: "95% of it".into(),
            colour: LAW,
            mark: Mark::Band,
        };
        view.legend(panel, runs, &[entry, band])
    })
    .map(Some)
}

/// The `chinchilla` fit over all parameters: figures count parameters so.
pub fn total_law(fits: &[Record]) -> Option<Fit> {
    let record = fits.iter().find(|record| is_total_law(record))?;
    record.law()?.fit().filter(|fit| fit.converged)
}

/// Whether a fit is of that law, and its figures show it.
pub fn is_total_law(record: &Record) -> bool {
    record.law().is_some_and(|law| {
        let n = law.columns.first();
        law.form == Form::Chinchilla && n.is_some_and(|n| n == names::PARAMS_TOTAL)
    })
}

/// A law, and how a figure's coordinate and series make a point of it.
type Law<'a> = (&'a Fit, fn(f64, f64) -> [f64; 2]);

/// One way to look at the runs.
struct View<'a> {
    title: &'a str,
    x_label: &'a str,
    heading: &'a str,
    x: fn(&Run) -> f64,
    key: fn(&Run) -> f64,
    law: Option<Law<'a>>,
    /// Whether each series shows its law's interval.
    bands: bool,
}

impl View<'_> {
    fn axes(&self, runs: &Runs) -> Option<(Axis, Axis)> {
        let x = Axis::new(self.x_label, runs.all.iter().map(self.x))?;
        let floor = self
            .law
            .and_then(|(fit, _)| fit.parameter("E"))
            .map(|e| e.value);
        let least = runs
            .all
            .iter()
            .map(|run| run.loss)
            .fold(f64::INFINITY, f64::min);
        // The floor is shown where it does not squeeze the runs into the upper half.
        let floors = [floor, runs.entropy_rate]
            .into_iter()
            .flatten()
            .filter(|floor| *floor > 0.4 * least);
        let y = Axis::new(LOSS, runs.all.iter().map(|run| run.loss).chain(floors))?;
        Some((x, y))
    }

    fn draw(&self, runs: &Runs, source: &Source) -> Drawn {
        let Some(axes) = self.axes(runs) else {
            return Ok(None);
        };
        picture(self.title, axes, source, |panel| {
            self.levels(panel, runs)?;
            self.series(panel, runs)?;
            let entries: &[Entry] = if self.law.is_some() {
                &legend_of_law()
            } else {
                &[]
            };
            self.legend(panel, runs, entries)
        })
        .map(Some)
    }

    /// The law's floor with its interval, and the entropy where it is known.
    fn levels(&self, panel: &Panel, runs: &Runs) -> Result<(), FigureError> {
        if let Some(floor) = self.law.and_then(|(fit, _)| fit.parameter("E"))
            && floor.identified() == Some(true)
        {
            if let Some([low, high]) = floor.ci95 {
                let ends = panel.x().steps(2);
                let band: Vec<_> = ends.into_iter().map(|x| (x, low, high)).collect();
                panel.band(&band, LAW, 0.08)?;
            }
            panel.level(
                floor.value,
                &format!("floor E = {}", plain(floor.value)),
                LAW,
                HPos::Left,
            )?;
        }
        if let Some(entropy) = runs.entropy_rate {
            panel.level(
                entropy,
                &format!("entropy rate {}", plain(entropy)),
                INK,
                HPos::Right,
            )?;
        }
        Ok(())
    }

    /// Every series' law and points.
    fn series(&self, panel: &Panel, runs: &Runs) -> Result<(), FigureError> {
        let all = runs.series(|run| Some((self.key)(run)));
        for (index, (key, members)) in all.iter().enumerate() {
            let colour = series(index, all.len());
            if let Some((fit, point)) = self.law {
                let line: Vec<_> = panel
                    .x()
                    .steps(STEPS)
                    .into_iter()
                    .map(|x| (x, fit.predict(&point(x, *key))))
                    .collect();
                if self.bands {
                    let interval = |(x, predicted): &(f64, Prediction)| {
                        predicted.ci95.map(|[low, high]| (*x, low, high))
                    };
                    let band: Vec<_> = line.iter().filter_map(interval).collect();
                    panel.band(&band, colour, 0.13)?;
                }
                panel.line(
                    line.iter().map(|(x, predicted)| (*x, predicted.loss)),
                    colour,
                    1.4,
                )?;
            }
            for run in members {
                let spread = Z95 * run.loss_se;
                panel.point(
                    ((self.x)(run), run.loss),
                    run.loss - spread,
                    run.loss + spread,
                    colour,
                )?;
            }
        }
        Ok(())
    }

    fn legend(&self, panel: &Panel, runs: &Runs, more: &[Entry]) -> Result<(), FigureError> {
        let keys: Vec<f64> = runs
            .series(|run| Some((self.key)(run)))
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        let mut entries = series_entries(&keys, Mark::Point);
        if runs.all.iter().any(|run| run.loss_se > 0.0) {
            entries.push(bars(runs));
        }
        entries.extend_from_slice(more);
        panel.legend(self.heading, &entries)
    }
}

/// A line of a legend that explains a mark.
struct Explained(&'static str, Mark);

/// What bars are.
pub fn bars(runs: &Runs) -> Entry {
    let what = if runs.own_errors {
        "95%, its own"
    } else {
        "95% of a loss"
    };
    Explained(what, Mark::Bar).entry()
}

impl Explained {
    /// The entry, in no series' colour.
    fn entry(&self) -> Entry {
        Entry {
            text: self.0.to_owned(),
            colour: MUTED,
            mark: self.1,
        }
    }
}

/// What lines and bands of a law are.
pub fn legend_of_law() -> [Entry; 2] {
    [
        Explained("fitted law", Mark::Line),
        Explained("95% of it", Mark::Band),
    ]
    .map(|it| it.entry())
}

/// Entries for series of these keys, smallest first; of many, some.
pub fn series_entries(keys: &[f64], mark: Mark) -> Vec<Entry> {
    let every = keys.len().div_ceil(MOST_ENTRIES).max(1);
    let named = keys
        .iter()
        .enumerate()
        .filter(|(index, _)| index % every == 0);
    named
        .map(|(index, key)| Entry {
            text: si(*key),
            colour: series(index, keys.len()),
            mark,
        })
        .collect()
}

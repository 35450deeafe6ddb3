//! Laws of any form with the runs that they were fitted to: loss against each variable.

use isoflop_fits::{Measured, measured};
use isoflop_law::{Fit, FitRecord, Form, IsoflopRecord, Method, Prediction, Record};
use isoflop_ledger::Columns;
use plotters::style::RGBColor;

use crate::axis::Axis;
use crate::loss::{legend_of_law, series_entries};
use crate::palette::{INK, LAW, scale, series};
use crate::panel::{Entry, Mark, Panel, picture};
use crate::{FigureError, Picture, Source, si};

type Pictures = Result<Vec<(String, Picture)>, FigureError>;

/// Points that a law's line is drawn through.
const STEPS: usize = 80;
/// Lines that are still told apart.
const MOST_LINES: usize = 7;
/// Values that differ by less than this share are one series.
const SAME: f64 = 1.05;
/// Budgets that differ by less than this share are one.
const SAME_BUDGET: f64 = 1.11;

/// A figure for each variable of each law, and one for slices, by file name.
pub fn drawn<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    columns: Option<&Columns>,
    source: &Source,
) -> Pictures {
    let mut drawn: Vec<(String, Picture)> = Vec::new();
    for record in records {
        let runs = match columns {
            Some(columns) => measured(record, columns)?,
            None => Vec::new(),
        };
        let pictures = match record {
            Record::Law(record) => of_law(record, &runs, source)?,
            Record::Isoflop(record) => of_slices(record, &runs, source)?,
        };
        for (name, picture) in pictures {
            let taken = |name: &str| drawn.iter().any(|(it, _)| it == name);
            let another = (2..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone())
                .chain(another)
                .find(|name| !taken(name));
            drawn.push((free.unwrap_or(name), picture));
        }
    }
    Ok(drawn)
}

fn of_law(record: &FitRecord, runs: &[Measured], source: &Source) -> Pictures {
    let Some(fit) = record.fit().filter(|fit| fit.converged) else {
        return Ok(Vec::new());
    };
    let variables = fit.form.variables();
    let mut drawn = Vec::new();
    for (variable, name) in variables.iter().enumerate() {
        let view = View {
            record,
            fit: &fit,
            runs,
            variable,
            // Of several others the next one tells series apart.
            key: (variables.len() > 1).then(|| (variable + 1) % variables.len()),
        };
        let mut file = format!("law-{}", stem(record.form));
        if variables.len() > 1 {
            file += &format!("-{}", plain(&name.to_lowercase()));
        }
        let picture = view.draw(source)?;
        drawn.extend(picture.map(|picture| (file + &by(&record.by), picture)));
    }
    Ok(drawn)
}

/// A form in the name of a file: of an equation its letters and digits, as many as a name can bear.
fn stem(form: Form) -> String {
    const MOST: usize = 40;
    let Form::Written(_) = form else {
        return form.to_string();
    };
    let name = form.name();
    let words = name.split(|it: char| !it.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(MOST).collect()
}

/// The value of a fit per value, as a part of a file's name.
fn by(by: &Option<[String; 2]>) -> String {
    by.as_ref()
        .map_or_else(String::new, |[_, value]| format!("-{}", plain(value)))
}

/// A word as a part of a file's name.
fn plain(word: &str) -> String {
    let letter = |it: char| if it.is_alphanumeric() { it } else { '_' };
    word.chars().map(letter).collect()
}

/// A law against one of its variables.
struct View<'a> {
    record: &'a FitRecord,
    fit: &'a Fit,
    runs: &'a [Measured],
    variable: usize,
    /// The variable that tells series apart.
    key: Option<usize>,
}

/// Runs that share a value, and a point of the law in their middle.
struct Series<'a> {
    key: f64,
    middle: Vec<f64>,
    runs: Vec<&'a Measured>,
}

impl<'a> Series<'a> {
    /// Runs of one value of the variable `key`, and their mean place.
    fn of(runs: Vec<&'a Measured>, key: usize) -> Self {
        let mean = |at: usize| {
            let logs = runs.iter().map(|run| run.x[at].ln());
            (logs.sum::<f64>() / runs.len() as f64).exp()
        };
        let middle: Vec<f64> = (0..runs[0].x.len()).map(mean).collect();
        Series {
            key: middle[key],
            middle,
            runs,
        }
    }
}

impl View<'_> {
    fn draw(&self, source: &Source) -> Result<Option<Picture>, FigureError> {
        let series = self.series();
        let lines = chosen(&series);
        let label = |at: usize| {
            let letter = self.fit.form.variables()[at];
            match self.record.columns.get(at) {
                Some(column) if column != letter => format!("{letter} = {column}"),
                _ => letter.to_owned(),
            }
        };
        let measured = || self.runs.iter().map(|run| run.x[self.variable]);
        let x = Axis::new(
            &label(self.variable),
            self.fit.range[self.variable].into_iter().chain(measured()),
        );
        let Some(x) = x else { return Ok(None) };
        let law = lines
            .iter()
            .flat_map(|series| x.steps(STEPS).into_iter().map(|x| self.at(series, x).loss));
        let losses: Vec<f64> = match self.runs {
            [] => law.collect(),
            runs => runs.iter().map(|run| run.loss).collect(),
        };
        let loss = self.record.columns.last().map_or("loss", String::as_str);
        let Some(y) = Axis::new(loss, losses) else {
            return Ok(None);
        };
        let title = match &self.record.by {
            Some([column, value]) => format!("{}, {column} = {value}", self.fit.form.equation()),
            None => self.fit.form.equation().to_owned(),
        };
        let drawn = picture(&title, (x, y), source, |panel| {
            self.content(panel, &series, &lines)?;
            let entry = |line: &&Series| Entry {
                text: si(line.key),
                colour: self.colour(&series, line.key),
                mark: Mark::Point,
            };
            let mut entries = match self.key {
                Some(_) => lines.iter().map(entry).collect(),
                None => Vec::new(),
            };
            entries.extend(legend_of_law());
            let heading = self
                .key
                .map_or_else(String::new, |key| self.fit.form.variables()[key].to_owned());
            panel.legend(&heading, &entries)?;
            panel.notes(entries.len(), &self.parameters())
        })?;
        Ok(Some(drawn))
    }

    /// Runs by the value of the variable that tells them apart, smallest first; without runs, the law at both
    /// ends and in the middle of what it was fitted to.
    fn series(&self) -> Vec<Series<'_>> {
        let range = &self.fit.range;
        let middle: Vec<f64> = range
            .iter()
            .map(|[low, high]| (low * high).sqrt())
            .collect();
        let Some(key) = self.key else {
            return vec![Series {
                key: 1.0,
                middle,
                runs: self.runs.iter().collect(),
            }];
        };
        if self.runs.is_empty() {
            let [low, high] = range[key];
            let values = [low, (low * high).sqrt(), high];
            return values
                .map(|value| {
                    let mut middle = middle.clone();
                    middle[key] = value;
                    Series {
                        key: value,
                        middle,
                        runs: Vec::new(),
                    }
                })
                .into();
        }
        let mut order: Vec<&Measured> = self.runs.iter().collect();
        order.sort_by(|a, b| a.x[key].total_cmp(&b.x[key]));
        let mut all: Vec<Vec<&Measured>> = Vec::new();
        for run in order {
            match all.last_mut() {
                Some(last) if run.x[key] <= SAME * last[0].x[key] => last.push(run),
                _ => all.push(vec![run]),
            }
        }
        all.into_iter().map(|runs| Series::of(runs, key)).collect()
    }

    /// What the law says of a series at a value of the figure's variable.
    fn at(&self, series: &Series, x: f64) -> Prediction {
        let mut point = series.middle.clone();
        point[self.variable] = x;
        self.fit.predict(&point)
    }

    fn content(&self, panel: &Panel, all: &[Series], lines: &[&Series]) -> Result<(), FigureError> {
        for series in lines {
            let line: Vec<(f64, Prediction)> = panel
                .x()
                .steps(STEPS)
                .into_iter()
                .map(|x| (x, self.at(series, x)))
                .collect();
            let band: Vec<_> = line
                .iter()
                .filter_map(|(x, said)| said.ci95.map(|[low, high]| (*x, low, high)))
                .collect();
            let colour = self.colour(all, series.key);
            panel.band(&band, colour, 0.13)?;
            panel.line(line.iter().map(|(x, said)| (*x, said.loss)), colour, 1.4)?;
        }
        for series in all {
            let colour = if self.key.is_some() {
                self.colour(all, series.key)
            } else {
                INK
            };
            for run in &series.runs {
                panel.point((run.x[self.variable], run.loss), run.loss, run.loss, colour)?;
            }
        }
        Ok(())
    }

    /// A series' colour, by where its key lies among all.
    fn colour(&self, all: &[Series], key: f64) -> RGBColor {
        match (all.first(), all.last()) {
            (Some(first), Some(last)) if self.key.is_some() && last.key > first.key => {
                scale((key / first.key).ln() / (last.key / first.key).ln())
            }
            _ => LAW,
        }
    }

    /// The law's parameters, each with its interval.
    fn parameters(&self) -> Vec<String> {
        let number = |value: f64| {
            if value == 0.0 {
                "0".to_owned()
            } else if (1e-3..1e4).contains(&value.abs()) {
                let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 5) as usize;
                format!("{value:.digits$}")
            } else {
                format!("{value:.1e}")
            }
        };
        let line = |it: &isoflop_law::Parameter| match it.ci95 {
            Some([low, high]) => {
                format!(
                    "{} {} [{}, {}]",
                    it.name,
                    if it.is_nothing() {
                        "0".to_owned()
                    } else {
                        number(it.value)
                    },
                    number(low),
                    number(high)
                )
            }
            None => format!("{} {}", it.name, number(it.value)),
        };
        let mut lines: Vec<String> = self.fit.parameters.iter().map(line).collect();
        if self.record.reduced.is_some() && !self.runs.is_empty() {
            lines.push("points: all rows, not reduced".to_owned());
        }
        lines
    }
}

/// Series whose law is drawn: all, or some over the whole range.
fn chosen<'a, 'b>(series: &'b [Series<'a>]) -> Vec<&'b Series<'a>> {
    let last = series.len().saturating_sub(1);
    if series.len() <= MOST_LINES {
        return series.iter().collect();
    }
    (0..MOST_LINES)
        .map(|line| &series[line * last / (MOST_LINES - 1)])
        .collect()
}

/// Loss against parameters for each budget, with the minima of slices.
fn of_slices(record: &IsoflopRecord, runs: &[Measured], source: &Source) -> Pictures {
    let minima: Vec<_> = record
        .isoflop
        .minima
        .iter()
        .filter(|it| it.method == Method::Interpolation)
        .collect();
    let n = || {
        runs.iter()
            .map(|run| run.x[0])
            .chain(minima.iter().map(|it| it.n))
    };
    let losses = runs
        .iter()
        .map(|run| run.loss)
        .chain(minima.iter().map(|it| it.loss));
    let label = |at: usize| record.columns.get(at).map_or("", String::as_str);
    let axes = (Axis::new(label(0), n()), Axis::new(label(3), losses));
    let (Some(x), Some(y)) = axes else {
        return Ok(Vec::new());
    };
    let mut budgets: Vec<f64> = record.isoflop.minima.iter().map(|it| it.flops).collect();
    budgets.extend(record.isoflop.refused.iter().map(|it| it.flops));
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    let drawn = picture("Loss at equal compute", (x, y), source, |panel| {
        for (index, budget) in budgets.iter().enumerate() {
            let colour = series(index, budgets.len());
            let same = |run: &&Measured| {
                let of = run.x[2] / budget;
                of < SAME_BUDGET && of.recip() < SAME_BUDGET
            };
            let mut slice: Vec<&Measured> = runs.iter().filter(same).collect();
            slice.sort_by(|a, b| a.x[0].total_cmp(&b.x[0]));
            panel.line(slice.iter().map(|run| (run.x[0], run.loss)), colour, 1.0)?;
            for run in slice {
                panel.point((run.x[0], run.loss), run.loss, run.loss, colour)?;
            }
        }
        for minimum in &minima {
            panel.ring((minimum.n, minimum.loss), INK)?;
        }
        let mut entries = series_entries(&budgets, Mark::Point);
        entries.push(Entry {
            text: "interpolated N".into(),
            colour: INK,
            mark: Mark::Ring,
        });
        panel.legend(&format!("FLOPs {}", label(2)), &entries)?;
        let exponent = |it: &isoflop_law::Approach| {
            let ends = it
                .a_ci95
                .map_or_else(String::new, |[low, high]| format!(" [{low:.3}, {high:.3}]"));
            format!("{}: a {:.3}{ends}", it.number, it.a)
        };
        let approaches: Vec<String> = record.isoflop.approaches.iter().map(exponent).collect();
        panel.notes(entries.len(), &approaches)
    })?;
    Ok(vec![(format!("slices{}", by(&record.by)), drawn)])
}

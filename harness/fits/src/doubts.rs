//! What looks wrong about the columns that a law is fitted to, to be said aloud.

use std::collections::HashMap;

use isoflop_law::Form;
use isoflop_ledger::Columns;

use crate::status::{is_finished, statuses};
use crate::{Choice, FitsError, Quantity, QuantitySource, Rows, Shape};

/// Models have more parameters than this, and runs more tokens.
const FEWEST: f64 = 1000.0;
/// Runs of the same N and D whose losses differ by more than this factor are of several kinds.
const OF_ONE_KIND: f64 = 1.3;
/// A column that tells kinds apart has no more values than this.
const MOST_KINDS: usize = 12;
/// Rows that are tried for kinds.
const LEAST_ROWS: usize = 6;
/// A variable that varies by less than this factor hardly varies.
const HARDLY: f64 = 1.1;
/// Logarithms whose correlation is larger than this are of one variable.
const TOGETHER: f64 = 0.9999;

impl Rows<'_> {
    /// Doubts about the columns of a law's variables, or of slices' N and D.
    ///
    /// # Errors
    /// If a variable is in no column and does not follow from others.
    pub fn doubts(&self, choice: &Choice) -> Result<Vec<String>, FitsError> {
        let columns = self.columns;
        let choice = &self.targeted(choice);
        let (form, choice) = match &choice.shape {
            Shape::Law(form) => (*form, choice.clone()),
            Shape::Written(equation) => self.written(equation, choice)?,
            Shape::Isoflop => (Form::Chinchilla, choice.clone()),
        };
        let names = &choice.names;
        let sources = names.variables(columns, form)?;
        let mut doubts = Vec::new();
        for (variable, source) in form.variables().iter().zip(&sources) {
            let quantity = match *variable {
                "N" => Quantity::Parameters,
                "D" => Quantity::Tokens,
                _ => continue,
            };
            if source.is_derived() {
                doubts.extend(derived(columns, variable, quantity, source));
            }
            doubts.extend(small(columns, quantity, source)?);
        }
        let loss = names.source(columns, Quantity::Loss)?;
        let rows = Finished::read(self, &sources, &loss)?;
        doubts.extend(rows.hardly_varied(form));
        doubts.extend(rows.varied_together(form));
        // Whoever asks for one point of each cell knows of the others.
        if choice.reduction.is_none() {
            doubts.extend(rows.of_several_kinds(columns, form));
        }
        Ok(doubts)
    }
}

/// A variable that follows from others although a column looks as if it held it.
fn derived(
    columns: &Columns,
    variable: &str,
    quantity: Quantity,
    source: &QuantitySource,
) -> Option<String> {
    let like = quantity.sounding(columns).into_iter().next()?;
    let why = match columns.numbers(&like) {
        Ok(_) => format!("if `{like}` is it, give {}", quantity.proposal(&like)),
        Err(error) => error.to_string(),
    };
    Some(format!("{variable} is taken to be {source}: {why}"))
}

/// Counts that are so few that they may be in millions or billions.
fn small(
    columns: &Columns,
    quantity: Quantity,
    source: &QuantitySource,
) -> Result<Option<String>, FitsError> {
    let numbers = source.numbers(columns)?;
    let most = numbers.into_iter().flatten().fold(0.0, f64::max);
    let (whose, what, example) = match quantity {
        Quantity::Parameters => ("model", "parameters", "params_m"),
        _ => ("run", "tokens", "tokens_b"),
    };
    Ok((most > 0.0 && most < FEWEST).then(|| {
        format!(
            "the largest {whose} has {most} {what} by {source}: if they are millions or billions, name the \
             column so that it says so, as `{example}`, or give `{} \"1e9 * {source}\"`",
            quantity.flag()
        )
    }))
}

/// What is read of the rows that are finished.
struct Finished {
    /// Row, its variables and its loss.
    rows: Vec<(usize, Vec<f64>, f64)>,
}

impl Finished {
    fn read(
        rows: &Rows,
        sources: &[QuantitySource],
        loss: &QuantitySource,
    ) -> Result<Self, FitsError> {
        let columns = rows.columns;
        let statuses = statuses(columns);
        let of = |source: &QuantitySource| source.numbers(columns);
        let variables = sources.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let losses = of(loss)?;
        let usable = |value: &f64| value.is_finite() && *value > 0.0;
        let row = |row: usize| {
            let x: Option<Vec<f64>> = variables
                .iter()
                .map(|column| column[row].filter(usable))
                .collect();
            Some((row, x?, losses[row].filter(usable)?))
        };
        let finished = rows.rows.iter().copied();
        let finished = finished.filter(|row| is_finished(&statuses[*row]));
        Ok(Finished {
            rows: finished.filter_map(row).collect(),
        })
    }

    /// A variable that is all but constant tells no power.
    fn hardly_varied(&self, form: Form) -> Option<String> {
        let range = |at: usize| {
            let values = self.rows.iter().map(|(_, x, _)| x[at]);
            values.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
                (low.min(value), high.max(value))
            })
        };
        let ratios = (0..form.variables().len()).map(|at| (at, range(at).1 / range(at).0));
        let mut hardly = ratios.filter(|(_, ratio)| *ratio > 1.0 && *ratio < HARDLY);
        hardly.next().map(|(at, ratio)| {
            format!(
                "{} varies by {:.1}% only: what the law says of it is not worth much",
                form.variables()[at],
                100.0 * (ratio - 1.0)
            )
        })
    }

    /// Two variables of which one is a power of the other are one: their powers cannot be told apart.
    fn varied_together(&self, form: Form) -> Option<String> {
        let names = form.variables();
        let pairs = (0..names.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let mut together = pairs.filter(|(a, b)| {
            let log = |at: usize| self.rows.iter().map(move |(_, x, _)| x[at].ln());
            correlation(log(*a), log(*b)).is_some_and(|found| found.abs() > TOGETHER)
        });
        together.next().map(|(a, b)| {
            format!(
                "{} and {} vary together, one in each row as a power of the other: the law cannot tell their \
                 powers apart; fit a law of one variable",
                names[a], names[b]
            )
        })
    }

    /// Runs that are alike in all that the law knows, and whose losses are not: of several data sets, say.
    fn of_several_kinds(&self, columns: &Columns, form: Form) -> Option<String> {
        let mut places: HashMap<Vec<u64>, Vec<(usize, f64)>> = HashMap::new();
        for (row, x, loss) in &self.rows {
            let place = x.iter().map(|value| value.to_bits()).collect();
            places.entry(place).or_default().push((*row, *loss));
        }
        let spread = |runs: &Vec<(usize, f64)>| {
            let losses = || runs.iter().map(|(_, loss)| *loss);
            losses().fold(0.0, f64::max) / losses().fold(f64::INFINITY, f64::min)
        };
        let mixed: Vec<&Vec<(usize, f64)>> = places
            .values()
            .filter(|runs| spread(runs) > OF_ONE_KIND)
            .collect();
        let rows: usize = mixed.iter().map(|runs| runs.len()).sum();
        if rows < LEAST_ROWS || 4 * rows < self.rows.len() {
            return None;
        }
        let most = mixed.iter().map(|runs| spread(runs)).fold(0.0, f64::max);
        let apart = kinds(columns, &mixed).map_or_else(
            || {
                "choose those of one kind with `--where`, or the best of each cell with `--reduce best --over COLUMNS`"
                    .to_owned()
            },
            |column| format!("`--by \"{column}\"` would fit each kind by itself"),
        );
        Some(format!(
            "{rows} of {} rows share {} with others of up to {most:.1} times their loss: if they are of several \
             kinds, {apart}",
            self.rows.len(),
            form.variables().join(" and ")
        ))
    }
}

/// The first column of few values that differs between all runs of the same place.
fn kinds(columns: &Columns, mixed: &[&Vec<(usize, f64)>]) -> Option<String> {
    columns.names().into_iter().find(|name| {
        let words = columns.words(name);
        let mut values: Vec<&str> = words.iter().map(String::as_str).collect();
        values.sort_unstable();
        values.dedup();
        let differs = |runs: &&Vec<(usize, f64)>| {
            let mut of: Vec<&str> = runs.iter().map(|(row, _)| words[*row].as_str()).collect();
            of.sort_unstable();
            of.windows(2).all(|pair| pair[0] != pair[1])
        };
        (2..=MOST_KINDS).contains(&values.len()) && mixed.iter().all(differs)
    })
}

/// Pearson's correlation; `None` where one does not vary.
fn correlation(
    a: impl Iterator<Item = f64> + Clone,
    b: impl Iterator<Item = f64> + Clone,
) -> Option<f64> {
    let count = a.clone().count() as f64;
    let (mean_a, mean_b) = (
        a.clone().sum::<f64>() / count,
        b.clone().sum::<f64>() / count,
    );
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.zip(b) {
        ab += (a - mean_a) * (b - mean_b);
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
    }
    let found = ab / (aa * bb).sqrt();
    found.is_finite().then_some(found)
}

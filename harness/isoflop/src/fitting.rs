//! Fits of tables: which rows a law can use, and what a fit's record says of where it is from.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use isoflop_law::{
    Convention, FitOptions, FitRecord, Form, HoldoutRecord, IsoflopRecord, LawError, Point,
    Provenance, Record, Table, Unusable, fit, holdout, isoflop,
};
#[cfg(feature = "train")]
use isoflop_law::{Objective, possible};
#[cfg(feature = "train")]
use isoflop_ledger::{CellRecord, planned_table};
use isoflop_ledger::{Columns, LedgerError};
#[cfg(feature = "train")]
use isoflop_suite::{Definition, DefinitionError, FitDefinition, Plan, slips};
use serde_json::Value;
#[cfg(feature = "train")]
use toml::Spanned;

use crate::filter::Filter;
use crate::quantities::{Names, Quantity, Source};

/// What to make of a table: a law, or slices of equal compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Law(Form),
    Isoflop,
}

impl FromStr for Shape {
    type Err = LawError;

    fn from_str(name: &str) -> Result<Self, LawError> {
        match name {
            "isoflop" => Ok(Shape::Isoflop),
            form => form.parse().map(Shape::Law),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Law(form) => form.fmt(f),
            Shape::Isoflop => f.pad("isoflop"),
        }
    }
}

/// How to fit a table.
#[derive(Debug, Clone)]
pub struct Choice {
    pub shape: Shape,
    pub names: Names,
    pub options: FitOptions,
    /// How many of the largest runs to hide and predict.
    pub holdout: Option<usize>,
}

#[cfg(feature = "train")]
impl Choice {
    /// What a definition asks for.
    ///
    /// # Errors
    /// If there is no such form or objective, or the form lacks a variable; the error names the line.
    pub fn of(
        definition: &Definition,
        wanted: &Spanned<FitDefinition>,
    ) -> Result<Self, DefinitionError> {
        let (place, wanted) = (wanted.span(), wanted.get_ref());
        let form = wanted.form.get_ref();
        let shape: Shape = form.parse().map_err(|error: LawError| {
            let names = Form::ALL.map(Form::name).into_iter().chain(["isoflop"]);
            let help = slips::nearest(form, names).map(|name| format!("did you mean `{name}`?"));
            definition.error_at(wanted.form.span(), error.to_string(), help)
        })?;
        let objective = match &wanted.objective {
            None => Objective::HuberLog {
                delta: wanted.delta,
            },
            Some(name) => Objective::named(name.get_ref(), wanted.delta).ok_or_else(|| {
                let message = format!("there is no objective `{}`", name.get_ref());
                let help = "they are huber-log, huber-likelihood, lsq-log and lsq";
                definition.error_at(name.span(), message, Some(help.to_owned()))
            })?,
        };
        if let (Shape::Law(form), None) = (shape, &wanted.x)
            && form.variables() == ["x"]
        {
            let message = format!("`{form}` is a law of one variable, and this gives none");
            let help = "name its column: x = \"flops_6n_total\", say".to_owned();
            return Err(definition.error_at(place, message, Some(help)));
        }
        let word = |word: &Option<Spanned<String>>| word.as_ref().map(|it| it.get_ref().clone());
        Ok(Choice {
            shape,
            names: Names {
                x: word(&wanted.x),
                n: word(&wanted.n).or_else(|| Some("params_total".to_owned())),
                d: word(&wanted.d).or_else(|| Some("tokens".to_owned())),
                ..Names::default()
            },
            options: FitOptions {
                objective,
                bootstrap: wanted.bootstrap,
                seed: wanted.seed,
                fixed: Vec::new(),
            },
            holdout: None,
        })
    }
}

/// Refuses laws of a definition that could not be fitted when its cells are done.
///
/// # Errors
/// If a form, an objective or a column is not known, or the cells are too few or too alike for a law;
/// the error names the line.
#[cfg(feature = "train")]
pub fn check_fits(definition: &Definition, plan: &Plan) -> anyhow::Result<()> {
    let cells = plan.cells.iter();
    let records = cells.map(|it| CellRecord::new(it.cell.clone(), it.flops_budget));
    let columns = Columns::new(planned_table(&records.collect::<Vec<_>>())?);
    for wanted in &definition.fits {
        let choice = Choice::of(definition, wanted)?;
        let fit = wanted.get_ref();
        for column in [&fit.x, &fit.n, &fit.d].into_iter().flatten() {
            let name = column.get_ref();
            if columns.numbers(name).is_err() {
                let numbers = columns.number_names();
                let help = slips::nearest(name, numbers.iter().map(String::as_str)).map_or_else(
                    || format!("the columns of numbers are {}", numbers.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("`cells.parquet` has no column `{name}` of numbers");
                return Err(definition
                    .error_at(column.span(), message, Some(help))
                    .into());
            }
        }
        let rows = Rows::of(&columns, "", None)?;
        if let Err(error) = rows.possible(&choice) {
            let message = format!("this law could not be fitted: {error:#}");
            return Err(definition.error_at(fit.form.span(), message, None).into());
        }
    }
    Ok(())
}

/// Rows of a table, and what they are.
pub struct Rows<'a> {
    pub columns: &'a Columns,
    /// Which rows, in order.
    pub rows: Vec<usize>,
    pub table_hash: &'a str,
    pub filter: Option<&'a Filter>,
    /// The column and value that they share, of a fit per value.
    pub by: Option<[String; 2]>,
}

impl<'a> Rows<'a> {
    /// All rows of a table, or those that a filter keeps.
    ///
    /// # Errors
    /// If the filter names a column that is not there.
    pub fn of(
        columns: &'a Columns,
        table_hash: &'a str,
        filter: Option<&'a Filter>,
    ) -> Result<Self, LedgerError> {
        let kept = match filter {
            Some(filter) => filter.keeps(columns)?,
            None => vec![true; columns.rows()],
        };
        Ok(Rows {
            columns,
            rows: (0..columns.rows()).filter(|row| kept[*row]).collect(),
            table_hash,
            filter,
            by: None,
        })
    }

    /// The rows of each value of a column, in the order in which the values first come.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn by(self, column: &str) -> Result<Vec<Self>, LedgerError> {
        let values = words(self.columns, column)?;
        let mut of_value: HashMap<&str, usize> = HashMap::new();
        let mut parts: Vec<Rows> = Vec::new();
        for &row in &self.rows {
            let value = values[row].as_str();
            let part = *of_value.entry(value).or_insert(parts.len());
            if part == parts.len() {
                parts.push(Rows {
                    rows: Vec::new(),
                    by: Some([column.to_owned(), value.to_owned()]),
                    ..self
                });
            }
            parts[part].rows.push(row);
        }
        Ok(parts)
    }

    /// Fits a law to the rows, or slices them.
    ///
    /// # Errors
    /// If a column is missing, or the rows cannot be fitted.
    pub fn fit(&self, choice: &Choice) -> anyhow::Result<Record> {
        match choice.shape {
            Shape::Law(form) => self.fit_law(form, choice),
            Shape::Isoflop => self.slice(choice),
        }
    }

    /// Whether a choice could be fitted, whatever the losses.
    ///
    /// # Errors
    /// If it could not.
    #[cfg(feature = "train")]
    fn possible(&self, choice: &Choice) -> anyhow::Result<()> {
        match choice.shape {
            Shape::Law(form) => {
                let sources = choice.names.variables(self.columns, form)?;
                let points = self.points(&sources, &[], &choice.names)?;
                Ok(possible(form, &points.table, &choice.options)?)
            }
            Shape::Isoflop => choice
                .names
                .source(self.columns, Quantity::Flops)
                .map(|_| ()),
        }
    }

    fn fit_law(&self, form: Form, choice: &Choice) -> anyhow::Result<Record> {
        let sources = choice.names.variables(self.columns, form)?;
        let points = self.points(&sources, &[], &choice.names)?;
        let conventions = match form.variables() {
            ["N", "D", ..] => self.conventions(&points, &choice.names)?,
            _ => Vec::new(),
        };
        let fitted = fit(form, &points.table, &choice.options)?;
        let provenance = self.provenance(&points, conventions);
        let mut record = FitRecord::new(&fitted, provenance);
        if let Some(count) = choice.holdout {
            let flops = match choice.names.source(self.columns, Quantity::Flops) {
                Ok(flops) => flops,
                // A law of one variable has nothing else to be large by.
                Err(_) if sources.len() == 1 => sources[0].clone(),
                Err(error) => return Err(error),
            };
            let points = self.points(&sources, &[flops], &choice.names)?;
            let scored = holdout(form, &points.table, &points.more[0], count, &choice.options)?;
            record.holdout = Some(HoldoutRecord::new(scored));
        }
        Ok(Record::Law(Box::new(record)))
    }

    fn slice(&self, choice: &Choice) -> anyhow::Result<Record> {
        anyhow::ensure!(
            choice.holdout.is_none(),
            "slices predict no runs: leave out --holdout, or fit `chinchilla`"
        );
        let mut names = choice.names.clone();
        // The budget that a suite was asked for, rather than what rounding to steps made of it.
        if names.c.is_none() && self.columns.numbers("flops_budget").is_ok() {
            names.c = Some("flops_budget".to_owned());
        }
        let of = |quantity| names.source(self.columns, quantity);
        let sources = [of(Quantity::Parameters)?, of(Quantity::Tokens)?];
        let flops = of(Quantity::Flops)?;
        let points = self.points(&sources, std::slice::from_ref(&flops), &names)?;
        let sliced = isoflop(&points.table, &points.more[0], &choice.options)?;
        let mut provenance = self.provenance(&points, Vec::new());
        provenance.columns.insert(2, flops.to_string());
        let record = IsoflopRecord::new(sliced, points.table.len(), provenance);
        Ok(Record::Isoflop(Box::new(record)))
    }

    /// The rows as a law's points. `more` are read beside the variables, and a row without one of
    /// them is left out as well.
    fn points(&self, sources: &[Source], more: &[Source], names: &Names) -> anyhow::Result<Points> {
        let read = |sources: &[Source]| -> Result<Vec<Vec<Option<f64>>>, LedgerError> {
            sources
                .iter()
                .map(|source| source.numbers(self.columns))
                .collect()
        };
        let (variables, beside) = (read(sources)?, read(more)?);
        let loss = names.source(self.columns, Quantity::Loss)?;
        let losses = loss.numbers(self.columns)?;
        let errors = self.errors(names)?;
        let groups = names
            .group
            .as_deref()
            .map(|column| words(self.columns, column))
            .transpose()?;
        let (statuses, cells) = (self.columns.words("status"), self.columns.words("cell"));
        let planned = self.columns.words("planned");
        // A row's name: its cell, or its place in the table.
        let name = |row: usize| match cells[row].as_str() {
            "" => format!("row {}", row + 1),
            cell => cell.to_owned(),
        };
        let mut table = Table::new(sources.len());
        let (mut pushed, mut left_out) = (Vec::new(), Vec::new());
        let mut of_group: HashMap<&str, u64> = HashMap::new();
        for &row in &self.rows {
            if planned[row] == "false" {
                left_out.push((
                    row,
                    "its definition does not ask for it any more".to_owned(),
                ));
                continue;
            }
            let status = statuses[row].as_str();
            if !status.is_empty() && status != "done" {
                left_out.push((row, status.to_owned()));
                continue;
            }
            let number = |column: &Vec<Option<f64>>| column[row].unwrap_or(f64::NAN);
            let x: Vec<f64> = variables.iter().map(number).collect();
            let usable = |value: f64| value.is_finite() && value > 0.0;
            let all_beside = beside.iter().map(number).all(usable);
            let groups_so_far = of_group.len() as u64;
            table.push_point(Point {
                x: &x,
                loss: if all_beside {
                    number(&losses)
                } else {
                    f64::NAN
                },
                se: errors.as_ref().map(number),
                group: groups
                    .as_ref()
                    .map(|groups| *of_group.entry(&groups[row]).or_insert(groups_so_far)),
            });
            pushed.push(row);
        }
        for (point, reason) in table.left_out() {
            let reason = match reason {
                Unusable::Number => reason.to_string(),
                Unusable::Duplicate(first) => {
                    format!("the same numbers as {}", name(pushed[*first]))
                }
            };
            left_out.push((pushed[*point], reason));
        }
        left_out.sort();
        let rows: Vec<usize> = table
            .pushed_as()
            .iter()
            .map(|point| pushed[*point])
            .collect();
        let of_rows = |column: &Vec<Option<f64>>| {
            rows.iter()
                .map(|row| column[*row].unwrap_or(f64::NAN))
                .collect()
        };
        Ok(Points {
            more: beside.iter().map(of_rows).collect(),
            left_out: left_out
                .into_iter()
                .map(|(row, reason)| format!("{}: {reason}", name(row)))
                .collect(),
            columns: sources
                .iter()
                .chain([&loss])
                .map(Source::to_string)
                .collect(),
            rows,
            table,
        })
    }

    /// The standard error of every row's loss.
    fn errors(&self, names: &Names) -> Result<Option<Vec<Option<f64>>>, LedgerError> {
        let Some(se) = &names.se else {
            return Ok(None);
        };
        if !self.columns.has(se)
            && let Ok(number) = se.parse::<f64>()
        {
            return Ok(Some(vec![Some(number); self.columns.rows()]));
        }
        self.columns.numbers(se).map(Some)
    }

    /// 6ND, and every column of FLOPs that is not just that.
    fn conventions(&self, points: &Points, names: &Names) -> Result<Vec<Convention>, LedgerError> {
        let mut conventions = vec![Convention::six_n_d()];
        let present = self.columns.names();
        let counts = present.iter().filter(|name| {
            let counted = name.starts_with("flops") && *name != "flops_budget";
            counted || names.c.as_ref() == Some(name)
        });
        for name in counts {
            let Ok(numbers) = self.columns.numbers(name) else {
                continue;
            };
            let flops: Option<Vec<f64>> = points.rows.iter().map(|row| numbers[*row]).collect();
            let fitted = flops.and_then(|flops| Convention::fitted(name, &points.table, &flops));
            let known = |new: &Convention| {
                let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
                conventions.iter().any(|old| {
                    close(old.coefficient, new.coefficient) && close(old.exponent, new.exponent)
                })
            };
            if let Some(convention) = fitted.filter(|convention| !known(convention)) {
                conventions.push(convention);
            }
        }
        Ok(conventions)
    }

    fn provenance(&self, points: &Points, conventions: Vec<Convention>) -> Provenance {
        Provenance {
            left_out: points.left_out.clone(),
            columns: points.columns.clone(),
            conventions,
            filter: self.filter.map(Filter::to_string),
            by: self.by.clone(),
            table_hash: self.table_hash.to_owned(),
        }
    }
}

/// A law's points, and the rows that they are.
struct Points {
    table: Table,
    /// The row of every usable point.
    rows: Vec<usize>,
    /// What was read beside the variables, per usable point.
    more: Vec<Vec<f64>>,
    left_out: Vec<String>,
    columns: Vec<String>,
}

/// A column as words.
///
/// # Errors
/// If there is no such column.
pub fn words(columns: &Columns, column: &str) -> Result<Vec<String>, LedgerError> {
    if columns.has(column) {
        return Ok(columns.words(column));
    }
    Err(LedgerError::NoColumn {
        column: column.to_owned(),
        present: columns.names(),
    })
}

/// The fits of a folder of results.
///
/// # Errors
/// If `fits.json` is there and cannot be read.
pub fn read_fits(path: &Path) -> anyhow::Result<Vec<Record>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    read_any(path).or_else(|error| match error.downcast_ref() {
        // A suite may ask for no law.
        Some(NoFit { .. }) => Ok(Vec::new()),
        None => Err(error),
    })
}

/// The column and the value whose rows a record is of, of a fit per value.
fn by(record: &Record) -> Option<&[String; 2]> {
    match record {
        Record::Law(record) => record.by.as_ref(),
        Record::Isoflop(record) => record.by.as_ref(),
    }
}

/// For each value of the column that fits were made by, in their order, the first that suits, or else the
/// first: several forms may have been fitted to the same rows.
pub fn each_value(
    records: &[Record],
    suits: impl Fn(&Record) -> bool,
) -> Vec<(Option<&[String; 2]>, &Record)> {
    let mut found: Vec<(Option<&[String; 2]>, &Record)> = Vec::new();
    for record in records {
        let value = by(record);
        match found.iter_mut().find(|(known, _)| *known == value) {
            Some((_, first)) if !suits(first) && suits(record) => *first = record,
            Some(_) => {}
            None => found.push((value, record)),
        }
    }
    found
}

/// A file without a fit.
#[derive(Debug, thiserror::Error)]
#[error("{}: there is no fit in it", path.display())]
struct NoFit {
    path: PathBuf,
}

/// The fits of a `fits.json`, or the one that `isoflop fit --json` printed.
///
/// # Errors
/// If the file is not there, or holds anything else.
pub fn read_any(path: &Path) -> anyhow::Result<Vec<Record>> {
    anyhow::ensure!(path.exists(), "{}: there is no such file", path.display());
    let values = match isoflop_ledger::read_json::<Value>(path)? {
        Value::Array(values) => values,
        one => vec![one],
    };
    if values.is_empty() {
        return Err(NoFit {
            path: path.to_owned(),
        }
        .into());
    }
    let records = values.into_iter().enumerate().map(|(at, value)| {
        let read = read_record(value);
        read.with_context(|| format!("{}: fit {}", path.display(), at + 1))
    });
    records.collect()
}

/// An entry of a file of fits that cannot be read.
#[derive(Debug, thiserror::Error)]
enum UnreadableFit {
    #[error("it is no fit: it has no `format`")]
    NoFit,
    #[error("it has format {0}, and this version of isoflop reads 1")]
    Format(u64),
    #[error("{0}")]
    Field(#[from] serde_json::Error),
}

/// Reads one entry. A fit of a newer version, whose numbers may mean something else, is refused.
fn read_record(value: Value) -> Result<Record, UnreadableFit> {
    let format = value.get("format").and_then(Value::as_u64);
    match format {
        None => return Err(UnreadableFit::NoFit),
        Some(1) => {}
        Some(other) => return Err(UnreadableFit::Format(other)),
    }
    // Told apart by the form, so that an error is that of the kind it is.
    if value.get("form").and_then(Value::as_str) == Some("isoflop") {
        Ok(Record::Isoflop(serde_json::from_value(value)?))
    } else {
        Ok(Record::Law(serde_json::from_value(value)?))
    }
}

//! Rows of a table, and the laws fitted to them.

use std::collections::HashMap;
use std::sync::Arc;

use isoflop_law::{
    Convention, Equation, FitRecord, Form, Holdout, HoldoutRecord, IsoflopRecord, Provenance,
    Record, fit, holdout, isoflop, library, possible,
};
use isoflop_ledger::{Columns, LedgerError, names as column_names};

use crate::points::Points;
use crate::{Choice, Filter, FitsError, Hide, Measured, Names, Quantity, Shape};

/// Resamples of each of the fits that are made only to compare laws.
const RESAMPLES_PER_STEP: usize = 100;

/// Rows of a table, and what they are.
#[derive(Clone)]
pub struct Rows<'a> {
    /// The table.
    pub columns: &'a Columns,
    /// Which rows, in order.
    pub rows: Vec<usize>,
    /// These, and those that were split from them.
    pub(crate) whole: Arc<[usize]>,
    /// SHA-256 of its file.
    pub table_hash: &'a str,
    /// What chose the rows.
    pub filter: Option<&'a Filter>,
    /// The column and value that they share, of a fit per value.
    pub by: Option<[String; 2]>,
    /// The column that is predicted in the place of the loss, of a fit per column.
    pub target: Option<String>,
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
        let rows: Vec<usize> = (0..columns.rows()).filter(|row| kept[*row]).collect();
        Ok(Rows {
            columns,
            whole: rows.as_slice().into(),
            rows,
            table_hash,
            filter,
            by: None,
            target: None,
        })
    }

    /// The rows of each value of a column, in the order in which the values first come.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn by(self, column: &str) -> Result<Vec<Self>, LedgerError> {
        let values = self.columns.words_of(column)?;
        let mut of_value: HashMap<&str, usize> = HashMap::new();
        let mut parts: Vec<Rows> = Vec::new();
        for &row in &self.rows {
            let value = values[row].as_str();
            let part = *of_value.entry(value).or_insert(parts.len());
            if part == parts.len() {
                parts.push(Rows {
                    rows: Vec::new(),
                    whole: Arc::clone(&self.whole),
                    by: Some([column.to_owned(), value.to_owned()]),
                    target: self.target.clone(),
                    ..self
                });
            }
            parts[part].rows.push(row);
        }
        if parts.is_empty() {
            // There is nothing to tell apart, and it is said what there is nothing of.
            parts.push(self);
        }
        Ok(parts)
    }

    /// The same rows for each of several columns that are predicted.
    pub fn for_targets(&self, targets: &[String]) -> Vec<Self> {
        let of = |target: &String| Rows {
            target: Some(target.clone()),
            ..self.clone()
        };
        targets.iter().map(of).collect()
    }

    /// Fits a law to the rows, or slices them.
    ///
    /// # Errors
    /// If a column is missing, or the rows cannot be fitted.
    pub fn fit(&self, choice: &Choice) -> Result<Record, FitsError> {
        let choice = &self.targeted(choice);
        match choice.shape {
            Shape::Law(form) => self.fit_law(form, choice),
            Shape::Written(ref equation) => {
                let (form, choice) = self.written(equation, choice)?;
                self.fit_law(form, &choice)
            }
            Shape::Isoflop => self.slice(choice),
        }
    }

    /// A choice, with what these rows predict.
    pub(crate) fn targeted(&self, choice: &Choice) -> Choice {
        let mut choice = choice.clone();
        if self.target.is_some() {
            choice.names.loss.clone_from(&self.target);
        }
        choice
    }

    /// Whether a choice could be fitted, whatever the losses.
    ///
    /// # Errors
    /// If it could not.
    pub(crate) fn possible(&self, choice: &Choice) -> Result<(), FitsError> {
        match choice.shape {
            Shape::Law(form) => {
                let sources = choice.names.variables(self.columns, form)?;
                let points = self.points(&sources, &[], choice, &[])?;
                Ok(possible(form, &points.table, &choice.options)?)
            }
            Shape::Written(ref equation) => {
                let (_, choice) = self.written(equation, choice)?;
                self.possible(&choice)
            }
            Shape::Isoflop => choice
                .names
                .source(self.columns, Quantity::Flops)
                .map(|_| ()),
        }
    }

    /// The laws of the loss, built in or published, all whose variables the table has.
    ///
    /// # Errors
    /// If the library cannot be read.
    pub fn laws(&self, choice: &Choice) -> Result<Vec<Shape>, FitsError> {
        let has = |form: Form| choice.names.variables(self.columns, form).is_ok();
        let built_in = Form::ALL.into_iter().filter(|form| has(*form));
        let mut laws: Vec<Shape> = built_in.map(Shape::Law).collect();
        for published in library()?.iter().filter(|law| !law.built_in) {
            let equation = Equation::of(published)?;
            // A column of the name x is hardly the one variable of a law.
            let names = equation.variables().unwrap_or_default();
            let is_meant = choice.names.x.is_some() || !names.iter().any(|name| name == "x");
            if is_meant && equation.target() == "loss" && self.written(&equation, choice).is_ok() {
                laws.push(Shape::Written(equation));
            }
        }
        Ok(laws)
    }

    /// A written law with this table's variables, and the choice with the column that it predicts.
    pub(crate) fn written(
        &self,
        equation: &Equation,
        choice: &Choice,
    ) -> Result<(Form, Choice), FitsError> {
        let mut choice = choice.clone();
        let names = &mut choice.names;
        let target = equation.target();
        if names.loss.is_none() && !["loss", "l"].contains(&target.to_lowercase().as_str()) {
            // A letter stands for its quantity, where there is no such column.
            let quantity = Quantity::of_letter(target).filter(|_| !self.columns.has(target));
            let source = quantity.and_then(|it| names.source(self.columns, it).ok());
            names.loss = Some(source.map_or_else(|| target.to_owned(), |it| it.to_string()));
        }
        let is_variable = |name: &String| {
            let of = Quantity::of_letter(name);
            self.columns.has(name)
                || of.is_some_and(|it| names.source(self.columns, it).is_ok())
                || (name == "x" && names.x.is_some())
        };
        let variables: Vec<String> = match equation.variables() {
            None => equation.names().into_iter().filter(is_variable).collect(),
            Some(known) => {
                if let Some(missing) = known.iter().find(|name| !is_variable(name)) {
                    return Err(FitsError::NoVariable {
                        law: equation.to_string(),
                        variable: missing.clone(),
                    });
                }
                known.to_vec()
            }
        };
        let form = Form::Written(equation.law(&variables)?);
        choice.shape = Shape::Law(form);
        Ok((form, choice))
    }

    fn fit_law(&self, form: Form, choice: &Choice) -> Result<Record, FitsError> {
        let sources = choice.names.variables(self.columns, form)?;
        let grow = growing(form.variables());
        let points = self.points(&sources, &[], choice, &grow)?;
        let conventions = self.conventions_of(form, &points, &choice.names)?;
        let fitted = fit(form, &points.table, &choice.options)?;
        let provenance = self.provenance(&points, conventions);
        let mut record = FitRecord::new(&fitted, provenance);
        if let Some(se) = self.common_error(&points)? {
            record = record.with_common_error(se);
        }
        if let Some(hide) = choice.holdout {
            match self.score(form, choice, hide) {
                Ok(scored) => record.holdout = Some(HoldoutRecord::new(scored)),
                Err(error) if matches!(hide, Hide::Quarter { .. }) => {
                    record.not_scored = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Record::Law(Box::new(record)))
    }

    /// The error that the losses of a suite share, of its own table.
    pub(crate) fn common_error(&self, points: &Points) -> Result<Option<f64>, FitsError> {
        // `loss_se_common` of `loss`, and likewise of a validation set's.
        let of_losses = points.columns.last().map(|it| format!("{it}_se_common"));
        let Some(column) = of_losses.filter(|it| self.columns.has(it)) else {
            return Ok(None);
        };
        let errors = self.columns.numbers(&column)?;
        let known: Vec<f64> = points.rows.iter().filter_map(|row| errors[*row]).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        Ok(Some(mean).filter(|se| se.is_finite() && *se > 0.0))
    }

    /// How a law does on the largest runs, fitted to smaller ones.
    fn score(&self, form: Form, choice: &Choice, hide: Hide) -> Result<Holdout, FitsError> {
        let sources = choice.names.variables(self.columns, form)?;
        let flops = match choice.names.source(self.columns, Quantity::Flops) {
            Ok(flops) => flops,
            // A law of one variable has nothing else to be large by.
            Err(_) if sources.len() == 1 => sources[0].clone(),
            Err(error) => return Err(error),
        };
        let points = self.points(&sources, &[flops], choice, &growing(form.variables()))?;
        let hiding = hide.of(points.table.runs());
        let (table, flops) = (&points.table, &points.more[0]);
        let mut options = choice.options.clone();
        if let Hide::Quarter { .. } = hide {
            options.bootstrap = options.bootstrap.min(RESAMPLES_PER_STEP);
        }
        Ok(holdout(form, table, flops, hiding, &options)?)
    }

    fn slice(&self, choice: &Choice) -> Result<Record, FitsError> {
        if matches!(choice.holdout, Some(Hide::Asked(_))) {
            return Err(FitsError::NoHoldout);
        }
        let mut choice = choice.clone();
        let names = &mut choice.names;
        // The budget that a suite was asked for, rather than what rounding to steps made of it.
        if names.c.is_none() && self.columns.numbers(column_names::FLOPS_BUDGET).is_ok() {
            names.c = Some(column_names::FLOPS_BUDGET.to_owned());
        }
        let of = |quantity| choice.names.source(self.columns, quantity);
        let sources = [of(Quantity::Parameters)?, of(Quantity::Tokens)?];
        let flops = of(Quantity::Flops)?;
        let more = std::slice::from_ref(&flops);
        let points = self.points(&sources, more, &choice, &growing(&["N", "D"]))?;
        let sliced = isoflop(&points.table, &points.more[0], &choice.options)?;
        let mut provenance = self.provenance(&points, Vec::new());
        provenance.columns.insert(2, flops.to_string());
        let record = IsoflopRecord::new(sliced, points.table.len(), provenance);
        Ok(Record::Isoflop(Box::new(record)))
    }

    /// The rows as runs: a law's variables, or N, D and C, and the loss.
    pub(crate) fn measured(&self, choice: &Choice) -> Result<Vec<Measured>, FitsError> {
        let of = |quantity| choice.names.source(self.columns, quantity);
        let sources = match choice.shape {
            Shape::Law(form) => choice.names.variables(self.columns, form)?,
            Shape::Written(ref equation) => {
                let (form, choice) = self.written(equation, choice)?;
                choice.names.variables(self.columns, form)?
            }
            Shape::Isoflop => vec![
                of(Quantity::Parameters)?,
                of(Quantity::Tokens)?,
                of(Quantity::Flops)?,
            ],
        };
        let points = self.points(&sources, &[], choice, &[])?;
        let run = |point: usize| Measured {
            x: points.table.x(point),
            loss: points.table.loss(point),
        };
        Ok((0..points.table.len()).map(run).collect())
    }

    /// How FLOPs are counted, for a form that trades N for D.
    pub(crate) fn conventions_of(
        &self,
        form: Form,
        points: &Points,
        names: &Names,
    ) -> Result<Vec<Convention>, FitsError> {
        match (form, form.variables()) {
            // What trades N for D is not known of an equation.
            (Form::Written(_), _) => Ok(Vec::new()),
            (_, ["N", "D", ..]) => self.conventions(points, names),
            _ => Ok(Vec::new()),
        }
    }

    /// How the table counts FLOPs: its own column first, or 6ND where it has none that is anything else, then every
    /// other that has a name of FLOPs.
    fn conventions(&self, points: &Points, names: &Names) -> Result<Vec<Convention>, FitsError> {
        let mut conventions = vec![Convention::six_n_d()];
        if let Some(own) = self.own_convention(points, names)? {
            conventions.insert(0, own);
        }
        let present = self.columns.names();
        let counts = present.iter().filter(|name| {
            let counted = name.starts_with("flops") && *name != column_names::FLOPS_BUDGET;
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
                let same = |old: &Convention| {
                    close(old.coefficient, new.coefficient) && close(old.exponent, new.exponent)
                };
                new.is_six_n_d() || conventions.iter().any(same)
            };
            if let Some(convention) = fitted.filter(|convention| !known(convention)) {
                conventions.push(convention);
            }
        }
        Ok(conventions)
    }

    /// The table's own count of FLOPs, where it is in a column and is not 6ND.
    fn own_convention(
        &self,
        points: &Points,
        names: &Names,
    ) -> Result<Option<Convention>, FitsError> {
        let own = names.source(self.columns, Quantity::Flops);
        let Some(own) = own.ok().filter(|own| !own.is_derived()) else {
            return Ok(None);
        };
        let numbers = own.numbers(self.columns)?;
        let flops: Option<Vec<f64>> = points.rows.iter().map(|row| numbers[*row]).collect();
        let usable = |flops: &Vec<f64>| flops.iter().all(|c| c.is_finite() && *c > 0.0);
        let flops = flops.filter(usable);
        let fitted =
            flops.and_then(|flops| Convention::fitted(&own.to_string(), &points.table, &flops));
        Ok(fitted.filter(|convention| !convention.is_six_n_d()))
    }

    pub(crate) fn provenance(&self, points: &Points, conventions: Vec<Convention>) -> Provenance {
        Provenance {
            left_out: points.left_out.clone(),
            columns: points.columns.clone(),
            conventions,
            filter: self.filter.map(Filter::to_string),
            by: self.by.clone(),
            target: self.target.clone(),
            table_hash: self.table_hash.to_owned(),
            reduced: points.reduced.clone(),
        }
    }
}

/// Which of a law's variables grow while a run trains.
pub(crate) fn growing(variables: &[&str]) -> Vec<usize> {
    let all = variables.iter().enumerate();
    let grow = all.filter(|(_, variable)| ["D", "U", "x"].contains(variable));
    grow.map(|(at, _)| at).collect()
}

//! Fits of tables: which columns a law reads, which rows it cannot use, and how a fit is told.

use std::path::Path;

use anyhow::Context;
use isoflop_law::{Fit, FitOptions, FitRecord, Form, Provenance, Table, allocate, fit};
use isoflop_ledger::Columns;

use crate::show::{interval, number, si};

/// A law to fit, and the columns to fit it to.
#[derive(Debug, Clone)]
pub struct Choice {
    pub form: Form,
    /// The column of each variable, in the form's order.
    pub variables: Vec<String>,
    pub loss: String,
    pub options: FitOptions,
}

impl Choice {
    /// The columns of a form: `x` for a law of one variable, `n` and `d` for one of two.
    ///
    /// # Errors
    /// If the form has one variable and `x` is not given.
    pub fn variables_of(
        form: Form,
        x: Option<&str>,
        n: &str,
        d: &str,
    ) -> anyhow::Result<Vec<String>> {
        if form.variables().len() == 2 {
            return Ok(vec![n.to_owned(), d.to_owned()]);
        }
        let x = x.with_context(|| {
            format!("`{form}` is a law of one variable: name its column, as in `x = \"flops_6n_total\"` or `--x tokens`")
        })?;
        Ok(vec![x.to_owned()])
    }
}

/// Fits a law to a table. Rows that are not `done`, or have no usable numbers, are left out by name.
///
/// # Errors
/// If a column is missing, or the law cannot be fitted to what is left.
pub fn fit_columns(
    columns: &Columns,
    choice: &Choice,
    table_hash: &str,
) -> anyhow::Result<FitRecord> {
    let variables: Vec<Vec<Option<f64>>> = choice
        .variables
        .iter()
        .map(|name| columns.numbers(name))
        .collect::<Result<_, _>>()?;
    let losses = columns.numbers(&choice.loss)?;
    let (cells, statuses) = (columns.words("cell"), columns.words("status"));
    let name = |row: usize| {
        let cell = &cells[row];
        if cell.is_empty() {
            format!("row {}", row + 1)
        } else {
            cell.clone()
        }
    };
    let mut table = Table::new(choice.variables.len());
    let mut left_out = Vec::new();
    for row in 0..columns.rows() {
        let status = statuses[row].as_str();
        if !status.is_empty() && status != "done" {
            left_out.push(format!("{}: {status}", name(row)));
            continue;
        }
        let x: Option<Vec<f64>> = variables.iter().map(|column| column[row]).collect();
        let usable = |value: f64| value.is_finite() && value > 0.0;
        match (x, losses[row]) {
            (Some(x), Some(loss)) if usable(loss) && x.iter().all(|x| usable(*x)) => {
                table.push(&x, loss)
            }
            _ => left_out.push(format!(
                "{}: a number is missing, not finite or not above zero",
                name(row)
            )),
        }
    }
    let fitted = fit(choice.form, &table, &choice.options)?;
    let mut used = choice.variables.clone();
    used.push(choice.loss.clone());
    Ok(FitRecord::new(
        &fitted,
        Provenance {
            left_out,
            flops_convention: (choice.form == Form::Chinchilla).then(|| "6ND".to_owned()),
            columns: used,
            table_hash: table_hash.to_owned(),
        },
    ))
}

/// A fit for people: the law, how sure it is, and what it leaves open.
pub fn describe(record: &FitRecord) -> String {
    let Some(fit) = record.fit() else {
        return "a fit without its parameters\n".to_owned();
    };
    let loss = record.columns.last().map_or("loss", String::as_str);
    let variables: Vec<String> = fit
        .form
        .variables()
        .iter()
        .zip(&record.columns)
        .map(|(variable, column)| format!("{variable} = {column}"))
        .collect();
    let mut text = format!(
        "{}, with L = {loss}, {}; {} points, residuals {:.2}%\n",
        fit.form.equation(),
        variables.join(", "),
        fit.points,
        100.0 * fit.residual,
    );
    for parameter in &fit.parameters {
        // An amplitude's resamples spread over powers of ten: its interval says more.
        let useful = parameter.se.filter(|se| *se < 10.0 * parameter.value.abs());
        let se = useful.map_or_else(|| "-".to_owned(), number);
        let doubt = match parameter.identified {
            Some(false) => "   not identified by these data",
            _ => "",
        };
        text += &format!(
            "  {:<6}{:>11}  ± {:<10} 95% {}{doubt}\n",
            parameter.name,
            number(parameter.value),
            se,
            interval(parameter.ci95, number),
        );
    }
    text += &format!(
        "  {} of {} starts ended at this optimum; relative gradient {:.0e}\n",
        fit.starts_at_optimum, fit.starts, fit.gradient_norm
    );
    if !fit.converged {
        text += "  not converged: this is no minimum, and its numbers are not to be used\n";
    }
    if !record.left_out.is_empty() {
        text += &format!("  left out: {}\n", record.left_out.join("; "));
    }
    text
}

/// What to train for a budget, for people.
///
/// # Errors
/// If the form does not trade parameters against data.
pub fn advise(fit: &Fit, flops: f64) -> anyhow::Result<String> {
    let best = allocate(fit, flops)?;
    let mut text = format!(
        "  {} FLOPs: N = {} {}, D = {} tokens {} ({:.1} per parameter), loss {:.4} {}\n",
        si(flops),
        si(best.n),
        interval(best.n_ci95, si),
        si(best.d),
        interval(best.d_ci95, si),
        best.d / best.n,
        best.loss,
        interval(best.loss_ci95, |loss| format!("{loss:.4}")),
    );
    let beyond = |value: f64, range: &[f64; 2]| value > 10.0 * range[1] || value < 0.1 * range[0];
    if fit
        .range
        .iter()
        .zip([best.n, best.d])
        .any(|(range, value)| beyond(value, range))
    {
        text += "  that is more than ten times beyond the runs fitted\n";
    }
    Ok(text)
}

/// The fits of a folder of results.
///
/// # Errors
/// If `fits.json` is there and cannot be read.
pub fn read_fits(path: &Path) -> anyhow::Result<Vec<FitRecord>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(isoflop_ledger::read_json(path)?)
}

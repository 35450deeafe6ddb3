//! What to train for a budget.

use isoflop_law::{Allocation, Fit, FitRecord, Isoflop, LawError, Record, allocate};

use super::indented;
use crate::show::{columns, interval, number, si};

/// What to train for a budget, by every way of counting FLOPs that the fit's table has.
///
/// # Errors
/// If the form does not trade parameters against data.
pub fn advise(record: &Record, flops: f64) -> anyhow::Result<String> {
    match record {
        Record::Law(record) => advise_by_law(record, flops),
        Record::Isoflop(record) => Ok(advise_by_slices(&record.isoflop, flops)),
    }
}

fn advise_by_law(record: &FitRecord, flops: f64) -> anyhow::Result<String> {
    let Some(fit) = record.fit() else {
        anyhow::bail!("the fit lacks parameters of its form");
    };
    let (found, refused) = allocations(record, &fit, flops)?;
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|best| {
            let per_parameter = |value: f64| {
                if value < 1e4 {
                    format!("{value:.1}")
                } else {
                    si(value)
                }
            };
            vec![
                best.convention.clone(),
                format!("{} {}", si(best.n), interval(best.n_ci95, si)),
                format!("{} {}", si(best.d), interval(best.d_ci95, si)),
                format!(
                    "{} {}",
                    per_parameter(best.tokens_per_parameter),
                    interval(best.tokens_per_parameter_ci95, per_parameter)
                ),
                format!(
                    "{:.4} {}",
                    best.loss,
                    interval(best.loss_ci95, |loss| format!("{loss:.4}"))
                ),
            ]
        })
        .collect();
    let headings = ["C counted by", "N", "D", "tokens per parameter", "loss"];
    let mut text = format!("{} FLOPs\n", si(flops));
    text += &indented(&columns(&headings, &rows), 2);
    for error in refused {
        text += &format!("  {error}\n");
    }
    if let Some(allocation) = record.allocation.filter(|it| !it.is_told()) {
        text += &format!(
            "  these data do not tell how compute is best shared: the exponent of N lies in {}\n",
            interval(allocation.a_ci95, number)
        );
    }
    let counts = |name: &str| {
        record
            .conventions
            .iter()
            .any(|it| it.name == name && it.range().is_some())
    };
    let without = |best: &&Allocation| {
        best.n_ci95.is_none() && !fit.resamples.is_empty() && counts(&best.convention)
    };
    for best in found.iter().filter(without) {
        text += &format!(
            "  {}: no interval, since it reaches beyond the models whose FLOPs it counts\n",
            best.convention
        );
    }
    text += &far_beyond(&fit, &found[0]);
    if !fit.converged {
        text += "  the fit did not converge: these numbers are not to be used\n";
    }
    Ok(text)
}

/// Beyond the fitted runs by more than this is said.
const FAR: f64 = 2.0;

/// How far an answer lies beyond the runs fitted, in which variable.
fn far_beyond(fit: &Fit, best: &Allocation) -> String {
    let variables = fit.form.variables().iter().zip(&fit.range);
    let lines = variables.filter_map(|(variable, [low, high])| {
        let times = *best.beyond.get(*variable)?;
        if times >= FAR {
            let largest = si(*high);
            Some(format!(
                "  {variable} is {times:.1} times the largest fitted, {largest}\n"
            ))
        } else if times <= 1.0 / FAR {
            let (times, smallest) = (1.0 / times, si(*low));
            Some(format!(
                "  {variable} is {times:.1} times below the smallest fitted, {smallest}\n"
            ))
        } else {
            None
        }
    });
    lines.collect()
}

/// The best N and D by every convention, the fit's own first, and why another has none.
///
/// # Errors
/// If the form does not trade parameters against data, or has no best N by any convention.
pub fn allocations(
    record: &FitRecord,
    fit: &Fit,
    flops: f64,
) -> anyhow::Result<(Vec<Allocation>, Vec<LawError>)> {
    let six = isoflop_law::Convention::six_n_d();
    let conventions = match record.conventions.as_slice() {
        [] => std::slice::from_ref(&six),
        some => some,
    };
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for convention in conventions {
        match allocate(fit, flops, convention) {
            Ok(best) => found.push(best),
            Err(error) => refused.push(error),
        }
    }
    match refused.first() {
        Some(error) if found.is_empty() => Err(error.clone().into()),
        _ => Ok((found, refused)),
    }
}

fn advise_by_slices(isoflop: &Isoflop, flops: f64) -> String {
    let rows: Vec<Vec<String>> = isoflop
        .approaches
        .iter()
        .map(|approach| {
            let n = approach.parameters(flops);
            let d = approach.tokens(flops);
            let known = |text: &dyn Fn(f64) -> String| d.map_or_else(|| "-".to_owned(), text);
            vec![
                format!("{}: {}", approach.number, approach.name),
                si(n),
                known(&si),
                known(&|d| format!("{:.1}", d / n)),
            ]
        })
        .collect();
    let headings = ["approach", "N", "D", "tokens per parameter"];
    let text = format!(
        "{} FLOPs\n{}",
        si(flops),
        indented(&columns(&headings, &rows), 2)
    );
    let budgets = isoflop.minima.iter().map(|minimum| minimum.flops);
    let largest = budgets.fold(0.0, f64::max);
    if flops > FAR * largest {
        let times = flops / largest;
        return text
            + &format!(
                "  that is {times:.1} times the largest slice, {}\n",
                si(largest)
            );
    }
    text
}

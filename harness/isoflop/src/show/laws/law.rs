//! A fitted law.

use std::collections::BTreeMap;

use isoflop_law::{Fit, FitRecord, Form, Identification, Objective};

use super::indented;
use super::misfit::misfit;
use super::rows::{by, left_out, reduced};
use crate::show::{columns, count, interval, number};

/// The law, how sure it is, and what was left out of it.
pub fn law(record: &FitRecord) -> String {
    let Some(fit) = record.fit() else {
        return "a fit without its parameters\n".to_owned();
    };
    let loss = record.columns.last().map_or("loss", String::as_str);
    let names = fit.form.variables().iter().zip(&record.columns);
    let named = names
        .filter(|(variable, column)| variable != column)
        .map(|(variable, column)| format!("{variable} = {column}"));
    let named: Vec<String> = target(&fit, loss).into_iter().chain(named).collect();
    let with = if named.is_empty() { "" } else { ", with " };
    let mut text = by(&record.by);
    text += &format!(
        "{}{with}{}\n{} by {}, residuals {}\n",
        fit.form.equation(),
        named.join(", "),
        drawn(&fit),
        objective(fit.objective),
        if fit.is_of_values() {
            number(fit.residual)
        } else {
            format!("{:.2}%", 100.0 * fit.residual)
        },
    );
    text += &shared(&fit);
    text += &reduced(&record.reduced);
    text += &indented(&parameters(record, &fit), 2);
    if let Some(se) = record.common_se {
        text += &format!(
            "  the floor's interval holds what all runs share, as they were scored on the same text: a standard error of {}\n",
            number(se)
        );
    }
    if fit.converged && record.allocation.is_none() && !record.conventions.is_empty() {
        text += "  no share of compute is best: the law does not fall with both N and D\n";
    }
    text += &search(&fit);
    text += &super::compete::alone(record);
    text += &left_out(&record.left_out);
    text += &misfit(&fit);
    // Where the form is wrong, no further run makes it right.
    if fit.is_misfit() {
        text
    } else {
        text + &advice(&fit)
    }
}

/// What the law's target is, where its name does not say it.
fn target(fit: &Fit, column: &str) -> Option<String> {
    let name = match fit.form {
        Form::Written(written) => written.target(),
        _ => "L",
    };
    (name != column).then(|| format!("{name} = {column}"))
}

fn drawn(fit: &Fit) -> String {
    let points = count(fit.points, "point");
    if fit.units == fit.points {
        points
    } else {
        format!("{points} in {}", count(fit.units, "group"))
    }
}

/// What the fit shares with those of other groups.
fn shared(fit: &Fit) -> String {
    let Some(joint) = &fit.joint else {
        return String::new();
    };
    let what = match joint.shared.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    format!(
        "one of {} fitted at once to {}, which share {what}\n",
        count(joint.groups, "law"),
        count(joint.points, "point")
    )
}

fn objective(objective: Objective) -> String {
    match objective {
        Objective::HuberLog { delta }
        | Objective::HuberLikelihood { delta }
        | Objective::Huber { delta } => {
            format!("{} (delta {delta})", objective.name())
        }
        Objective::LsqLog | Objective::Lsq => objective.name().to_owned(),
    }
}

/// A row per parameter, and one for the exponent of the best N.
fn parameters(record: &FitRecord, fit: &Fit) -> String {
    let mut rows: Vec<Vec<String>> = fit
        .parameters
        .iter()
        .map(|parameter| {
            // An amplitude's resamples spread over powers of ten: its interval says more.
            let useful = parameter.se.filter(|se| *se < 10.0 * parameter.value.abs());
            vec![
                parameter.name.clone(),
                if parameter.is_nothing() {
                    "0".to_owned()
                } else {
                    number(parameter.value)
                },
                useful.map_or_else(|| "-".to_owned(), number),
                parameter
                    .ci95
                    .map_or_else(|| "-".to_owned(), |i| interval(Some(i), number)),
                parameter
                    .profile95
                    .map_or_else(|| "-".to_owned(), open_interval),
                match parameter.verdict {
                    None | Some(Identification::Identified) => String::new(),
                    Some(verdict) => verdict.words().to_owned(),
                },
            ]
        })
        .collect();
    if let Some(allocation) = record.allocation {
        let told = |text: String| {
            if allocation.is_told() {
                text
            } else {
                "-".to_owned()
            }
        };
        let untold = if allocation.is_told() {
            ""
        } else {
            "not told: "
        };
        rows.push(vec![
            "a".to_owned(),
            told(number(allocation.a)),
            told(allocation.a_se.map_or_else(|| "-".to_owned(), number)),
            allocation
                .a_ci95
                .map_or_else(|| "-".to_owned(), |i| interval(Some(i), number)),
            String::new(),
            format!(
                "{untold}of N* ~ C^a, C by {}",
                record.flops_convention.as_deref().unwrap_or("6ND")
            ),
        ]);
    }
    let headings = ["", "value", "se", "95%", "95% (profile)", ""];
    columns(&headings, &rows)
}

fn open_interval([low, high]: [Option<f64>; 2]) -> String {
    let low = low.map_or_else(|| "(-".to_owned(), |low| format!("[{}", number(low)));
    let high = high.map_or_else(|| "-)".to_owned(), |high| format!("{}]", number(high)));
    format!("{low}, {high}")
}

fn search(fit: &Fit) -> String {
    let mut text = format!(
        "  {} of {} starts ended at this optimum, objective {:.6e}, relative gradient {:.0e}\n",
        fit.starts_at_optimum, fit.starts, fit.value, fit.gradient_norm
    );
    if let Some(next) = fit.next_minimum {
        text += &format!("  the next best minimum found has objective {next:.6e}\n");
    }
    if fit.failed_resamples > 0 {
        text += &format!(
            "  {} of {} resamples had no minimum and are not in the intervals\n",
            fit.failed_resamples,
            fit.failed_resamples + fit.resamples.len()
        );
    }
    if !fit.converged {
        text += "  not converged: this is no minimum, and its numbers are not to be used\n";
    }
    for why in [&fit.trouble, &fit.no_intervals].into_iter().flatten() {
        text += &format!("  {why}\n");
    }
    text
}

/// What would bound the parameters that these data do not, one line for those of one advice.
fn advice(fit: &Fit) -> String {
    let mut of_advice: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for parameter in &fit.parameters {
        if let Some(advice) = &parameter.advice {
            of_advice.entry(advice).or_default().push(&parameter.name);
        }
    }
    let line = |(advice, names): (&&str, &Vec<&str>)| format!("  {}: {advice}\n", names.join(", "));
    of_advice.iter().map(line).collect()
}

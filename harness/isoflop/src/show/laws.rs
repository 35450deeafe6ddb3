//! Fits, slices and allocations for people.

use std::collections::BTreeMap;

use isoflop_law::{
    Allocation, Fit, FitRecord, HoldoutRecord, Identification, Isoflop, IsoflopRecord, LawError,
    Method, Objective, Record, Refused, allocate,
};

use super::{columns, count, interval, number, si};

/// Rows left out that are named on screen; all are in the JSON.
const MOST_NAMED: usize = 10;

/// A record for people.
pub fn describe(record: &Record) -> String {
    match record {
        Record::Law(record) => law(record),
        Record::Isoflop(record) => slices(record),
    }
}

fn law(record: &FitRecord) -> String {
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
    let mut text = by(&record.by);
    text += &format!(
        "{}, with L = {loss}, {}\n{} by {}, residuals {:.2}%\n",
        fit.form.equation(),
        variables.join(", "),
        drawn(&fit),
        objective(fit.objective),
        100.0 * fit.residual,
    );
    text += &indented(&parameters(record, &fit), 2);
    text += &search(&fit);
    if let Some(holdout) = &record.holdout {
        text += &held_out(holdout);
    }
    text + &left_out(&record.left_out) + &advice(&fit)
}

fn by(by: &Option<[String; 2]>) -> String {
    by.as_ref()
        .map(|[column, value]| format!("{column} = {value}\n"))
        .unwrap_or_default()
}

fn drawn(fit: &Fit) -> String {
    let points = count(fit.points, "point");
    if fit.units == fit.points {
        points
    } else {
        format!("{points} in {}", count(fit.units, "group"))
    }
}

fn objective(objective: Objective) -> String {
    match objective {
        Objective::HuberLog { delta } | Objective::HuberLikelihood { delta } => {
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
                number(parameter.value),
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
        rows.push(vec![
            "a".to_owned(),
            number(allocation.a),
            allocation.a_se.map_or_else(|| "-".to_owned(), number),
            allocation
                .a_ci95
                .map_or_else(|| "-".to_owned(), |i| interval(Some(i), number)),
            String::new(),
            format!(
                "of N* ~ C^a, C by {}",
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

fn held_out(holdout: &HoldoutRecord) -> String {
    format!(
        "  the {} largest runs, predicted from the others: error {:.2}%, bias {:+.2}%, {} inside their intervals\n",
        holdout.hidden.len(),
        100.0 * holdout.error,
        100.0 * holdout.bias,
        holdout.inside
    )
}

/// The rows left out, by reason in the order in which reasons first come.
fn left_out(rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        let (name, reason) = row.split_once(": ").unwrap_or((row, ""));
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => by_reason.push((reason, vec![name])),
        }
    }
    let reasons = by_reason.iter().map(|(reason, names)| {
        let named = &names[..names.len().min(MOST_NAMED)];
        let more = match names.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{reason} ({}{more})", named.join(", "))
    });
    let what = if rows.len() == 1 { "row" } else { "rows" };
    let reasons: Vec<String> = reasons.collect();
    format!("  left out {} {what}: {}\n", rows.len(), reasons.join("; "))
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

/// The slices' minima, the laws through them side by side, and what each leans by.
fn slices(record: &IsoflopRecord) -> String {
    let isoflop = &record.isoflop;
    let [n, d, c, loss] = record.columns.as_slice() else {
        return "slices without their columns\n".to_owned();
    };
    let mut text = by(&record.by);
    text += &format!(
        "slices of equal compute, with L = {loss}, N = {n}, D = {d}, C = {c}; {} points\n",
        record.points
    );
    if let Some(noise) = isoflop.noise {
        text += &format!(
            "noise of the losses, estimated from their scatter around smooth slices: {:.2}%\n",
            100.0 * noise
        );
    }
    text += &indented(&minima(isoflop), 2);
    text += &indented(&approaches(isoflop), 2);
    for bias in &isoflop.bias {
        text += &format!(
            "  of the parametric law's own losses, {} would make a = {:.4}: its bias here is {:+.4}\n",
            bias.method.words(),
            bias.a,
            bias.a - bias.true_a
        );
    }
    for refused in isoflop.refused.iter().take(MOST_NAMED) {
        text += &format!("  no minimum by {}: {refused}\n", methods(refused));
    }
    if isoflop.refused.len() > MOST_NAMED {
        let more = isoflop.refused.len() - MOST_NAMED;
        text += &format!("  and {more} more slices, which --json names\n");
    }
    text + &left_out(&record.left_out)
}

fn methods(refused: &Refused) -> String {
    let words: Vec<&str> = refused
        .methods
        .iter()
        .map(|method| method.words())
        .collect();
    words.join(" or ")
}

fn minima(isoflop: &Isoflop) -> String {
    let mut budgets: Vec<f64> = isoflop.minima.iter().map(|minimum| minimum.flops).collect();
    budgets.dedup();
    let rows: Vec<Vec<String>> = budgets
        .iter()
        .map(|budget| {
            let of = |method: Method| {
                let mut minima = isoflop.minima.iter();
                minima.find(|minimum| minimum.flops == *budget && minimum.method == method)
            };
            let best = |method: Method| {
                of(method).map_or_else(
                    || "-".to_owned(),
                    |minimum| format!("{} {}", si(minimum.n), interval(minimum.n_ci95, si)),
                )
            };
            let either = of(Method::Interpolation).or(of(Method::Parabola));
            vec![
                si(*budget),
                either.map_or_else(String::new, |minimum| minimum.models.to_string()),
                best(Method::Parabola),
                best(Method::Interpolation),
                either.map_or_else(String::new, |minimum| si(minimum.d)),
                either.map_or_else(String::new, |minimum| format!("{:.4}", minimum.loss)),
            ]
        })
        .collect();
    let headings = [
        "FLOPs",
        "models",
        "best N, parabola",
        "best N, interpolation",
        "D",
        "loss",
    ];
    columns(&headings, &rows)
}

fn approaches(isoflop: &Isoflop) -> String {
    let rows: Vec<Vec<String>> = isoflop
        .approaches
        .iter()
        .map(|approach| {
            let of_d = approach.a_ci95.map(|[low, high]| [1.0 - high, 1.0 - low]);
            vec![
                format!("{}: {}", approach.number, approach.name),
                approach.points.to_string(),
                format!("{:.4}", approach.a),
                approach.a_se.map_or_else(|| "-".to_owned(), number),
                interval(approach.a_ci95, |a| format!("{a:.3}")),
                format!(
                    "{:.4} {}",
                    1.0 - approach.a,
                    interval(of_d, |b| format!("{b:.3}"))
                ),
            ]
        })
        .collect();
    let headings = [
        "approach",
        "from",
        "a of N* ~ C^a",
        "se",
        "95%",
        "b of D* ~ C^b",
    ];
    columns(&headings, &rows)
}

/// Forms by how well they predict the hidden runs, best first, with what AICc says of all runs.
pub fn compete(records: &[Record]) -> String {
    let mut scored: Vec<(&FitRecord, &HoldoutRecord)> = records
        .iter()
        .filter_map(|record| Some((record.law()?, record.law()?.holdout.as_ref()?)))
        .collect();
    scored.sort_by(|a, b| a.1.error.total_cmp(&b.1.error));
    let least = scored
        .iter()
        .filter_map(|(record, _)| record.aicc)
        .fold(f64::INFINITY, f64::min);
    let rows: Vec<Vec<String>> = scored
        .iter()
        .map(|(record, holdout)| {
            vec![
                record.form.to_string(),
                record.params.len().to_string(),
                format!("{:.2}%", 100.0 * holdout.error),
                format!("{:+.2}%", 100.0 * holdout.bias),
                format!("{} of {}", holdout.inside, holdout.hidden.len()),
                record
                    .aicc
                    .map_or_else(|| "-".to_owned(), |aicc| format!("+{:.1}", aicc - least)),
            ]
        })
        .collect();
    let headings = [
        "form",
        "parameters",
        "held-out error",
        "bias",
        "in 95%",
        "AICc",
    ];
    columns(&headings, &rows)
}

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
            let per_parameter = |value: f64| format!("{value:.1}");
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
    let without = |best: &&Allocation| best.n_ci95.is_none() && !fit.resamples.is_empty();
    for best in found.iter().skip(1).filter(without) {
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
/// If the form does not trade parameters against data.
pub fn allocations(
    record: &FitRecord,
    fit: &Fit,
    flops: f64,
) -> anyhow::Result<(Vec<Allocation>, Vec<LawError>)> {
    let six = isoflop_law::Convention::six_n_d();
    let (first, others) = match record.conventions.split_first() {
        Some((first, others)) => (first, others),
        None => (&six, &[][..]),
    };
    let mut found = vec![allocate(fit, flops, first)?];
    let mut refused = Vec::new();
    for other in others {
        match allocate(fit, flops, other) {
            Ok(best) => found.push(best),
            Err(error) => refused.push(error),
        }
    }
    Ok((found, refused))
}

fn advise_by_slices(isoflop: &Isoflop, flops: f64) -> String {
    let rows: Vec<Vec<String>> = isoflop
        .approaches
        .iter()
        .map(|approach| {
            let n = approach.parameters(flops);
            let d = flops / (6.0 * n);
            vec![
                format!("{}: {}", approach.number, approach.name),
                si(n),
                si(d),
                format!("{:.1}", d / n),
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

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| format!("{pad}{line}\n")).collect()
}

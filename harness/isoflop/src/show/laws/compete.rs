//! Laws side by side.

use isoflop_law::{FitRecord, Form, Ranked, Ranking, Record, library, rank};

use crate::show::{columns, count, interval, number};

/// Laws by how well they predict the runs that are hidden from all of them, best first, with what AICc says of all runs;
/// nothing of fewer than two laws that are scored.
pub fn compete(records: &[Record]) -> Option<String> {
    let laws = || records.iter().filter_map(Record::law);
    let Some(ranking) = rank(laws().filter(|law| law.converged)) else {
        let text = not_ranked(&laws().collect::<Vec<_>>());
        return Some(text).filter(|text| laws().count() > 1 && !text.is_empty());
    };
    let aicc = ranking.laws.iter().filter_map(|law| law.record.aicc);
    let least = aicc.fold(f64::INFINITY, f64::min);
    let row = |(place, law): (usize, &Ranked)| {
        let of = |error: f64| size(&ranking, error);
        let holdout = law.record.holdout.as_ref();
        let inside = holdout.map(|it| format!("{} of {}", it.inside, it.hidden.len()));
        vec![
            known_as(law.record.form),
            law.record.params.len().to_string(),
            of(law.error),
            if place == 0 {
                "-".to_owned()
            } else {
                format!("{} {}", interval(law.excess, of), against(law))
            },
            of(law.bias),
            inside.unwrap_or_default(),
            law.record
                .aicc
                .map_or_else(|| "-".to_owned(), |aicc| format!("+{:.1}", aicc - least)),
        ]
    };
    let rows: Vec<Vec<String>> = ranking.laws.iter().enumerate().map(row).collect();
    let headings = [
        "law",
        "parameters",
        "held-out error",
        "more than the first, 95%",
        "bias",
        "in 95%",
        "AICc",
    ];
    let mut text = hidden(&ranking) + &columns(&headings, &rows);
    let believed = ranking.believed();
    if believed.len() > 1 {
        text += &format!(
            "{} are not told apart by the hidden runs: `isoflop predict` averages their forecasts\n",
            count(believed.len(), "law")
        );
    }
    text += &not_ranked(&laws().collect::<Vec<_>>());
    Some(text)
}

/// The laws that are not ranked, each with the reason.
fn not_ranked(laws: &[&FitRecord]) -> String {
    let line = |law: &&FitRecord| {
        let trouble = (!law.converged).then_some("its fit did not converge");
        let why = law.not_scored.as_deref().or(trouble)?;
        Some(format!("not ranked: {}: {why}\n", known_as(law.form)))
    };
    laws.iter().filter_map(line).collect()
}

/// A form's name; of a published equation, the law's.
fn known_as(form: Form) -> String {
    let published = library().unwrap_or_default().into_iter();
    let mut named = published.filter(|law| law.equation == form.name());
    named
        .next()
        .map_or_else(|| form.to_string(), |law| law.name)
}

/// What was hidden, and how it was foretold.
fn hidden(ranking: &Ranking) -> String {
    let steps = ranking.laws[0].record.holdout.as_ref();
    let steps = steps.map_or(1, |it| it.origins.max(1));
    let each = if steps > 1 {
        format!("in {steps} steps from all smaller runs")
    } else {
        "from the others".to_owned()
    };
    let runs = count(ranking.runs, "run");
    format!("the largest {runs}, predicted {each}:\n")
}

/// An error, in the unit of the residuals.
fn size(ranking: &Ranking, error: f64) -> String {
    if ranking.of_values {
        number(error)
    } else {
        format!("{:.2}%", 100.0 * error)
    }
}

/// Whether a law is told to be worse than the best one.
fn against(law: &Ranked) -> &'static str {
    if law.is_worse {
        "worse"
    } else {
        "not told apart"
    }
}

/// How a law does on hidden runs, alone.
pub fn alone(record: &FitRecord) -> String {
    let (Some(holdout), of_values) = (&record.holdout, record.is_of_values()) else {
        return String::new();
    };
    let of = |error: f64, sign: bool| match (of_values, sign) {
        (true, _) => number(error),
        (false, true) => format!("{:+.2}%", 100.0 * error),
        (false, false) => format!("{:.2}%", 100.0 * error),
    };
    let points = holdout.hidden.len();
    let what = if record.units < record.points {
        format!(
            "the {} largest groups ({})",
            holdout.units,
            count(points, "point")
        )
    } else {
        format!("the largest {}", count(points, "run"))
    };
    let from = match holdout.origins {
        0 | 1 => "the others".to_owned(),
        steps => format!("all smaller ones in {steps} steps"),
    };
    format!(
        "  {what}, predicted from {from}: error {}, bias {}, {} of {points} inside their intervals\n",
        of(holdout.error, false),
        of(holdout.bias, true),
        holdout.inside
    )
}

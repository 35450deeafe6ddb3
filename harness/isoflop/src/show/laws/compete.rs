//! Forms side by side.

use isoflop_law::{FitRecord, HoldoutRecord, Record};

use crate::show::{columns, number};

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
                error(record, holdout.error),
                against(holdout, scored[0].1),
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
        "than the first",
        "bias",
        "in 95%",
        "AICc",
    ];
    columns(&headings, &rows)
}

/// An error, in the unit of its residuals.
fn error(record: &FitRecord, error: f64) -> String {
    if record.is_of_values() {
        number(error)
    } else {
        format!("{:.2}%", 100.0 * error)
    }
}

/// Whether a law is told to be worse than the best one.
fn against(holdout: &HoldoutRecord, best: &HoldoutRecord) -> String {
    if std::ptr::eq(holdout, best) {
        return "-".to_owned();
    }
    if holdout.is_worse_than(best) {
        "worse"
    } else {
        "not told apart"
    }
    .to_owned()
}

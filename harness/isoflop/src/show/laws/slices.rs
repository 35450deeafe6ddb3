//! Slices of equal compute.

use isoflop_law::{Approach, Isoflop, IsoflopRecord, Minimum, Refused};

use super::indented;
use super::rows::{by, left_out, reduced};
use crate::show::{columns, count, interval, number, si};

/// Slices without a minimum that are named on screen; all are in the JSON.
const MOST_NAMED: usize = 10;

/// The slices' minima, the laws through them side by side, and what each leans by.
pub fn slices(record: &IsoflopRecord) -> String {
    let isoflop = &record.isoflop;
    let [n, d, c, loss] = record.columns.as_slice() else {
        return "slices without their columns\n".to_owned();
    };
    let mut text = by(&record.by);
    text += &format!(
        "slices of equal compute, with L = {loss}, N = {n}, D = {d}, C = {c}; {} points\n",
        record.points
    );
    text += &reduced(&record.reduced);
    if let Some(noise) = isoflop.noise {
        let whence = if isoflop.noise_assumed {
            "assumed, since no slice has the five models that would tell it"
        } else {
            "estimated from their scatter around smooth slices"
        };
        text += &format!("noise of the losses, {whence}: {:.2}%\n", 100.0 * noise);
    }
    text += &indented(&minima(isoflop), 2);
    text += &indented(&approaches(isoflop), 2);
    for without in &isoflop.without {
        text += &format!(
            "  no approach {} by {}: {}\n",
            without.number, without.name, without.reason
        );
    }
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
    if isoflop.in_no_slice > 0 {
        text += &format!(
            "  {} in no slice: other budgets are as near as the next run of theirs\n",
            count(isoflop.in_no_slice, "run")
        );
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

/// A row for each slice and each method that finds its minimum.
fn minima(isoflop: &Isoflop) -> String {
    let row = |minimum: &Minimum| {
        vec![
            si(minimum.flops),
            minimum.models.to_string(),
            minimum.method.words().to_owned(),
            format!("{} {}", si(minimum.n), interval(minimum.n_ci95, si)),
            si(minimum.d),
            format!("{:.4}", minimum.loss),
        ]
    };
    let rows: Vec<Vec<String>> = isoflop.minima.iter().map(row).collect();
    let headings = [
        "FLOPs",
        "models",
        "minimum by",
        "best N",
        "its D",
        "its loss",
    ];
    columns(&headings, &rows)
}

fn approaches(isoflop: &Isoflop) -> String {
    let exponent = |ends: Option<[f64; 2]>| interval(ends, |it| format!("{it:.3}"));
    let row = |approach: &Approach| {
        let tokens = approach.tokens.map_or_else(
            || "-".to_owned(),
            |tokens| format!("{:.4} {}", tokens.b, exponent(tokens.b_ci95)),
        );
        vec![
            format!("{}: {}", approach.number, approach.name),
            approach.points.to_string(),
            format!("{:.4}", approach.a),
            approach.a_se.map_or_else(|| "-".to_owned(), number),
            exponent(approach.a_ci95),
            tokens,
        ]
    };
    let rows: Vec<Vec<String>> = isoflop.approaches.iter().map(row).collect();
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

//! How noisy the losses of a suite are.

use isoflop_fits::Noise;

use crate::show::count;

/// By how much losses scatter that differ in a seed alone, and what makes them do so.
pub fn scatter(noise: &Noise) -> String {
    let parts = [
        ("initial weights", noise.weights),
        ("order of the data", noise.order),
        ("tokens scored", noise.evaluation),
    ];
    let known = parts.iter().filter_map(|(what, part)| {
        let part = part.as_ref()?;
        Some(format!("{what} {:.2}%", 100.0 * part))
    });
    let known: Vec<String> = known.collect();
    format!(
        "{} of {} scatter: {}\n",
        count(noise.runs, "replicate"),
        count(noise.cells, "cell"),
        known.join(", ")
    )
}

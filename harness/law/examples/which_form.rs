//! Two forms compared by what they say of runs that they have not seen.

use isoflop_law::{FitOptions, Form, Hiding, LawError, Table, holdout};

fn main() -> Result<(), LawError> {
    // Runs of a law with a floor; the largest six are hidden.
    let truth = [1.7, 25.0, 0.15];
    let mut table = Table::new(1);
    let mut flops = Vec::new();
    for i in 0..24 {
        let compute = 10f64.powf(16.0 + 0.25 * f64::from(i));
        // A scatter that repeats: half a percent up, none, half a percent down.
        let scatter = 1.0 + 0.005 * f64::from(i % 3 - 1);
        table.push(&[compute], Form::Offset.loss(&truth, &[compute]) * scatter);
        flops.push(compute);
    }
    let hiding = Hiding {
        runs: 6,
        origins: 1,
    };
    for form in [Form::Power, Form::Offset] {
        let scored = holdout(form, &table, &flops, hiding, &FitOptions::default())?;
        println!(
            "{:>6}: off by {:.2}% on the hidden runs, {} of {} in their 95% interval",
            form.name(),
            100.0 * scored.error,
            scored.inside,
            scored.hidden.len()
        );
    }
    Ok(())
}

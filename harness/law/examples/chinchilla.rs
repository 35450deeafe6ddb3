//! A law of parameters and tokens, fitted to simulated runs, and what to train for a budget.

use isoflop_law::{Convention, FitOptions, Form, LawError, Table, allocate, fit};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

fn main() -> Result<(), LawError> {
    // Twenty-four runs of a law that is known: E, A, alpha, B, beta. Losses scatter by half a percent.
    let truth = [1.69, 406.4, 0.34, 410.7, 0.28];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let scatter = Normal::new(0.0, 0.005).expect("a deviation above zero");
    let mut table = Table::new(2);
    for n in [1e7, 3e7, 1e8, 3e8, 1e9, 3e9] {
        for tokens_per_parameter in [5.0, 20.0, 80.0, 320.0] {
            let x = [n, tokens_per_parameter * n];
            let noise: f64 = scatter.sample(&mut random);
            table.push(&x, Form::Chinchilla.loss(&truth, &x) * noise.exp());
        }
    }

    let fit = fit(Form::Chinchilla, &table, &FitOptions::default())?;
    println!("{}", fit.form.equation());
    for (parameter, truth) in fit.parameters.iter().zip(truth) {
        let interval = parameter.ci95.map_or_else(
            || "no interval".to_owned(),
            |[low, high]| format!("{low:.3} to {high:.3}"),
        );
        println!(
            "{:>6} = {:.3}, 95% {interval}, made with {truth}",
            parameter.name, parameter.value
        );
    }

    let best = allocate(&fit, 1e22, &Convention::six_n_d())?;
    println!(
        "for 1e22 FLOPs: N {:.3e}, D {:.3e}, loss {:.4}",
        best.n, best.d, best.loss
    );
    Ok(())
}

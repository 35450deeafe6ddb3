//! Answers that hold: designs whose answer is known, and what every answer must be, whatever the table.
//!
//! `ISOFLOP_ANSWERS=10000` tries that many random tables; by default it tries 200.

use isoflop_law::{
    Allocation, AllocationExponent, Convention, Fit, FitOptions, FitRecord, Form, Identification,
    Isoflop, LawError, Objective, Pattern, Point, Prediction, Provenance, Table, allocate, fit,
    isoflop,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

fn options(bootstrap: usize) -> FitOptions {
    FitOptions {
        bootstrap,
        ..FitOptions::default()
    }
}

fn close(found: f64, expected: f64, share: f64) -> bool {
    (found / expected - 1.0).abs() < share
}

/// Two slices of three models whose loss is least at 1e8 and 3e8 parameters, with `C = k N D`.
fn slices(k: f64) -> (Table, Vec<f64>) {
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for (c, best, least) in [(1e18, 1e8, 3.0), (1e19, 3e8, 2.7)] {
        for n in [0.5 * best, best, 2.0 * best] {
            let loss = least + 0.1 * f64::ln(n / best).powi(2);
            table.push(&[n, c / (k * n)], loss);
            flops.push(c);
        }
    }
    (table, flops)
}

/// Minima, their D, both exponents and what is advised follow the table's own FLOPs.
#[test]
fn slices_follow_the_tables_own_flops() {
    let (table, flops) = slices(20.0);
    let found = isoflop(&table, &flops, &options(0)).unwrap();
    for minimum in &found.minima {
        let n = if minimum.flops < 5e18 { 1e8 } else { 3e8 };
        assert!(close(minimum.n, n, 1e-6), "{minimum:?}");
        assert!(
            close(minimum.d, minimum.flops / (20.0 * n), 1e-6),
            "{minimum:?}"
        );
    }
    let a = 3f64.log10();
    let second = found.approaches.iter().filter(|it| it.number == 2);
    for approach in second {
        let tokens = approach.tokens.unwrap();
        assert!(close(approach.a, a, 1e-6) && close(tokens.b, 1.0 - a, 1e-6));
        assert!(close(
            approach.tokens(1e19).unwrap(),
            1e19 / (20.0 * 3e8),
            1e-6
        ));
    }
    // The cell that a slice without a minimum asks for is of the slice's budget, too.
    let edge = [1e8, 2e8, 4e8];
    let mut table = Table::new(2);
    for (n, loss) in edge.iter().zip([3.0, 3.1, 3.3]) {
        table.push(&[*n, 1e18 / (20.0 * n)], loss);
    }
    let error = isoflop(&table, &[1e18; 3], &options(0))
        .unwrap_err()
        .to_string();
    let cell = "add a cell of 5.000e7 parameters on 1.000e9 tokens";
    assert!(error.contains(cell), "{error}");
}

/// FLOPs per token that grow as another power of N: `a` and `b` do not add up to one.
#[test]
fn exponents_need_not_add_up_to_one() {
    let power = 0.8;
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for c in [1e16, 1e17, 1e18, 1e19_f64] {
        let best = 1e3 * (c / 1e16).powf(0.6) * 1e4;
        for step in -3..=3 {
            let n = best * 2f64.powi(step);
            let loss = 2.0 + 100.0 * c.powf(-0.12) + 0.02 * f64::from(step).powi(2);
            table.push(&[n, c / (40.0 * n.powf(power))], loss);
            flops.push(c);
        }
    }
    let found = isoflop(&table, &flops, &options(0)).unwrap();
    for approach in found.approaches.iter().filter(|it| it.number == 2) {
        let tokens = approach.tokens.unwrap();
        assert!(close(approach.a, 0.6, 1e-3), "{approach:?}");
        assert!(close(tokens.b, 1.0 - power * 0.6, 1e-3), "{approach:?}");
    }
}

/// The parametric law's approach and what the law itself advises are one.
#[test]
fn slices_and_the_law_agree_on_one_table() {
    let truth = [1.7, 400.0, 0.34, 600.0, 0.30];
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for c in [1e18, 1e19, 1e20, 1e21_f64] {
        for step in -4..=4 {
            let n = 0.1 * c.powf(0.47) * 1.6f64.powi(step);
            let x = [n, c / (20.0 * n)];
            table.push(&x, Form::Chinchilla.loss(&truth, &x));
            flops.push(c);
        }
    }
    let found = isoflop(&table, &flops, &options(0)).unwrap();
    let own = Convention::fitted("C", &table, &flops).unwrap();
    let law = fit(Form::Chinchilla, &table, &options(0)).unwrap();
    let advised = allocate(&law, 1e20, &own).unwrap();
    let third = found.approaches.iter().find(|it| it.number == 3).unwrap();
    assert!(
        close(third.parameters(1e20), advised.n, 1e-6),
        "{third:?} {advised:?}"
    );
    assert!(close(third.tokens(1e20).unwrap(), advised.d, 1e-6));
    for bias in &found.bias {
        assert!((bias.a - bias.true_a).abs() < 0.05, "{bias:?}");
    }
}

/// The best model lies at an edge of every slice: nothing is made up.
#[test]
fn slices_at_an_edge_are_refused() {
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for (c, least) in [(1e18, 3.0), (3e18, 2.9)] {
        for (n, above) in [(1e8, 0.0), (2e8, 0.1), (4e8, 0.3)] {
            table.push(&[n, c / (6.0 * n)], least + above);
            flops.push(c);
        }
    }
    let error = isoflop(&table, &flops, &options(0))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("its smallest model has the lowest loss"),
        "{error}"
    );
}

/// A grid whose products are neighbours by chance is no design of equal compute.
#[test]
fn chance_neighbours_are_no_slices() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for _ in 0..60 {
        let (n, d) = (
            10f64.powf(rng.random_range(7.0..8.0)),
            10f64.powf(rng.random_range(9.0..10.0)),
        );
        table.push(&[n, d], 1.7 + 400.0 * n.powf(-0.34) + 600.0 * d.powf(-0.3));
        flops.push(6.0 * n * d);
    }
    let error = isoflop(&table, &flops, &options(0)).unwrap_err();
    assert!(matches!(error, LawError::NoDesign { .. }));
    assert!(
        error.to_string().contains("no design of equal compute"),
        "{error}"
    );
}

/// One model that is the best of all budgets has no power of compute.
#[test]
fn an_envelope_of_one_model_is_refused_with_its_reason() {
    let (mut table, mut flops) = (Table::new(2), Vec::new());
    for c in [1e18, 2e18, 4e18] {
        for step in -3..=3 {
            let n = 1e8 * 2f64.powi(step);
            let loss = 3.0 - 0.1 * f64::ln(c / 1e18) + 0.1 * f64::from(step).powi(2);
            table.push(&[n, c / (6.0 * n)], loss);
            flops.push(c);
        }
    }
    let found = isoflop(&table, &flops, &options(100)).unwrap();
    assert!(found.approaches.iter().all(|it| it.number != 1));
    let why = found.without.iter().find(|it| it.number == 1).unwrap();
    assert!(why.reason.contains("fewer than 3 models"), "{why:?}");
}

/// The best N against C: it rises, and its exponent is known on both sides.
#[test]
fn a_law_that_rises_is_bounded() {
    let mut table = Table::new(1);
    for (at, c) in (36..=44).map(|half| (half, 10f64.powf(0.5 * f64::from(half)))) {
        let scatter = 1.0 + 0.01 * f64::from(at % 3 - 1);
        table.push(&[c], 0.1 * c.powf(0.5) * scatter);
    }
    for form in [Form::Power, Form::Offset] {
        let fit = fit(form, &table, &options(200)).unwrap();
        assert!(fit.converged, "{form}");
        let c = fit.parameter("c").unwrap();
        assert!((c.value + 0.5).abs() < 0.01, "{form} {}", c.value);
        assert_eq!(c.verdict, Some(Identification::Identified), "{form}");
        let [low, high] = c.ci95.unwrap();
        assert!(
            low < -0.48 && high > -0.52 && low > -0.6 && high < -0.4,
            "{form} {low} {high}"
        );
        for advice in fit.parameters.iter().filter_map(|it| it.advice.as_ref()) {
            // The floor of what rises is at the small end.
            assert!(advice.contains("smaller x"), "{form}: {advice}");
        }
    }
}

fn seeded(bump: f64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let normal = Normal::standard();
    let mut table = Table::new(2);
    for n in [1e6, 3e6, 1e7, 3e7, 1e8, 3e8_f64] {
        for d in [1e8, 1e9, 1e10] {
            for _ in 0..2 {
                let law = Form::Chinchilla.loss(&[1.5, 400.0, 0.34, 600.0, 0.3], &[n, d]);
                let noise = 2e-3 * normal.inverse_cdf(rng.random_range(f64::EPSILON..1.0));
                table.push(&[n, d], law * (1.0 + bump * n.ln().sin()) * noise.exp());
            }
        }
    }
    table
}

/// Seeds scatter by 0.2%, and a bump of 3% is no noise.
#[test]
fn runs_that_repeat_tell_a_law_that_does_not_fit() {
    let wrong = fit(Form::Chinchilla, &seeded(0.03), &options(100)).unwrap();
    let lack = wrong.lack_of_fit.unwrap();
    assert_eq!((lack.places, lack.repeats), (18, 18));
    assert!((1e-3..4e-3).contains(&lack.noise), "{lack:?}");
    assert!(
        lack.misses() && lack.misfit > 0.01 && wrong.is_misfit(),
        "{lack:?}"
    );
    let right = fit(Form::Chinchilla, &seeded(0.0), &options(100)).unwrap();
    let lack = right.lack_of_fit.unwrap();
    assert!(!lack.misses() && lack.p > 0.01, "{lack:?}");
    assert!(right.patterns.is_empty(), "{:?}", right.patterns);
}

/// The smallest model is of another kind: its runs slope across the law.
#[test]
fn residuals_that_run_in_a_pattern_are_named() {
    let mut table = Table::new(2);
    for (i, n) in [7e3, 3e4, 1e5, 4e5, 2e6_f64].into_iter().enumerate() {
        for (j, d) in (0..8).map(|j| 1e6 * 3f64.powi(j)).enumerate() {
            let law = Form::Chinchilla.loss(&[1.5, 20.0, 0.3, 600.0, 0.4], &[n, d]);
            let tilt = if i == 0 { -0.08 + 0.02 * j as f64 } else { 0.0 };
            let scatter = 1e-3 * ((i * 7 + j * 5) % 11) as f64 / 5.0;
            table.push(&[n, d], law * (1.0 + tilt + scatter));
        }
    }
    let fit = fit(Form::Chinchilla, &table, &options(100)).unwrap();
    let Some(Pattern::Line {
        variable,
        place,
        along,
        from,
        to,
        ..
    }) = fit.patterns.first()
    else {
        panic!("{:?}", fit.patterns);
    };
    assert_eq!((variable.as_str(), *place, along.as_str()), ("N", -1, "D"));
    assert!(*from < -0.04 && *to > 0.03, "{from} {to}");
}

/// A floor that a power law lacks bends the residuals.
#[test]
fn a_missing_floor_is_a_bend() {
    let mut table = Table::new(1);
    for x in (0..16).map(|i| 10f64.powf(4.0 + 0.4 * f64::from(i))) {
        table.push(&[x], 1.7 + 90.0 * x.powf(-0.3));
    }
    let power = fit(Form::Power, &table, &options(50)).unwrap();
    let Some(Pattern::Bend { thirds, .. }) = power.patterns.first() else {
        panic!("{:?}", power.patterns);
    };
    assert!(
        thirds[0] > 0.0 && thirds[1] < 0.0 && thirds[2] > 0.0,
        "{thirds:?}"
    );
    assert!(
        fit(Form::Offset, &table, &options(50))
            .unwrap()
            .patterns
            .is_empty()
    );
}

/// A table of no particular kind.
struct Any {
    form: Form,
    table: Table,
    flops: Vec<f64>,
    options: FitOptions,
}

impl Any {
    fn drawn(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let form = Form::ALL[rng.random_range(0..Form::ALL.len())];
        // Often another law than the one that is fitted.
        let truth = if rng.random_bool(0.7) {
            form
        } else {
            Form::ALL[rng.random_range(0..Form::ALL.len())]
        };
        let truth = if truth.variables().len() == form.variables().len() {
            truth
        } else {
            form
        };
        let values = parameters(truth, &mut rng);
        let places = places(form, &mut rng);
        let size = [0.0, 1e-7, 1e-3, 1e-2, 0.1, 0.5][rng.random_range(0..6)];
        let wild = rng.random_bool(0.2);
        let nonsense = rng.random_bool(0.1);
        let (grouped, weighed) = (rng.random_bool(0.2), rng.random_bool(0.2));
        let normal = Normal::standard();
        let (mut table, mut flops) = (Table::new(form.variables().len()), Vec::new());
        for (at, x) in places.iter().enumerate() {
            let mut noise = size * normal.inverse_cdf(rng.random_range(f64::EPSILON..1.0));
            if wild && rng.random_bool(0.1) {
                noise *= 30.0;
            }
            let law = if nonsense {
                rng.random_range(0.5..8.0)
            } else {
                truth.loss(&values, x)
            };
            let before = table.len();
            table.push_point(Point {
                x,
                loss: law * noise.clamp(-5.0, 5.0).exp(),
                se: weighed.then(|| rng.random_range(1e-3..1e-1)),
                group: grouped.then_some((at % 9) as u64),
            });
            if table.len() > before {
                flops.push(x[0] * x.get(1).unwrap_or(&1.0) * 6.0);
            }
        }
        let options = FitOptions {
            seed,
            ..options(40)
        };
        Any {
            form,
            table,
            flops,
            options,
        }
    }
}

fn parameters(form: Form, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let power = |rng: &mut ChaCha8Rng, low: f64, high: f64| 10f64.powf(rng.random_range(low..high));
    let names = form.parameters().iter();
    names
        .map(|name| match *name {
            "E" => power(rng, -3.0, 0.7),
            "L0" => power(rng, 0.8, 1.2),
            "A" | "B" | "G" => power(rng, 0.0, 4.0),
            "Nc" | "Dc" => power(rng, 10.0, 14.0),
            "d" => power(rng, 5.0, 9.0),
            "g" => power(rng, -10.0, -5.0),
            "R_D" | "R_N" => power(rng, 0.0, 1.5),
            "f" => power(rng, -0.7, 0.3),
            _ => rng.random_range(-0.2..1.2),
        })
        .collect()
}

fn places(form: Form, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let count = form.variables().len();
    let decades = rng.random_range(0.3..5.0);
    let at = |share: f64, variable: usize| {
        let low = [5.0, 7.0, 6.0][variable];
        let (low, decades) = if count == 3 && variable < 2 && form == Form::WidthDepth {
            ([1.5, 0.3][variable], 0.5 * decades)
        } else {
            (low, decades)
        };
        10f64.powf(low + share * decades)
    };
    match rng.random_range(0..3) {
        // A grid.
        0 => {
            let steps = rng.random_range(2..6);
            let all = (0..(steps as usize).pow(count as u32)).map(|code| {
                (0..count)
                    .map(|v| {
                        let step = code / (steps as usize).pow(v as u32) % steps as usize;
                        at(step as f64 / (steps - 1) as f64, v)
                    })
                    .collect()
            });
            all.collect()
        }
        // Slices of equal compute, with tokens all fresh.
        1 if count >= 2 => {
            let mut all = Vec::new();
            for slice in 0..rng.random_range(2..5) {
                let c = 1e15 * 10f64.powf(f64::from(slice) * 0.5);
                for step in 0..rng.random_range(3..9) {
                    let n = 1e6 * 1.7f64.powi(step) * (c / 1e15).sqrt();
                    all.push([n, c / (6.0 * n), c / (6.0 * n)][..count].to_vec());
                }
            }
            all
        }
        _ => {
            let points = rng.random_range(3..40);
            let point = |rng: &mut ChaCha8Rng| {
                (0..count)
                    .map(|v| at(rng.random_range(0.0..1.0), v))
                    .collect()
            };
            (0..points).map(|_| point(rng)).collect()
        }
    }
}

fn holds(what: &str, value: f64, interval: Option<[f64; 2]>) -> Result<(), String> {
    match interval {
        Some([low, high]) if !(low <= value && value <= high) => {
            Err(format!("{what} = {value} with [{low}, {high}]"))
        }
        _ => Ok(()),
    }
}

fn prediction_holds(what: &str, said: &Prediction) -> Result<(), String> {
    holds(what, said.loss, said.ci95)?;
    holds(what, said.loss, said.run95)?;
    match (said.ci95, said.run95) {
        (Some([low, high]), Some([run_low, run_high])) if run_low > low || run_high < high => Err(
            format!("{what}: law [{low}, {high}], run [{run_low}, {run_high}]"),
        ),
        _ => Ok(()),
    }
}

fn allocation_holds(best: &Allocation) -> Result<(), String> {
    holds("N", best.n, best.n_ci95)?;
    holds("D", best.d, best.d_ci95)?;
    holds(
        "D/N",
        best.tokens_per_parameter,
        best.tokens_per_parameter_ci95,
    )?;
    holds("loss", best.loss, best.loss_ci95)
}

fn fit_holds(any: &Any, fit: &Fit) -> Result<(), String> {
    for parameter in &fit.parameters {
        let what = format!("{} of {}", parameter.name, any.form);
        holds(&what, parameter.value, parameter.ci95)?;
        holds(&what, parameter.value, parameter.percentile95)?;
        let [low, high] = parameter.profile95.unwrap_or_default();
        let (low, high) = (
            low.unwrap_or(f64::NEG_INFINITY),
            high.unwrap_or(f64::INFINITY),
        );
        holds(
            &format!("{what}, profile"),
            parameter.value,
            Some([low, high]),
        )?;
    }
    for point in 0..any.table.len() {
        let x = any.table.x(point);
        prediction_holds("a prediction", &fit.predict(&x))?;
        let beyond: Vec<f64> = x.iter().map(|x| 30.0 * x).collect();
        prediction_holds("a prediction beyond", &fit.predict(&beyond))?;
    }
    let six = Convention::six_n_d();
    if let Ok(exponent) = AllocationExponent::of(fit, &six) {
        holds("a", exponent.a, exponent.a_ci95)?;
    }
    for flops in [1e14, 1e18, 1e24] {
        if let Ok(best) = allocate(fit, flops, &six) {
            allocation_holds(&best)?;
        }
    }
    Ok(())
}

fn slices_hold(any: &Any, found: &Isoflop) -> Result<(), String> {
    for minimum in &found.minima {
        holds("a minimum", minimum.n, minimum.n_ci95)?;
        let of_slice =
            (0..any.table.len()).filter(|point| close(any.flops[*point], minimum.flops, 0.11));
        let least = of_slice
            .map(|point| any.table.loss(point))
            .fold(f64::INFINITY, f64::min);
        if minimum.loss <= 0.0 || !least.is_finite() {
            return Err(format!("{minimum:?}, least measured {least}"));
        }
    }
    for approach in &found.approaches {
        holds(&approach.name, approach.a, approach.a_ci95)?;
        if let Some([low, high]) = approach.a_ci95
            && high - low >= 0.9
        {
            return Err(format!("{approach:?} says nothing"));
        }
        let tokens = approach.tokens.ok_or("no law of tokens")?;
        holds(&approach.name, tokens.b, tokens.b_ci95)?;
    }
    Ok(())
}

fn answers_hold(seed: u64) -> Result<(), String> {
    let any = Any::drawn(seed);
    if let Ok(found) = fit(any.form, &any.table, &any.options) {
        fit_holds(&any, &found)?;
        let kept = FitRecord::new(&found, Provenance::default());
        let text = serde_json::to_string(&kept).map_err(|error| error.to_string())?;
        let kept: FitRecord = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        fit_holds(&any, &kept.fit().ok_or("a record without its fit")?)?;
    }
    if any.table.variables() == 2
        && let Ok(found) = isoflop(&any.table, &any.flops, &any.options)
    {
        slices_hold(&any, &found)?;
    }
    Ok(())
}

#[test]
fn every_interval_holds_its_estimate() {
    // A number of tables, or the number of one and of that after the last: `1721..1722`.
    let asked = std::env::var("ISOFLOP_ANSWERS").unwrap_or_else(|_| "200".to_owned());
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let tables = match asked.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&asked),
    };
    let count = tables.end - tables.start;
    let wrong: Vec<String> = tables
        .into_par_iter()
        .filter_map(|seed| Some(format!("seed {seed}: {}", answers_hold(seed).err()?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
}

/// Cells of one run each but for two, which have twenty replicates. How far a law misses a cell is the cell's, ten times as
/// much as replicates scatter.
fn replicated(seed: u64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::standard();
    let mut draw = |size: f64| size * normal.inverse_cdf(rng.random_range(f64::EPSILON..1.0));
    let mut table = Table::new(1);
    for cell in 0..16 {
        let x = 1e6 * 2f64.powi(cell);
        let off = draw(0.02);
        let replicates = if [2, 3].contains(&cell) { 20 } else { 1 };
        for _ in 0..replicates {
            let loss = 400.0 * x.powf(-0.3) * (off + draw(0.002)).exp();
            table.push_point(Point {
                x: &[x],
                loss,
                se: None,
                group: Some(cell as u64),
            });
        }
    }
    table
}

/// The exponent of many such tables: intervals hold the truth, and it lies nearer to it than where every run counts alike.
#[test]
fn replicates_of_a_cell_do_not_outvote_the_others() {
    const TABLES: u64 = 60;
    let with = |bootstrap| FitOptions {
        objective: Objective::LsqLog,
        ..options(bootstrap)
    };
    let exponent = |fit: &Fit| fit.parameter("c").unwrap().clone();
    let each: Vec<(bool, [f64; 4])> = (0..TABLES)
        .into_par_iter()
        .map(|seed| {
            let table = replicated(seed);
            let fitted = fit(Form::Power, &table, &with(200)).unwrap();
            let effects = fitted.effects.unwrap();
            assert_eq!((effects.cells, effects.replicates), (16, 38));
            // Without groups nobody knows which runs are replicates.
            let mut flat = Table::new(1);
            for point in 0..table.len() {
                flat.push(&table.x(point), table.loss(point));
            }
            let flat = fit(Form::Power, &flat, &with(0)).unwrap();
            assert!(flat.effects.is_none());
            let c = exponent(&fitted);
            let [low, high] = c.ci95.unwrap();
            let off = [c.value, exponent(&flat).value].map(|value| (value - 0.3).powi(2));
            let scatter = [effects.of_cells, effects.of_replicates];
            (
                low <= 0.3 && 0.3 <= high,
                [off[0], off[1], scatter[0], scatter[1]],
            )
        })
        .collect();
    let mean = |at: usize| each.iter().map(|it| it.1[at]).sum::<f64>() / TABLES as f64;
    assert!((0.017..0.022).contains(&mean(2)), "{}", mean(2));
    assert!((0.0019..0.0021).contains(&mean(3)), "{}", mean(3));
    assert!(mean(0) < 0.85 * mean(1), "{} {}", mean(0), mean(1));
    // Of sixty 57, with a standard error of less than two.
    let held = each.iter().filter(|it| it.0).count();
    assert!(held >= 52, "{held}");
}

//! Fits of made-up runs: known laws are found again, and nothing panics.

use isoflop_law::{
    Convention, FitOptions, FitRecord, Form, Hiding, Objective, Point, Provenance, Table, allocate,
    fit, holdout, isoflop,
};
use proptest::prelude::*;

fn without_bootstrap() -> FitOptions {
    FitOptions {
        bootstrap: 0,
        ..FitOptions::default()
    }
}

/// N from 1e4 to 1e11, as from toys to the largest models.
fn sizes() -> impl Iterator<Item = f64> {
    (0..8).map(|i| 10f64.powi(4 + i))
}

/// A form's points over realistic ranges: for one variable half-decades of x, for two each N with 2
/// to 200 tokens per parameter, for three with the tokens seen once to 64 times; widths and depths
/// likewise.
fn points(form: Form) -> Vec<Vec<f64>> {
    let ratios = [2.0, 20.0, 200.0];
    match form.variables() {
        ["x"] => (0..15)
            .map(|i| vec![10f64.powf(4.0 + 0.5 * f64::from(i))])
            .collect(),
        ["N", "D"] => sizes()
            .flat_map(|n| ratios.map(|ratio| vec![n, ratio * n]))
            .collect(),
        ["N", "D", "U"] => sizes()
            .flat_map(|n| ratios.map(|ratio| (n, ratio * n)))
            .flat_map(|(n, d)| [1.0, 4.0, 16.0, 64.0].map(|times| vec![n, d, d / times]))
            .collect(),
        _ => [32.0, 128.0, 512.0, 2048.0, 8192.0]
            .into_iter()
            .flat_map(|w| [2.0, 8.0, 32.0, 96.0].map(|h| (w, h)))
            .flat_map(|(w, h)| [1e8, 1e10, 1e12].map(|d| vec![w, h, d]))
            .collect(),
    }
}

fn surface(form: Form, truth: &[f64]) -> Table {
    let mut table = Table::new(form.variables().len());
    for x in points(form) {
        table.push(&x, form.loss(truth, &x));
    }
    table
}

/// Known laws of every form, with constants like those that have been published.
fn truths() -> Vec<(Form, Vec<f64>)> {
    vec![
        (Form::Power, vec![12.3, 0.076]),
        (Form::Offset, vec![1.69, 90.0, 0.3]),
        (Form::Offset, vec![0.3, 5.0, 0.05]),
        (Form::Shifted, vec![25.0, 1e-9, 0.12]),
        (Form::Saturating, vec![0.4, 6.0, 0.7, 300.0, 0.35]),
        (Form::Saturating, vec![1.2, 9.0, 1.8, 60.0, 0.3]),
        (Form::Broken, vec![0.8, 30.0, 0.15, 0.25, 3e7, 0.4]),
        (Form::Broken, vec![0.2, 8.0, 0.05, 0.3, 1e8, 1.0]),
        (Form::Chinchilla, vec![1.69, 406.4, 0.34, 410.7, 0.28]),
        (Form::Chinchilla, vec![0.6, 30.0, 0.15, 5000.0, 0.6]),
        (Form::Kaplan, vec![8.8e13, 0.076, 5.4e13, 0.095]),
        (
            Form::DataConstrained,
            vec![1.87, 521.0, 0.35, 1488.0, 0.36, 5.31, 15.4],
        ),
        (
            Form::WidthDepth,
            vec![1.5, 20.0, 0.6, 1.1, 0.8, 400.0, 0.28],
        ),
    ]
}

#[test]
fn every_form_is_found_again_to_six_digits() {
    for (form, truth) in truths() {
        let fit = fit(form, &surface(form, &truth), &without_bootstrap()).unwrap();
        assert!(fit.converged, "{form} {truth:?}");
        for (parameter, truth) in fit.parameters.iter().zip(&truth) {
            let error = (parameter.value / truth - 1.0).abs();
            assert!(
                error < 1e-6,
                "{form} {}: {} for {truth}",
                parameter.name,
                parameter.value
            );
        }
    }
}

#[test]
fn every_objective_finds_the_law() {
    let (form, truth) = (Form::Chinchilla, [1.69, 406.4, 0.34, 410.7, 0.28]);
    for objective in [
        Objective::HuberLog { delta: 1e-3 },
        Objective::HuberLikelihood { delta: 1e-3 },
        Objective::HuberLikelihood { delta: 1.5 },
        Objective::LsqLog,
        Objective::Lsq,
    ] {
        let options = FitOptions {
            objective,
            ..without_bootstrap()
        };
        let fit = fit(form, &surface(form, &truth), &options).unwrap();
        for (parameter, truth) in fit.parameters.iter().zip(&truth) {
            let error = (parameter.value / truth - 1.0).abs();
            assert!(
                error < 1e-6,
                "{objective:?} {}: {}",
                parameter.name,
                parameter.value
            );
        }
    }
}

/// Noise of one percent: the truth lies in every parameter's interval, and a record keeps the fit.
#[test]
fn intervals_hold_the_truth_and_survive_json() {
    let mut table = Table::new(2);
    for (i, n) in sizes().enumerate() {
        for (j, ratio) in [5.0, 20.0, 80.0, 320.0].into_iter().enumerate() {
            let d: f64 = ratio * n;
            // A fixed scatter with no trend.
            let noise = (((i * 7 + j * 13) % 11) as f64 / 5.0 - 1.0) * 0.01;
            table.push(
                &[n, d],
                (1.7 + 200.0 * n.powf(-0.3) + 900.0 * d.powf(-0.35)) * (1.0 + noise),
            );
        }
    }
    let options = FitOptions {
        bootstrap: 200,
        ..FitOptions::default()
    };
    let fit = fit(Form::Chinchilla, &table, &options).unwrap();
    for (name, value) in [
        ("E", 1.7),
        ("A", 200.0),
        ("alpha", 0.3),
        ("B", 900.0),
        ("beta", 0.35),
    ] {
        let parameter = fit.parameter(name).unwrap();
        let [low, high] = parameter.ci95.unwrap();
        assert!(low <= value && value <= high, "{name} {low} {high}");
        assert_eq!(parameter.identified(), Some(true), "{name}");
    }
    let record = FitRecord::new(&fit, Provenance::default());
    let back = record.fit().unwrap();
    assert_eq!(back.parameters, fit.parameters);
    let (before, after) = (fit.predict(&[1e9, 2e10]), back.predict(&[1e9, 2e10]));
    assert!((before.loss / after.loss - 1.0).abs() < 1e-12);
    assert!((before.ci95.unwrap()[0] / after.ci95.unwrap()[0] - 1.0).abs() < 1e-4);
}

/// A flat line has no power: the fit says so instead of quoting one.
#[test]
fn what_the_data_do_not_tell_is_not_identified() {
    let mut table = Table::new(1);
    for (i, x) in sizes().enumerate() {
        table.push(&[x], 2.0 + 0.001 * ((i * 5) % 3) as f64);
    }
    let fit = fit(Form::Offset, &table, &FitOptions::default()).unwrap();
    assert_eq!(fit.parameter("c").unwrap().identified(), Some(false));
}

/// A fixed scatter of about `size` with no trend.
fn scatter(at: usize, size: f64) -> f64 {
    1.0 + size * (((at * 7919) % 101) as f64 / 50.0 - 1.0)
}

/// Three groups: the bootstrap would draw the same few of them again and again.
#[test]
fn too_few_groups_have_no_interval() {
    let mut table = Table::new(2);
    for (i, n) in sizes().enumerate() {
        for (j, ratio) in [5.0, 20.0, 80.0].into_iter().enumerate() {
            let x = [n, ratio * n];
            let loss = Form::Chinchilla.loss(&[1.7, 200.0, 0.3, 900.0, 0.35], &x);
            table.push_point(Point {
                x: &x,
                loss: loss * scatter(3 * i + j, 0.01),
                se: None,
                group: Some(j as u64),
            });
        }
    }
    let fit = fit(Form::Chinchilla, &table, &FitOptions::default()).unwrap();
    assert!(fit.converged);
    let why = fit.no_intervals.as_deref().unwrap();
    assert!(why.contains("3 groups are too few"), "{why}");
    for parameter in &fit.parameters {
        assert_eq!(parameter.ci95, None);
        assert_eq!(parameter.profile95, None);
        assert_eq!(parameter.identified(), None, "{}", parameter.name);
    }
    assert_eq!(fit.predict(&[1e9, 1e10]).ci95, None);
}

/// Losses that fall by one power without an end in sight: the floor is nothing in most resamples, which
/// would give it an interval next to nothing.
#[test]
fn a_floor_that_goes_to_nothing_has_its_profile_for_an_interval() {
    let mut table = Table::new(1);
    for i in 0..24 {
        let x = 10f64.powf(9.0 + 0.125 * i as f64);
        table.push(&[x], 60.0 * x.powf(-0.16) * scatter(i, 0.03));
    }
    let fit = fit(Form::Offset, &table, &FitOptions::default()).unwrap();
    let floor = fit.parameter("E").unwrap();
    let [low, high] = floor.ci95.unwrap();
    let [_, above] = floor.profile95.unwrap();
    assert_eq!((low, Some(high)), (0.0, above), "{floor:?}");
    assert!(high > 0.1, "{high}");
    // What the resamples spread by says nothing of it.
    assert_eq!((floor.percentile95, floor.se), (None, None));
    // A prediction far out holds what the law says with that floor.
    let far = fit.predict(&[1e16]);
    let [least, most] = far.ci95.unwrap();
    assert!(most > high && least < 60.0 * 1e16f64.powf(-0.16), "{far:?}");
    let [run_least, run_most] = far.run95.unwrap();
    assert!(run_least <= least && most <= run_most, "{far:?}");
    // Saved and read back it is the same.
    let back = FitRecord::new(&fit, Provenance::default()).fit().unwrap();
    let again = back.predict(&[1e16]).ci95.unwrap();
    assert!((again[1] / most - 1.0).abs() < 1e-4);
}

/// Runs in which parameters in excess are as good as others: R_N has no value that is large enough.
#[test]
fn a_scale_that_runs_away_is_held_and_said_to_be_unbounded() {
    let truth = [1.7, 300.0, 0.33, 800.0, 0.36, 1e12, 12.0];
    let mut table = Table::new(3);
    let mut at = 0;
    for n in [1e7, 1e8, 1e9_f64] {
        for unique in [1e8, 1e9_f64] {
            for repeats in [1.0, 4.0, 16.0, 64.0] {
                let x = [n, unique * repeats, unique];
                at += 1;
                let loss = Form::DataConstrained.loss(&truth, &x);
                table.push(&x, loss * scatter(at, 0.004));
            }
        }
    }
    let options = FitOptions {
        bootstrap: 100,
        ..FitOptions::default()
    };
    let fit = fit(Form::DataConstrained, &table, &options).unwrap();
    assert!(fit.converged, "{:?}", fit.trouble);
    let scale = fit.parameter("R_N").unwrap();
    assert!(scale.value > 100.0, "{scale:?}");
    assert_eq!(scale.identified(), Some(false));
    assert_eq!(scale.profile95.unwrap()[1], None);
    assert_eq!(scale.ci95, None, "an interval without an end is none");
    let repeated = fit.parameter("R_D").unwrap();
    assert_eq!(repeated.identified(), Some(true), "{repeated:?}");
    let [low, high] = repeated.ci95.unwrap();
    assert!(low < 12.0 && 12.0 < high, "{repeated:?}");
}

/// As published laws are fitted: first the law of fresh tokens, then what repeats are worth.
#[test]
fn a_law_is_fitted_in_two_stages() {
    let truth = [1.7, 300.0, 0.33, 800.0, 0.36, 5.0, 12.0];
    let (mut fresh, mut repeated) = (Table::new(2), Table::new(3));
    for n in [1e7, 1e8, 1e9, 1e10_f64] {
        for unique in [1e8, 1e9, 1e10_f64] {
            fresh.push(
                &[n, unique],
                Form::DataConstrained.loss(&truth, &[n, unique, unique]),
            );
            for repeats in [2.0, 8.0, 32.0] {
                let x = [n, unique * repeats, unique];
                repeated.push(&x, Form::DataConstrained.loss(&truth, &x));
            }
        }
    }
    // The best model of fresh tokens has no excess, so the first stage is only near.
    let names = ["E", "A", "alpha", "B", "beta"];
    let fixed = names
        .iter()
        .zip(truth)
        .map(|(name, value)| ((*name).to_owned(), value));
    let options = FitOptions {
        fixed: fixed.collect(),
        ..without_bootstrap()
    };
    let second = fit(Form::DataConstrained, &repeated, &options).unwrap();
    for (parameter, truth) in second.parameters.iter().zip(truth) {
        let error = (parameter.value / truth - 1.0).abs();
        assert!(error < 1e-6, "{}: {}", parameter.name, parameter.value);
    }
    assert_eq!(second.parameter("E").unwrap().identified(), None);
    assert_eq!(second.parameter("R_D").unwrap().identified(), Some(true));
    // A name that the form does not have is refused, and so is a value that cannot be.
    for (name, value, words) in [("gamma", 1.0, "no parameter `gamma`"), ("A", -1.0, "`A`")] {
        let options = FitOptions {
            fixed: vec![(name.to_owned(), value)],
            ..without_bootstrap()
        };
        let error = fit(Form::Chinchilla, &fresh, &options)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// Whatever is fixed keeps its value, exponents and the amplitudes that depend on them together.
#[test]
fn fixed_parameters_keep_their_values() {
    let truth = [1.69, 406.4, 0.34, 410.7, 0.28];
    let table = surface(Form::Chinchilla, &truth);
    for fixed in [
        vec!["E"],
        vec!["A", "alpha"],
        vec!["alpha", "beta"],
        vec!["E", "A", "B"],
    ] {
        let value = |name: &str| {
            let at = Form::Chinchilla
                .parameters()
                .iter()
                .position(|it| *it == name);
            1.02 * truth[at.unwrap()]
        };
        let options = FitOptions {
            fixed: fixed
                .iter()
                .map(|name| ((*name).to_owned(), value(name)))
                .collect(),
            ..without_bootstrap()
        };
        let fit = fit(Form::Chinchilla, &table, &options).unwrap();
        assert!(fit.converged, "{fixed:?}: {:?}", fit.trouble);
        for name in fixed {
            let found = fit.parameter(name).unwrap().value;
            assert!((found / value(name) - 1.0).abs() < 1e-12, "{name}: {found}");
        }
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 1e-3..1e12f64,
        1 => prop_oneof![Just(0.0), Just(-1.0), Just(f64::NAN), Just(f64::INFINITY), Just(1e-300), Just(1e300)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(
        points in prop::collection::vec(prop::array::uniform4(any_number()), 0..14),
        kind in 0..4usize,
        delta in prop_oneof![1e-6..10f64, any_number()],
        grouped in any::<bool>(),
        weighed in any::<bool>(),
        fixed in any::<bool>(),
    ) {
        let objective = [
            Objective::HuberLog { delta },
            Objective::HuberLikelihood { delta },
            Objective::LsqLog,
            Objective::Lsq,
        ][kind];
        let fixed = if fixed { vec![("E".to_owned(), delta)] } else { Vec::new() };
        let options = FitOptions { objective, bootstrap: 3, seed: 0, fixed, ..FitOptions::default() };
        for form in Form::ALL {
            let mut table = Table::new(form.variables().len());
            for (row, point) in points.iter().enumerate() {
                table.push_point(Point {
                    x: &point[1..1 + form.variables().len()],
                    loss: point[0],
                    se: weighed.then_some(0.01 * point[0]),
                    group: grouped.then_some(row as u64 / 2),
                });
            }
            let flops: Vec<f64> = table.pushed_as().iter().map(|at| points[*at][2]).collect();
            let hiding = Hiding { runs: 2, origins: 1 + usize::from(weighed) };
            let _ = holdout(form, &table, &flops, hiding, &options);
            if form == Form::Chinchilla {
                let _ = isoflop(&table, &flops, &options);
            }
            if let Ok(fit) = fit(form, &table, &options) {
                prop_assert!(fit.starts_at_optimum <= fit.starts);
                let record = FitRecord::new(&fit, Provenance::default());
                prop_assert!(serde_json::to_string(&record).is_ok());
                let _ = record.fit();
                let _ = allocate(&fit, 1e21, &Convention::six_n_d());
            }
        }
    }
}

//! Fits of made-up runs: known laws are found again, and nothing panics.

use isoflop_law::{Fit, FitOptions, FitRecord, Form, Objective, Provenance, Table, fit};
use proptest::prelude::*;

fn without_bootstrap() -> FitOptions {
    FitOptions {
        bootstrap: 0,
        ..FitOptions::default()
    }
}

fn expect(fit: &Fit, truth: &[(&str, f64)]) {
    assert!(fit.converged);
    for (name, value) in truth {
        let found = fit.parameter(name).unwrap().value;
        assert!(
            (found / value - 1.0).abs() < 1e-6,
            "{name}: {found} for {value}"
        );
    }
}

/// N from 1e4 to 1e11, as from toys to the largest models.
fn sizes() -> impl Iterator<Item = f64> {
    (0..8).map(|i| 10f64.powi(4 + i))
}

#[test]
fn a_power_is_found_again() {
    let mut table = Table::new(1);
    sizes().for_each(|x| table.push(&[x], 12.3 * x.powf(-0.076)));
    expect(
        &fit(Form::Power, &table, &without_bootstrap()).unwrap(),
        &[("B", 12.3), ("c", 0.076)],
    );
}

#[test]
fn a_floor_is_found_again() {
    let mut table = Table::new(1);
    sizes().for_each(|x| table.push(&[x], 1.69 + 90.0 * x.powf(-0.3)));
    let truth = [("E", 1.69), ("B", 90.0), ("c", 0.3)];
    expect(
        &fit(Form::Offset, &table, &without_bootstrap()).unwrap(),
        &truth,
    );
}

#[test]
fn both_exponents_are_found_again() {
    for (e, a, alpha, b, beta) in [
        (1.69, 406.4, 0.34, 410.7, 0.28),
        (0.6, 30.0, 0.15, 5000.0, 0.6),
    ] {
        let mut table = Table::new(2);
        for n in sizes() {
            for ratio in [2.0, 20.0, 200.0] {
                let d: f64 = ratio * n;
                table.push(&[n, d], e + a * n.powf(-alpha) + b * d.powf(-beta));
            }
        }
        let truth = [
            ("E", e),
            ("A", a),
            ("alpha", alpha),
            ("B", b),
            ("beta", beta),
        ];
        expect(
            &fit(Form::Chinchilla, &table, &without_bootstrap()).unwrap(),
            &truth,
        );
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
        assert_eq!(parameter.identified, Some(true), "{name}");
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
    assert_eq!(fit.parameter("c").unwrap().identified, Some(false));
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
    fn nothing_panics(points in prop::collection::vec((any_number(), any_number(), any_number()), 0..14), delta in 1e-6..10f64) {
        let options = FitOptions {
            objective: Objective::HuberLog { delta },
            bootstrap: 3,
            seed: 0,
        };
        let (mut one, mut two) = (Table::new(1), Table::new(2));
        for (n, d, loss) in points {
            one.push(&[n], loss);
            two.push(&[n, d], loss);
        }
        for (form, table) in [(Form::Power, &one), (Form::Offset, &one), (Form::Chinchilla, &two)] {
            if let Ok(fit) = fit(form, table, &options) {
                prop_assert!(fit.starts_at_optimum <= fit.starts);
                let _ = FitRecord::new(&fit, Provenance::default()).fit();
            }
        }
    }
}

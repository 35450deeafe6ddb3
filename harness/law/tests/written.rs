//! Laws that are written as equations: the same as built-in ones, found again from their own surfaces, and no text that
//! breaks anything.

use isoflop_law::{Equation, FitOptions, Form, LawError, Objective, Table, fit, library};
use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

fn written(text: &str, variables: &[&str]) -> Result<Form, LawError> {
    let variables: Vec<String> = variables.iter().map(|it| (*it).to_owned()).collect();
    Ok(Form::Written(Equation::read(text)?.law(&variables)?))
}

/// Losses of a form at points that are spread evenly over these ranges, in logarithms, with relative noise.
fn surface(form: Form, truth: &[f64], ranges: &[[f64; 2]], count: usize, noise: f64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut table = Table::new(ranges.len());
    for _ in 0..count {
        let x: Vec<f64> = ranges
            .iter()
            .map(|[low, high]| low * (high / low).powf(rng.random::<f64>()))
            .collect();
        let scatter: f64 = noise * (rng.random::<f64>() + rng.random::<f64>() - 1.0);
        table.push(&x, form.loss(truth, &x) * scatter.exp());
    }
    table
}

fn quick(objective: Objective) -> FitOptions {
    FitOptions {
        objective,
        bootstrap: 0,
        ..FitOptions::default()
    }
}

const N_D: [[f64; 2]; 2] = [[1e7, 1e10], [1e9, 1e12]];

/// An equation and the built-in form of the same law have one optimum, to the objective's last digits.
#[test]
fn an_equation_is_fitted_as_the_form_is() {
    let cases = [
        (
            Form::Chinchilla,
            "loss = E + A*N^-alpha + B/D^beta",
            vec!["N", "D"],
            vec![1.69, 406.4, 0.34, 410.7, 0.28],
        ),
        (
            Form::Kaplan,
            "loss = ((Nc/N)^(aN/aD) + Dc/D)^aD",
            vec!["N", "D"],
            vec![8.8e13, 0.076, 5.4e13, 0.095],
        ),
        (
            Form::Offset,
            "loss = E + B*N^-c",
            vec!["N"],
            vec![1.69, 90.0, 0.3],
        ),
        (Form::Power, "loss = B*N^-c", vec!["N"], vec![12.3, 0.076]),
        (
            Form::Shifted,
            "loss = B*(1/N + g)^c",
            vec!["N"],
            vec![25.0, 1e-9, 0.12],
        ),
        (
            Form::WidthDepth,
            "loss = E + A*W^-alpha + B*H^-beta + G*D^-gamma",
            vec!["W", "H", "D"],
            vec![1.5, 20.0, 0.6, 1.1, 0.8, 400.0, 0.28],
        ),
    ];
    for (form, text, variables, truth) in cases {
        let ranges: &[[f64; 2]] = match form.variables().len() {
            1 => &[[1e7, 1e10]],
            2 => &N_D,
            _ => &[[128.0, 8192.0], [2.0, 64.0], [1e9, 1e12]],
        };
        let table = surface(form, &truth, ranges, 120, 0.01);
        let law = written(text, &variables).unwrap();
        for objective in [
            Objective::default(),
            Objective::LsqLog,
            Objective::HuberLikelihood { delta: 1e-3 },
        ] {
            let built_in = fit(form, &table, &quick(objective)).unwrap();
            let found = fit(law, &table, &quick(objective)).unwrap();
            assert!(found.converged, "{text} {objective:?}: {:?}", found.trouble);
            let apart = (found.value - built_in.value) / built_in.value.abs().max(1e-12);
            assert!(apart < 1e-5, "{text} {objective:?}: {apart:e}");
            for (name, value) in form.parameters().iter().zip(&built_in.parameters) {
                let other = found.parameter(name).unwrap().value;
                let apart = (other / value.value - 1.0).abs();
                assert!(
                    apart < 1e-3,
                    "{text} {objective:?}: {name} {other} {}",
                    value.value
                );
            }
        }
    }
}

/// Of its own surface without noise each law's parameters are found again.
#[test]
fn laws_are_found_again() {
    type Case = (
        &'static str,
        Vec<&'static str>,
        Vec<[f64; 2]>,
        Vec<(&'static str, f64)>,
    );
    let cases: Vec<Case> = vec![
        (
            "loss = E + A*N^-alpha + B*D^-beta + G*(lr/l0 - 1)^2",
            vec!["N", "D", "lr"],
            vec![N_D[0], N_D[1], [1e-4, 1e-2]],
            vec![
                ("E", 1.7),
                ("A", 400.0),
                ("alpha", 0.34),
                ("B", 600.0),
                ("beta", 0.3),
                ("G", 0.02),
                ("l0", 2e-3),
            ],
        ),
        (
            "loss = (a*(1-S)^b + c)*N^-d + e*D^-f + g",
            vec!["S", "N", "D"],
            vec![[0.01, 0.9], [1.0, 100.0], [1.0, 100.0]],
            vec![
                ("a", 0.44),
                ("b", 1.34),
                ("c", 1.7),
                ("d", 0.23),
                ("e", 0.42),
                ("f", 0.38),
                ("g", 0.83),
            ],
        ),
        (
            "lr = c*N^a*D^b",
            vec!["N", "D"],
            vec![N_D[0], N_D[1]],
            vec![("c", 1.8), ("a", -0.7), ("b", 0.3)],
        ),
        (
            "loss = exp(a + b*log(N) + c*log(N)^2 + d*log(D))",
            vec!["N", "D"],
            vec![N_D[0], N_D[1]],
            vec![("a", 6.0), ("b", -0.3), ("c", 0.004), ("d", -0.05)],
        ),
        (
            "loss = E + max(A*N^-alpha, B*D^-beta)",
            vec!["N", "D"],
            vec![N_D[0], N_D[1]],
            vec![
                ("E", 1.7),
                ("A", 400.0),
                ("alpha", 0.34),
                ("B", 600.0),
                ("beta", 0.3),
            ],
        ),
        (
            "x = N/n0; y = sqrt(D/d0); loss = E + abs(x^-alpha) + y^-beta",
            vec!["N", "D"],
            vec![N_D[0], N_D[1]],
            vec![
                ("n0", 5e7),
                ("d0", 1e9),
                ("E", 1.7),
                ("alpha", 0.34),
                ("beta", 0.6),
            ],
        ),
    ];
    for (text, variables, ranges, truth) in cases {
        let law = written(text, &variables).unwrap();
        let values: Vec<f64> = law
            .parameters()
            .iter()
            .map(|name| truth.iter().find(|(it, _)| it == name).unwrap().1)
            .collect();
        let table = surface(law, &values, &ranges, 200, 0.0);
        let found = fit(law, &table, &quick(Objective::default())).unwrap();
        assert!(found.converged, "{text}: {:?}", found.trouble);
        for (parameter, truth) in found.parameters.iter().zip(&values) {
            let apart = (parameter.value / truth - 1.0).abs();
            assert!(
                apart < 1e-6,
                "{text}: {} is {} for {truth}",
                parameter.name,
                parameter.value
            );
        }
    }
}

/// Losses of either sign, by least squares of the losses themselves.
#[test]
fn losses_may_cross_zero() {
    let law = written("score = a + b*log(N) + c*s", &["N", "s"]).unwrap();
    let mut table = Table::of_equation(&[false, true], true);
    let truth = [-4.0, 0.2, -0.7];
    for i in 0..40 {
        let (n, s) = (1e6 * f64::from(1 + i % 8).powi(4), f64::from(i % 5) - 2.0);
        table.push(&[n, s], law.loss(&truth, &[n, s]));
    }
    for objective in [Objective::Lsq, Objective::Huber { delta: 0.1 }] {
        let found = fit(law, &table, &quick(objective)).unwrap();
        assert!(found.converged);
        for (parameter, truth) in found.parameters.iter().zip(truth) {
            assert!((parameter.value - truth).abs() < 1e-6, "{parameter:?}");
        }
        // With noise, what the data tell is told.
        let mut noisy = Table::of_equation(&[false, true], true);
        for i in 0..40 {
            let (n, s) = (1e6 * f64::from(1 + i % 8).powi(4), f64::from(i % 5) - 2.0);
            let noise = 0.01 * (f64::from(i * 37 % 41) / 20.0 - 1.0);
            noisy.push(&[n, s], law.loss(&truth, &[n, s]) + noise);
        }
        let options = FitOptions {
            objective,
            bootstrap: 200,
            ..FitOptions::default()
        };
        let found = fit(law, &noisy, &options).unwrap();
        for (parameter, truth) in found.parameters.iter().zip(truth) {
            assert_eq!(parameter.identified(), Some(true), "{parameter:?}");
            let [low, high] = parameter.profile95.unwrap().map(Option::unwrap);
            assert!(low < truth && truth < high, "{parameter:?}");
        }
    }
}

/// Bounds hold, and what lies at one is not said to be told.
#[test]
fn bounds_are_kept() {
    let law = written("loss = E + A*N^-alpha", &["N"]).unwrap();
    let table = surface(Form::Offset, &[1.69, 90.0, 0.3], &[[1e7, 1e10]], 60, 0.01);
    let options = FitOptions {
        bounds: vec![("alpha".to_owned(), [0.0, 0.2])],
        ..FitOptions::default()
    };
    let found = fit(law, &table, &options).unwrap();
    let alpha = found.parameter("alpha").unwrap();
    assert!(alpha.value <= 0.2 && alpha.value > 0.199, "{alpha:?}");
    assert_ne!(alpha.identified(), Some(true));
    // Bounds of what the law is linear in, and starts of it, leave the optimum where it is.
    let free = fit(law, &table, &quick(Objective::default())).unwrap();
    for (bounds, starts) in [
        (vec![("A".to_owned(), [0.0, 1000.0])], vec![]),
        (vec![("A".to_owned(), [1.0, f64::INFINITY])], vec![]),
        (
            vec![("E".to_owned(), [0.0, 3.0]), ("A".to_owned(), [-1e9, 1e9])],
            vec![],
        ),
        (vec![], vec![("A".to_owned(), 80.0)]),
        (
            vec![],
            vec![("alpha".to_owned(), 0.25), ("E".to_owned(), 1.5)],
        ),
    ] {
        let options = FitOptions {
            bounds,
            starts,
            ..quick(Objective::default())
        };
        let found = fit(law, &table, &options).unwrap();
        assert!(found.converged, "{options:?}: {:?}", found.trouble);
        let apart = (found.value / free.value - 1.0).abs();
        assert!(apart < 1e-6, "{options:?}: {apart:e}");
    }
    let options = FitOptions {
        bounds: vec![("alpha".to_owned(), [0.0, 0.2])],
        fixed: vec![("alpha".to_owned(), 0.3)],
        ..FitOptions::default()
    };
    assert!(matches!(
        fit(law, &table, &options),
        Err(LawError::NoRoom(_))
    ));
    for (bounds, starts) in [
        (vec![("beta".to_owned(), [0.0, 1.0])], vec![]),
        (vec![("alpha".to_owned(), [1.0, 0.0])], vec![]),
        (
            vec![("alpha".to_owned(), [0.0, 1.0])],
            vec![("alpha".to_owned(), 2.0)],
        ),
    ] {
        let options = FitOptions {
            bounds,
            starts,
            ..FitOptions::default()
        };
        assert!(fit(law, &table, &options).is_err());
    }
}

/// What the data cannot tell is said not to be told.
#[test]
fn what_is_not_told_is_not_told() {
    let table = surface(Form::Offset, &[1.69, 90.0, 0.3], &[[1e7, 1e10]], 60, 0.01);
    // Two exchangeable terms, a flat direction, and one that nothing depends on.
    for text in [
        "loss = E + A*N^-alpha + B*N^-beta",
        "loss = E + A*K*N^-alpha",
        "loss = E + A*N^-alpha + 0*K",
    ] {
        let law = written(text, &["N"]).unwrap();
        let Ok(found) = fit(law, &table, &FitOptions::default()) else {
            continue;
        };
        let told = |name: &str| {
            let parameter = found.parameter(name);
            parameter.is_some_and(|it| it.identified() == Some(true))
        };
        assert!(
            !found.converged || !(told("A") && told("B") || told("K")),
            "{text}: {:?}",
            found.parameters
        );
    }
}

/// Every law of the library can be read; its names are all explained; its files are all listed.
#[test]
fn the_library_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/laws");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".toml")
    });
    let laws = library().unwrap();
    assert_eq!(laws.len(), files.count());
    for form in Form::ALL {
        let law = laws.iter().find(|law| law.name == form.name()).unwrap();
        assert!(law.built_in && law.equation == form.equation(), "{law:?}");
        assert!(
            law.parameters
                .keys()
                .all(|it| form.parameters().contains(&it.as_str()))
        );
    }
    for law in laws.iter().filter(|law| !law.built_in) {
        let equation = Equation::of(law).unwrap();
        for name in equation.names() {
            let explained = law.variables.contains_key(&name) || law.parameters.contains_key(&name);
            assert!(explained, "{}: {name}", law.name);
        }
        let form = Form::Written(equation.law(equation.variables().unwrap()).unwrap());
        assert_eq!(
            form.parameters().len(),
            law.parameters.len(),
            "{}",
            law.name
        );
        assert!(
            law.source.contains("arXiv") || law.source.contains("http"),
            "{}",
            law.name
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("ISOFLOP_ANSWERS").ok().and_then(|it| it.parse().ok()).unwrap_or(300)
    ))]

    /// Random equations are read or refused, and fitted or refused, and nothing panics.
    #[test]
    fn random_equations_break_nothing(
        text in r"(loss|y) = ([NDxab12.]|\*|\+|-|/|\^|\(|\)|log\(|exp\(|min\(|sqrt\(|abs\(|,| ){1,24}"
    ) {
        if let Ok(law) = written(&text, &["N", "D"]) {
            let variables = law.variables().len();
            let mut table = Table::new(variables);
            for i in 1..9 {
                let x = [f64::from(i).powi(3), f64::from(9 - i) * 10.0];
                table.push(&x[..variables], 1.0 + 1.0 / f64::from(i));
            }
            let _ = fit(law, &table, &quick(Objective::default()));
        }
    }
}

/// Texts that are meant to break something.
#[test]
fn hostile_equations_break_nothing() {
    let many: Vec<String> = (0..1000).map(|i| format!("p{i}*N^-q{i}")).collect();
    let table = surface(Form::Offset, &[1.69, 90.0, 0.3], &[[1e7, 1e10]], 12, 0.01);
    for text in [
        String::new(),
        "loss".to_owned(),
        "loss =".to_owned(),
        "= N".to_owned(),
        "loss = N".to_owned(),
        "loss = a".to_owned(),
        "loss = a = N".to_owned(),
        "loss = a*N; ".to_owned(),
        "loss = a*N; loss = b*N".to_owned(),
        "loss = 1e308*1e308*a*N".to_owned(),
        "loss = a*N/0".to_owned(),
        "loss = a*N/(N-N)".to_owned(),
        "loss = a*log(N-N)".to_owned(),
        "loss = a*(-N)^0.5".to_owned(),
        "loss = a*N^1e308".to_owned(),
        "loss = a^N^N^N".to_owned(),
        "loss = exp(exp(exp(a*N)))".to_owned(),
        "loss = min(a, N, b, -N)".to_owned(),
        "loss = max(a)".to_owned(),
        "loss = f(N)".to_owned(),
        "loss = `a b`*N".to_owned(),
        "loss = 'a'*N".to_owned(),
        "loss = a < N".to_owned(),
        "loss = ä*N^-ß".to_owned(),
        format!("loss = {}", many.join(" + ")),
        format!("loss = a*N{}", "^-1".repeat(40)),
        format!("loss = {}a*N{}", "(".repeat(40), ")".repeat(40)),
        format!("loss = {}a*N", "(".repeat(100_000)),
        format!("loss = a*N{}", " + a*N".repeat(100_000)),
        format!("loss = a*N{}", "*N".repeat(100)),
        "x = N/n0; loss = a*N".to_owned(),
        "loss = a*N + loss".to_owned(),
        {
            let doubled = (1..60).map(|i| format!("p{i} = p{0} + p{0}; ", i - 1));
            format!("p0 = N; {}loss = a*p59", doubled.collect::<String>())
        },
    ] {
        if let Ok(law) = written(&text, &["N"]) {
            let _ = fit(law, &table, &quick(Objective::default()));
        }
    }
}

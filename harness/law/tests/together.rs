//! Groups of runs that share some of their law's parameters.

use isoflop_law::{Equation, FitOptions, FitRecord, Form, Provenance, Table, fit, fit_together};

fn options(bootstrap: usize) -> FitOptions {
    FitOptions {
        bootstrap,
        ..FitOptions::default()
    }
}

/// Runs of `E + A N^-alpha + B D^-beta` with a scatter.
fn runs([e, a, alpha, b, beta]: [f64; 5], scatter: f64) -> Table {
    let mut table = Table::new(2);
    for i in 0..30 {
        let (n, d) = (1e7 * 3f64.powi(i % 6), 1e9 * 3f64.powi(i / 6));
        let off = 1.0 + scatter * (f64::from((i * 17) % 11) / 5.0 - 1.0);
        table.push(&[n, d], (e + a * n.powf(-alpha) + b * d.powf(-beta)) * off);
    }
    table
}

fn shared(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Three groups of one alpha and beta.
fn truths() -> [[f64; 5]; 3] {
    [
        [1.7, 400.0, 0.34, 410.0, 0.28],
        [1.2, 250.0, 0.34, 900.0, 0.28],
        [2.4, 700.0, 0.34, 150.0, 0.28],
    ]
}

fn written() -> Form {
    let names = ["N".to_owned(), "D".to_owned()];
    let equation = Equation::read("loss = E + A*N^-alpha + B*D^-beta").unwrap();
    Form::Written(equation.law(&names).unwrap())
}

#[test]
fn what_groups_share_is_one_number_and_the_rest_their_own() {
    let tables = truths().map(|truth| runs(truth, 0.0));
    for form in [Form::Chinchilla, written()] {
        let tables: Vec<&Table> = tables.iter().collect();
        let fits = fit_together(form, &tables, &shared(&["alpha", "beta"]), &options(0)).unwrap();
        for (fit, truth) in fits.iter().zip(truths()) {
            assert!(fit.converged, "{:?}", fit.trouble);
            for (parameter, value) in fit.parameters.iter().zip(truth) {
                let off = (parameter.value / value - 1.0).abs();
                assert!(off < 1e-6, "{form} {} {off:e}", parameter.name);
            }
        }
    }
}

#[test]
fn sharing_everything_is_one_fit_of_all_runs() {
    let tables = [runs(truths()[0], 0.004), runs(truths()[0], 0.002)];
    let mut all = Table::new(2);
    for table in &tables {
        for point in 0..table.len() {
            all.push(&table.x(point), table.loss(point));
        }
    }
    let names = shared(&["E", "A", "alpha", "B", "beta"]);
    let tables: Vec<&Table> = tables.iter().collect();
    let together = fit_together(Form::Chinchilla, &tables, &names, &options(200)).unwrap();
    let one = fit(Form::Chinchilla, &all, &options(200)).unwrap();
    assert!((together[0].value / one.value - 1.0).abs() < 1e-9);
    for (a, b) in together[1].parameters.iter().zip(&one.parameters) {
        assert!((a.value / b.value - 1.0).abs() < 1e-6, "{a:?} {b:?}");
        let [wide, of_one] = [a, b].map(|it| it.profile95.unwrap());
        for (a, b) in wide.into_iter().zip(of_one) {
            // The bootstrap, from which the profile takes its height, draws within tables here.
            assert!((a.unwrap() / b.unwrap() - 1.0).abs() < 0.2);
        }
    }
}

#[test]
fn sharing_nothing_is_a_fit_of_each() {
    let tables = truths().map(|truth| runs(truth, 0.0005));
    let tables: Vec<&Table> = tables.iter().collect();
    let together = fit_together(Form::Chinchilla, &tables, &[], &options(0)).unwrap();
    let sum: f64 = tables
        .iter()
        .zip(&together)
        .map(|(table, joint)| {
            let alone = fit(Form::Chinchilla, table, &options(0)).unwrap();
            for (a, b) in joint.parameters.iter().zip(&alone.parameters) {
                assert!((a.value / b.value - 1.0).abs() < 1e-5, "{a:?} {b:?}");
            }
            alone.value
        })
        .sum();
    assert!((together[0].value / sum - 1.0).abs() < 1e-9);
}

/// A group of three runs has a law of its own where the others tell the exponents.
#[test]
fn what_is_shared_is_surer() {
    let full = truths().map(|truth| runs(truth, 0.002));
    let mut few = Table::new(2);
    for point in [0, 14, 29] {
        few.push(&full[2].x(point), full[2].loss(point));
    }
    let tables = [&full[0], &full[1], &few];
    let fits = fit_together(
        Form::Chinchilla,
        &tables,
        &shared(&["alpha", "beta"]),
        &options(300),
    )
    .unwrap();
    let alone = fit(Form::Chinchilla, &full[0], &options(300)).unwrap();
    let width = |fit: &isoflop_law::Fit| {
        let [low, high] = fit.parameter("alpha").unwrap().ci95.unwrap();
        high - low
    };
    assert!(width(&fits[0]) < width(&alone));
    assert_eq!(fits[0].parameter("alpha"), fits[2].parameter("alpha"));
    let [low, high] = fits[2].predict(&[1e9, 1e11]).ci95.unwrap();
    let truth = Form::Chinchilla.loss(&truths()[2], &[1e9, 1e11]);
    assert!(low < truth && truth < high, "{low} {truth} {high}");
    // What is kept gives back the same fits.
    let record = FitRecord::new(&fits[2], Provenance::default());
    let text = serde_json::to_string(&record).unwrap();
    let read: FitRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(read.fit().unwrap().joint, fits[2].joint);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let tables = truths().map(|truth| runs(truth, 0.0));
    let tables: Vec<&Table> = tables.iter().collect();
    let wrong = |names: &[&str]| {
        let refused = fit_together(Form::Chinchilla, &tables, &shared(names), &options(0));
        refused.unwrap_err().to_string()
    };
    assert!(wrong(&["gamma"]).contains("has no parameter `gamma`"));
    assert!(wrong(&["A"]).contains("`A` is measured by `alpha`"));
    let mut one = Table::new(2);
    one.push(&[1e8, 1e9], 3.0);
    let refused = fit_together(
        Form::Chinchilla,
        &[tables[0], &one],
        &shared(&["alpha"]),
        &options(0),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("1 points are too few for a group")
    );
}

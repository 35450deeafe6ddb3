//! Fits of tables from elsewhere.

use crate::support::Place;

/// Runs of a known law, as CSV.
fn table() -> String {
    let mut text = String::from("model,params_total,tokens,loss\n");
    for n in [1e7, 1e8, 1e9, 1e10_f64] {
        for d in [1e9, 1e10, 1e11, 1e12_f64] {
            let loss = 1.69 + 406.4 * n.powf(-0.34) + 410.7 * d.powf(-0.28);
            text += &format!("m,{n},{d},{loss}\n");
        }
    }
    text
}

fn number(json: &str, name: &str) -> f64 {
    let from = json.split(&format!("\"{name}\":")).nth(1).expect(name);
    from.split([',', '}', ']'])
        .next()
        .unwrap()
        .parse()
        .expect(name)
}

#[test]
fn a_law_is_found_again() {
    let place = Place::new().with("runs.csv", &table());
    let json = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 20 --json")
        .code(0)
        .stdout;
    for (name, value) in [
        ("E", 1.69),
        ("A", 406.4),
        ("alpha", 0.34),
        ("B", 410.7),
        ("beta", 0.28),
    ] {
        assert!(
            (number(&json, name) / value - 1.0).abs() < 1e-6,
            "{name} {}",
            number(&json, name)
        );
    }
    assert!(json.contains("\"converged\":true"));
    assert!((number(&json, "a") - 0.28 / 0.62).abs() < 1e-6);
}

#[test]
fn a_budget_is_shared_by_a_saved_fit() {
    let place = Place::new().with("runs.csv", &table());
    let json = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 20 --json")
        .code(0)
        .stdout;
    let place = place.with("fit.json", &json);
    let best = place
        .isoflop("allocate fit.json --flops 1e21 --json")
        .code(0)
        .stdout;
    let product = 6.0 * number(&best, "n") * number(&best, "d");
    assert!((product / 1e21 - 1.0).abs() < 1e-9);
    place
        .isoflop("allocate fit.json --flops 1e21")
        .code(0)
        .says("tokens");
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let place = Place::new().with("runs.csv", &(table() + "m,,1e9,2.5\nm,1e8,1e9,-1\n"));
    let said = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 0")
        .code(0);
    said.says("16 points").says("row 17").says("row 18");
}

#[test]
fn what_cannot_be_fitted_is_refused_with_its_reason() {
    let header = "params_total,tokens,loss\n";
    let few = Place::new().with("few.csv", &format!("{header}1e6,1e8,3.0\n1e7,1e9,2.5\n"));
    few.isoflop("fit few.csv --form chinchilla")
        .code(4)
        .complains("2 points are too few");
    let rows: String = (1..9)
        .map(|i| format!("1e6,{i}e8,{}\n", 3.0 / f64::from(i)))
        .collect();
    let flat = Place::new().with("flat.csv", &format!("{header}{rows}"));
    flat.isoflop("fit flat.csv --form chinchilla")
        .code(4)
        .complains("N takes 1 distinct values");
    flat.isoflop("fit flat.csv --form power --x compute")
        .code(4)
        .complains("no column `compute`");
    flat.isoflop("fit flat.csv --form power --x tokens --bootstrap 10")
        .code(0)
        .says("L = loss");
    flat.isoflop("fit flat.csv --form parabola").code(2);
}

//! Published numbers, found again by the program as its users run it. The tables are facts of others
//! and not part of the project: `tests/published-data.py` says where each is published, and makes it from
//! there. They are looked for in the folder that `ISOFLOP_PUBLISHED_DATA` names, or else in `published` in
//! the project's folder; where they are not there, these tests are reported as ignored.

mod support;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

use support::{Place, project};

fn main() {
    let arguments = Arguments::from_args();
    let tests = vec![
        test(
            "epoch_chinchilla.csv",
            "huber_log_optimum",
            huber_log_optimum,
        ),
        test(
            "epoch_chinchilla.csv",
            "huber_likelihood_optimum_and_errors",
            huber_likelihood,
        ),
        test(
            "epoch_chinchilla.csv",
            "all_points_of_epoch",
            all_points_of_epoch,
        ),
        test(
            "porian_isoflops.csv",
            "refined_web_exponents",
            refined_web_exponents,
        ),
        test(
            "chinchilla_pkg_llm.csv",
            "another_table_of_runs",
            another_table_of_runs,
        ),
        test("tables", "one_table_as_people_have_it", one_table),
    ];
    libtest_mimic::run(&arguments, tests).exit();
}

fn test(table: &'static str, name: &'static str, run: fn(&str)) -> Trial {
    let path = data().join(table);
    let there = path.exists();
    let trial = Trial::test(name, move || {
        run(&path.display().to_string());
        Ok(())
    });
    trial.with_kind(table).with_ignored_flag(!there)
}

fn data() -> PathBuf {
    match std::env::var_os("ISOFLOP_PUBLISHED_DATA") {
        Some(path) => path.into(),
        None => project().join("published"),
    }
}

fn fit(words: &[&str]) -> Value {
    let mut all = vec!["fit"];
    all.extend(words);
    all.push("--json");
    let said = Place::new().isoflop_words(&all).code(0);
    serde_json::from_str(&said.stdout).expect("JSON")
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} in {json}"))
}

/// Within one in the last of `digits` significant digits: what was published is rounded, or cut.
fn same_digits(found: f64, published: f64, digits: i32) {
    let unit = 10f64.powi(published.abs().log10().floor() as i32 + 1 - digits);
    assert!((found - published).abs() <= unit, "{found} for {published}");
}

/// 240 points: the five highest losses are left out, which lie above 3.44.
const EPOCH: [&str; 4] = ["--form", "chinchilla", "--where", "loss < 3.44"];

/// The plain sum of Huber's function, at 1.01827402e-3.
fn huber_log_optimum(table: &str) {
    let json = fit(&[&[table], &EPOCH[..], &["--bootstrap", "0"]].concat());
    assert_eq!(json["points"], 240);
    for (name, published) in [
        ("A", 477.8),
        ("B", 2143.0),
        ("E", 1.817),
        ("alpha", 0.3473),
        ("beta", 0.3672),
    ] {
        same_digits(number(&json, &format!("/params/{name}")), published, 4);
    }
    same_digits(number(&json, "/value"), 1.018_274_02e-3, 9);
    assert_eq!(json["starts_at_optimum"], json["starts"]);
}

/// The likelihood of Besiroglu et al. 2024, with their standard errors from 4000 resamples.
fn huber_likelihood(table: &str) {
    let options = ["--objective", "huber-likelihood", "--bootstrap", "4000"];
    let json = fit(&[&[table], &EPOCH[..], &options].concat());
    for (name, published) in [
        ("A", 482.01),
        ("B", 2085.43),
        ("E", 1.8169),
        ("alpha", 0.3478),
        ("beta", 0.3658),
    ] {
        same_digits(number(&json, &format!("/params/{name}")), published, 4);
    }
    same_digits(number(&json, "/value"), -879.773_139, 9);
    for (name, published) in [("A", 124.58), ("B", 1293.23)] {
        let found = number(&json, &format!("/se/{name}"));
        assert!((found / published - 1.0).abs() < 0.1, "{name}: {found}");
    }
    // Published to two decimals.
    for (name, published) in [("E", 0.03), ("alpha", 0.02), ("beta", 0.02)] {
        let found = number(&json, &format!("/se/{name}"));
        assert!((found - published).abs() <= 0.005, "{name}: {found}");
    }
    same_digits(number(&json, "/allocation/a"), 0.513, 3);
    let error = number(&json, "/allocation/a_se");
    assert!((error / 0.020 - 1.0).abs() < 0.1, "{error}");
}

fn all_points_of_epoch(table: &str) {
    let json = fit(&[table, "--form", "chinchilla", "--bootstrap", "0"]);
    assert_eq!(json["points"], 245);
    same_digits(number(&json, "/params/beta"), 0.453, 3);
    same_digits(number(&json, "/params/E"), 1.891, 4);
}

/// Exponents of N*(C) of Porian et al. 2024, by minima of interpolated slices, weighed by the noise
/// of 0.002 that they assume.
fn refined_web_exponents(table: &str) {
    for (settings, published) in [
        ("hparams=base and warmup=long and param_count=kaplan", 0.835),
        (
            "hparams=base and warmup=long and param_count=standard",
            0.7065,
        ),
        ("hparams=base and warmup=short and decay=kaplan", 0.602),
        ("hparams=base and warmup=short and decay=chinchilla", 0.5715),
        ("hparams=tuned and warmup=short", 0.497),
    ] {
        let rows = format!("file=summary_df and dataset=rw and {settings}");
        let json = fit(&[
            table, "--form", "isoflop", "--where", &rows, "--se", "0.002",
        ]);
        let approaches = json["approaches"].as_array().expect("approaches");
        let interpolated = approaches.iter().find(|a| a["method"] == "interpolation");
        let found = number(interpolated.expect("minima by interpolation"), "/a");
        assert!(
            (found - published).abs() <= 0.002,
            "{settings}: {found} for {published}"
        );
        if published == 0.497 {
            // Theirs is of the losses' noise alone; ours holds the scatter of the minima about their law as well.
            let interval = &interpolated.unwrap()["a_ci95"];
            let [low, high] = [0, 1].map(|end| interval[end].as_f64().unwrap());
            assert!(low < 0.491 + 0.003 && high > 0.505 - 0.003, "{low} {high}");
            assert!(high - low < 3.0 * (0.505 - 0.491), "{low} {high}");
        }
    }
}

/// These are Epoch's runs with fewer parameters than tokens. Their law was fitted by another objective, an
/// asymmetric absolute error: alike, and not the same.
fn another_table_of_runs(table: &str) {
    let json = fit(&[table, "--form", "chinchilla", "--bootstrap", "100"]);
    assert!(json["points"].as_u64().unwrap() > 200);
    assert_eq!(json["converged"], true);
    for (name, published) in [("E", 1.7004), ("alpha", 0.28923), ("beta", 0.3556)] {
        let found = number(&json, &format!("/params/{name}"));
        assert!(
            (found / published - 1.0).abs() < 0.25,
            "{name}: {found} for {published}"
        );
    }
}

/// One table written in many ways, each file of which is read to the same law. Those of other tables,
/// and those without a loss or parameters, are not of it.
fn one_table(folder: &str) {
    const OTHERS: [&str; 7] = [
        "make.py",
        "misfit_seeds.csv",
        "perplexity.csv",
        "rising.csv",
        "slices_20nd.csv",
        "slices_edge.csv",
        "wandb_wide.csv",
    ];
    let place = Place::new();
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().expect("a name").to_string_lossy();
        if OTHERS.contains(&&*name) {
            continue;
        }
        let words = format!(
            "fit {} --form chinchilla --bootstrap 0 --json",
            path.display()
        );
        let said = place.isoflop(&words).code(0);
        let fit: Value = serde_json::from_str(&said.stdout).expect("a fit");
        let alpha = fit["params"]["alpha"].as_f64().expect("an exponent");
        assert!((alpha - 0.3394).abs() < 7e-4, "{name}: {alpha}");
        // One of them lacks a loss.
        let points = if name == "nan.jsonl" { 15 } else { 16 };
        assert_eq!(fit["points"], points, "{name}");
    }
}

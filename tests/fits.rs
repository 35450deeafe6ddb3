//! Fits of tables from elsewhere.

use serde_json::Value;

use crate::support::{Place, Said};

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

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// A place with `fit.json`, Chinchilla's law fitted to these rows.
fn fitted(rows: &str) -> Place {
    let place = Place::new().with("runs.csv", rows);
    let said = place.isoflop("fit runs.csv --form chinchilla --bootstrap 20 --json");
    place.with("fit.json", &said.code(0).stdout)
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} in {json}"))
}

#[test]
fn a_law_is_found_again() {
    let place = Place::new().with("runs.csv", &table());
    let said = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 20 --json")
        .code(0);
    let json = json(&said);
    for (name, value) in [
        ("E", 1.69),
        ("A", 406.4),
        ("alpha", 0.34),
        ("B", 410.7),
        ("beta", 0.28),
    ] {
        let found = number(&json, &format!("/params/{name}"));
        assert!((found / value - 1.0).abs() < 1e-6, "{name} {found}");
    }
    assert_eq!(json["converged"], true);
    assert_eq!(json["identified"]["E"], true);
    assert_eq!(json["flops_convention"], "6ND");
    assert!((number(&json, "/allocation/a") - 0.28 / 0.62).abs() < 1e-6);
}

#[test]
fn a_budget_is_shared_by_a_saved_fit() {
    let place = fitted(&table());
    let best = json(
        &place
            .isoflop("allocate fit.json --flops 1e21 --json")
            .code(0),
    );
    let product = 6.0 * number(&best, "/0/n") * number(&best, "/0/d");
    assert!((product / 1e21 - 1.0).abs() < 1e-9);
    place
        .isoflop("allocate fit.json --flops 1e21")
        .code(0)
        .says("tokens per parameter");
    place.isoflop("allocate fit.json --flops 0").code(2);
}

/// Columns of counted FLOPs, each with its own best share of the budget.
#[test]
fn a_budget_is_shared_by_every_way_of_counting_flops() {
    let mut rows = String::from("params,tokens,flops_with_attention,loss\n");
    for n in [1e7, 1e8, 1e9, 1e10_f64] {
        for d in [1e9, 1e10, 1e11, 1e12_f64] {
            let loss = 1.69 + 406.4 * n.powf(-0.34) + 410.7 * d.powf(-0.28);
            rows += &format!("{n},{d},{},{loss}\n", 30.0 * n.powf(0.95) * d);
        }
    }
    let place = fitted(&rows);
    let best = json(
        &place
            .isoflop("allocate fit.json --flops 1e21 --json")
            .code(0),
    );
    assert_eq!(best[0]["convention"], "6ND");
    assert_eq!(best[1]["convention"], "flops_with_attention");
    let counted = 30.0 * number(&best, "/1/n").powf(0.95) * number(&best, "/1/d");
    assert!((counted / 1e21 - 1.0).abs() < 1e-6, "{counted}");
}

#[test]
fn tables_of_every_kind_are_read() {
    let lines: String = table()
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [n, d, loss] = [cells[1], cells[2], cells[3]];
            format!(
                "{{\"Model Size\": {n}, \"Training FLOP\": {}, \"Val Loss\": {loss}}}\n",
                6.0 * n.parse::<f64>().unwrap() * d.parse::<f64>().unwrap()
            )
        })
        .collect();
    let array = format!("[{}]", lines.trim_end().replace('\n', ","));
    let place = Place::new()
        .with("runs.jsonl", &lines)
        .with("runs.json", &array);
    for file in ["runs.jsonl", "runs.json"] {
        // Names are guessed, and D follows from C = 6ND.
        let said = place
            .isoflop(&format!(
                "fit {file} --form chinchilla --bootstrap 0 --json"
            ))
            .code(0);
        let json = json(&said);
        assert!((number(&json, "/params/beta") / 0.28 - 1.0).abs() < 1e-6);
        assert_eq!(json["columns"][1], "`Training FLOP` / (6 * `Model Size`)");
    }
}

#[test]
fn rows_are_chosen_grouped_and_weighed() {
    let mut rows = String::from("series,run,x,err,loss\n");
    for (series, amplitude) in [("one", 10.0), ("two", 20.0)] {
        for i in 0..12 {
            let x = 10f64.powi(4 + i / 2);
            rows += &format!(
                "{series},{},{x},0.01,{}\n",
                i / 2,
                amplitude * x.powf(-0.1) + f64::from(i) * 1e-3
            );
        }
    }
    let place = Place::new().with("runs.csv", &rows);
    let fit = "fit runs.csv --form power --x x --bootstrap 50";
    let one = place
        .isoflop(&format!("{fit} --where series=one --group run --se err"))
        .code(0);
    one.complains("12 of 24 rows kept")
        .says("12 points in 6 groups");
    let both = place.isoflop(&format!("{fit} --by series --json")).code(0);
    let both = json(&both);
    assert_eq!(both[1]["by"][1], "two");
    let ratio = number(&both, "/1/params/B") / number(&both, "/0/params/B");
    assert!((ratio - 2.0).abs() < 0.3, "{ratio}");
    place
        .isoflop(&format!("{fit} --where los<3"))
        .code(4)
        .complains("no column `los`");
    place
        .isoflop_words(&["fit", "runs.csv", "--form", "power", "--where", "loss <"])
        .code(2)
        .complains("at character 7");
}

/// Losses with a floor and noise: hidden large runs tell the form that knows of it.
#[test]
fn forms_compete_on_the_largest_runs() {
    let mut rows = String::from("compute,loss\n");
    for i in 0..20 {
        let x = 10f64.powf(15.0 + 0.3 * f64::from(i));
        let noise = 1.0 + 0.002 * f64::from((i * 7) % 5 - 2);
        rows += &format!("{x},{}\n", (1.7 + 400.0 * x.powf(-0.16)) * noise);
    }
    let place = Place::new().with("runs.csv", &rows);
    let fit = "fit runs.csv --form power,offset --x compute --bootstrap 50 --holdout 5";
    let json = json(&place.isoflop(&format!("{fit} --json")).code(0));
    let [power, offset] = [0, 1].map(|form| number(&json, &format!("/{form}/holdout/error")));
    assert!(offset < 0.3 * power, "{offset} {power}");
    assert!(number(&json, "/1/aicc") < number(&json, "/0/aicc"));
    assert_eq!(json[1]["holdout"]["hidden"].as_array().unwrap().len(), 5);
    place.isoflop(fit).code(0).says("held-out error");
    place
        .isoflop("fit runs.csv --form offset --x compute --holdout 30")
        .code(4)
        .complains("leaves too few");
}

#[test]
fn a_saved_fit_predicts_a_table() {
    let place = fitted(&table()).with(
        "new.csv",
        "name,n,tokens\nlarge,1e11,1e13\nbroken,-1,1e13\n",
    );
    let said = place.isoflop("predict fit.json new.csv").code(0);
    let rows: Vec<Vec<&str>> = said
        .stdout
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows[0][3], "predicted_loss");
    let expected = 1.69 + 406.4 * 1e11_f64.powf(-0.34) + 410.7 * 1e13_f64.powf(-0.28);
    assert!((rows[1][3].parse::<f64>().unwrap() / expected - 1.0).abs() < 1e-6);
    assert_eq!(rows[2][3], "");
    let line = place
        .isoflop("predict fit.json new.csv --json")
        .code(0)
        .stdout;
    assert!(line.starts_with("{\"name\":\"large\""), "{line}");
}

/// Slices of equal compute of a known law; one has its minimum outside.
#[test]
fn slices_give_the_exponent_and_name_the_cell_that_is_missing() {
    let mut rows = String::from("n,d,c,loss\n");
    for (budget, from) in [(1e18_f64, 0.3), (1e19, 0.3), (1e20, 0.3), (1e21, 3.0)] {
        // The law's best model is (C/6)^0.5 times a constant near 0.6, as alpha and beta are equal.
        let best = (budget / 6.0).sqrt() * (400.0 / 600.0_f64).powf(0.5 / 0.3);
        for step in 0..7 {
            let n = best * from * 1.5f64.powi(step);
            let d = budget / (6.0 * n);
            rows += &format!(
                "{n},{d},{budget},{}\n",
                1.7 + 400.0 * n.powf(-0.3) + 600.0 * d.powf(-0.3)
            );
        }
    }
    let place = Place::new().with("runs.csv", &rows);
    let said = place
        .isoflop("fit runs.csv --form isoflop --bootstrap 50")
        .code(0);
    let said = said
        .says("minima of slices by interpolation")
        .says("parametric law");
    said.says("the slice of 1.000e21 FLOPs: its smallest model has the lowest loss; add a cell of");
    let json = json(
        &place
            .isoflop("fit runs.csv --form isoflop --bootstrap 50 --json")
            .code(0),
    );
    for approach in json["approaches"].as_array().unwrap() {
        let a = approach["a"].as_f64().unwrap();
        // The envelope steps from model to model.
        let tolerance = if approach["number"] == 1 { 0.1 } else { 0.01 };
        assert!((a - 0.5).abs() < tolerance, "{approach}");
    }
    let refused = &json["refused"][0];
    assert!(
        number(refused, "/add_n") < 3.0 * (1e21_f64 / 6.0).sqrt() * (2.0 / 3.0_f64).powf(0.5 / 0.3)
    );
    let product = 6.0 * number(refused, "/add_n") * number(refused, "/add_d");
    assert!((product / 1e21 - 1.0).abs() < 1e-6);
    // Without a slice that has its minimum inside there is nothing to read off.
    place
        .isoflop("fit runs.csv --form isoflop --where c>5e20")
        .code(4)
        .complains("add a cell of");
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let twice = "m,10000000,1000000000,4.6\nm,10000000,1000000000,4.6\n";
    let rows = table() + "m,,1e9,2.5\nm,1e8,1e9,-1\nm,1e8,n/a,3\n" + twice;
    let place = Place::new().with("runs.csv", &rows);
    let said = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 0")
        .code(0);
    let said = said.says("17 points").says("left out 4 rows");
    said.says("row 17")
        .says("row 18")
        .says("row 19")
        .says("a copy of row 20 (row 21)");
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
    flat.isoflop("fit flat.csv --form width-depth")
        .code(4)
        .complains("no column of widths was found");
    flat.isoflop("fit flat.csv --form power --x tokens --bootstrap 10")
        .code(0)
        .says("L = loss");
    flat.isoflop("fit flat.csv --form parabola").code(2);
}

/// A law for each value of a column has an answer for each, and no row gets another's.
#[test]
fn fits_by_value_answer_by_value() {
    let mut rows = String::from("text,n,d,loss\n");
    for (text, floor) in [("code", 1.0), ("prose", 2.0)] {
        for n in [1e7, 1e8, 1e9, 1e10_f64] {
            for d in [1e9, 1e10, 1e11, 1e12_f64] {
                let loss = floor + 406.4 * n.powf(-0.34) + 410.7 * d.powf(-0.28);
                rows += &format!("{text},{n},{d},{loss}\n");
            }
        }
    }
    let place = Place::new().with("runs.csv", &rows).with(
        "new.csv",
        "text,n,d\nprose,1e11,1e13\ncode,1e11,1e13\nverse,1e11,1e13\n",
    );
    let fits = place.isoflop("fit runs.csv --form chinchilla --by text --bootstrap 0 --json");
    let place = place.with("fits.json", &fits.code(0).stdout);
    let said = place.isoflop("allocate fits.json --flops 1e21").code(0);
    said.says("text = code").says("text = prose");
    let both = json(
        &place
            .isoflop("allocate fits.json --flops 1e21 --json")
            .code(0),
    );
    assert_eq!(
        (&both[0]["by"][1], &both[1]["by"][1]),
        (&"code".into(), &"prose".into())
    );
    let apart = number(&both, "/1/loss") - number(&both, "/0/loss");
    assert!((apart - 1.0).abs() < 1e-6, "{apart}");
    let said = place.isoflop("predict fits.json new.csv").code(0);
    let of = |line: usize| -> Option<f64> {
        let line = said.stdout.lines().nth(line)?;
        line.split(',').nth(3)?.parse().ok()
    };
    assert!(
        (of(1).unwrap() - of(2).unwrap() - 1.0).abs() < 1e-6,
        "{}",
        said.stdout
    );
    assert_eq!(of(3), None, "there is no law of verse");
    let place = place.with("other.csv", "n,d\n1e11,1e13\n");
    place
        .isoflop("predict fits.json other.csv")
        .code(4)
        .complains("for each value of `text`");
}

/// How far an answer lies beyond the runs is said of each variable.
#[test]
fn answers_far_out_say_how_far() {
    let place = fitted(&table()).with("new.csv", "n,tokens\n1e11,1e12\n1e9,1e13\n1e9,1e12\n");
    let said = place.isoflop("predict fit.json new.csv").code(0);
    let said = said
        .complains("1 row far beyond the runs fitted in D, by up to 10.0 times")
        .complains("1 row far beyond the runs fitted in N, by up to 10.0 times");
    let times: Vec<&str> = said
        .stdout
        .lines()
        .map(|line| line.rsplit(',').next().unwrap())
        .collect();
    assert_eq!(times[0], "times_beyond");
    assert_eq!(times[3], "1.0");
    place
        .isoflop("allocate fit.json --flops 1e27")
        .code(0)
        .says("times the largest fitted, 10.0 G");
}

/// FLOPs counted without embeddings are not known of larger models, and never more than the whole.
#[test]
fn counted_flops_are_not_extrapolated() {
    let mut rows = String::from("n,d,flops_blocks,loss\n");
    for width in [64.0, 128.0, 256.0, 512.0_f64] {
        let blocks = 24.0 * width * width;
        let n = blocks + 50_000.0 * width;
        for d in [1e8, 1e9, 1e10, 1e11_f64] {
            let loss = 1.69 + 406.4 * n.powf(-0.34) + 410.7 * d.powf(-0.28);
            rows += &format!("{n},{d},{},{loss}\n", 6.0 * blocks * d);
        }
    }
    let place = fitted(&rows);
    let best = json(
        &place
            .isoflop("allocate fit.json --flops 1e17 --json")
            .code(0),
    );
    let (n, d) = (number(&best, "/1/n"), number(&best, "/1/d"));
    assert!(1e17 / d < 6.0 * n, "{best}");
    place
        .isoflop("allocate fit.json --flops 1e24")
        .code(0)
        .says("the best N by flops_blocks lies outside of the models whose FLOPs it counts");
}

/// A law without a minimum is told why, and no script takes it for a fit.
#[test]
fn a_fit_that_does_not_converge_is_refused() {
    // A loss that jumps at the last point: the break's width goes to nothing.
    let rows: String = (0..12)
        .map(|i| {
            let x = 10f64.powi(i);
            let loss = if i < 11 { 5.0 } else { 1.0 };
            format!("{x},{loss}\n")
        })
        .collect();
    let place = Place::new().with("runs.csv", &format!("x,loss\n{rows}"));
    let said = place
        .isoflop("fit runs.csv --form broken --x x --bootstrap 0")
        .code(4);
    said.says("not converged")
        .says("the relative gradient is still");
}

#[test]
fn parameters_can_be_fixed() {
    let place = Place::new().with("runs.csv", &table());
    let said = place.isoflop(
        "fit runs.csv --form chinchilla --bootstrap 0 --fix E=1.69 --fix alpha=0.34 --json",
    );
    let json = json(&said.code(0));
    assert_eq!(number(&json, "/params/E"), 1.69);
    assert_eq!(json["verdict"]["E"], "fixed");
    assert!(json["identified"].get("E").is_none());
    assert!((number(&json, "/params/B") / 410.7 - 1.0).abs() < 1e-6);
    place
        .isoflop("fit runs.csv --form chinchilla --fix E")
        .code(2)
        .complains("NAME=VALUE");
    place
        .isoflop("fit runs.csv --form chinchilla --fix F=1")
        .code(4)
        .complains("no parameter `F`");
}

#[test]
fn a_file_of_fits_that_cannot_be_read_says_why() {
    let place = fitted(&table());
    let whole = std::fs::read_to_string(place.path("fit.json")).unwrap();
    for (text, words) in [
        (whole.replace("\"format\":1", "\"format\":2"), "format 2"),
        (
            whole.replace("\"residual\"", "\"residue\""),
            "missing field `residual`",
        ),
        ("{\"a\": 1}".to_owned(), "no `format`"),
        ("[]".to_owned(), "no fit in it"),
        ("E = 1.7".to_owned(), "fit.json"),
    ] {
        let place = Place::new().with("fit.json", &text);
        let said = place.isoflop("allocate fit.json --flops 1e20");
        assert_ne!(said.code, 0, "{text}");
        said.complains(words);
    }
}

#[test]
fn numbers_with_units_are_answered_with_what_to_write() {
    let place = fitted(&table());
    place
        .isoflop("allocate fit.json --flops 1.5B")
        .code(2)
        .complains("write 1.5e9");
}

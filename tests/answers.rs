//! What the program says of tables whose answer is known, and of those that have none.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::support::{Place, Said};

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// A hash of a number as a share of one: noise that is the same everywhere.
fn share(at: u64) -> f64 {
    let mixed = (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)) % 100_000) as f64 / 1e5
}

/// Six runs with `C = k N D`, in two slices whose best models have 1e8 and 3e8 parameters.
fn slices(k: f64) -> String {
    let mut text = "N,D,C,loss\n".to_owned();
    for (c, best, least) in [(1e18, 1e8, 3.0), (1e19, 3e8, 2.7)] {
        for n in [0.5 * best, best, 2.0 * best] {
            let loss = least + 0.1 * f64::ln(n / best).powi(2);
            let _ = writeln!(text, "{n:.6e},{:.6e},{c:.0e},{loss:.6}", c / (k * n));
        }
    }
    text
}

/// FLOPs that are 20 N D, by minima, exponents and advice, of slices and of the law alike.
#[test]
fn a_tables_own_flops_are_believed() {
    let place = Place::new().with("slices.csv", &slices(20.0));
    place
        .isoflop("fit slices.csv --form isoflop")
        .code(0)
        .says("assumed, since no slice has the five models that would tell it")
        .says("100 M [")
        .says("500 M    3.0000")
        .says("0.5229 [");
    let said = place
        .isoflop("fit slices.csv --form isoflop --json")
        .code(0);
    fs::write(place.path("slices.json"), &said.stdout).unwrap();
    place
        .isoflop("allocate slices.json --flops 1e19")
        .code(0)
        .says("300 M  1.67 G");
    let said = place
        .isoflop("fit slices.csv --form chinchilla --bootstrap 0 --json")
        .code(0);
    assert_eq!(json(&said)["flops_convention"], "C");
    fs::write(place.path("law.json"), &said.stdout).unwrap();
    let best = json(
        &place
            .isoflop("allocate law.json --flops 1e19 --json")
            .code(0),
    );
    let product = best[0]["n"].as_f64().unwrap() * best[0]["d"].as_f64().unwrap();
    assert!((20.0 * product / 1e19 - 1.0).abs() < 1e-5, "{best}");
    assert_eq!(best[1]["convention"], "6ND");
}

#[test]
fn slices_without_a_minimum_say_which_cell_would_give_one() {
    let mut text = "N,D,C,loss\n".to_owned();
    for (c, least) in [(1e18, 3.0), (3e18, 2.9)] {
        for (n, above) in [(1e8, 0.0), (2e8, 0.1), (4e8, 0.3)] {
            let _ = writeln!(
                text,
                "{n:.0e},{:.6e},{c:.0e},{}",
                c / (6.0 * n),
                least + above
            );
        }
    }
    let place = Place::new().with("edge.csv", &text);
    place
        .isoflop("fit edge.csv --form isoflop")
        .code(4)
        .complains("its smallest model has the lowest loss; add a cell of 5.000e7 parameters on 3.333e9 tokens");
}

/// The best N against C is no loss, and rises.
#[test]
fn what_rises_is_fitted_as_well() {
    let mut text = "C,N_opt\n".to_owned();
    for at in 0..9 {
        let c = 10f64.powf(18.0 + 0.5 * at as f64);
        let _ = writeln!(
            text,
            "{c:e},{:e}",
            0.1 * c.sqrt() * (1.0 + 0.02 * (share(at) - 0.5))
        );
    }
    let place = Place::new().with("rising.csv", &text);
    let said = place
        .isoflop("fit rising.csv --form power --x C --loss N_opt --json")
        .code(0);
    let fit = json(&said);
    let c = fit["params"]["c"].as_f64().unwrap();
    let [low, high] = [0, 1].map(|end| fit["ci95"]["c"][end].as_f64().unwrap());
    assert!(
        (c + 0.5).abs() < 0.01 && low <= c && c <= high,
        "{c} [{low}, {high}]"
    );
    assert_eq!(fit["verdict"]["c"], "identified");
}

/// Two seeds of every cell, scattered by 0.2%, and a form that misses by more.
fn seeds(bump: f64) -> String {
    let mut text = "params,tokens,seed,lr,loss\n".to_owned();
    let mut at = 0;
    for n in [1e6, 3e6, 1e7, 3e7, 1e8, 3e8_f64] {
        for d in [1e8, 1e9, 1e10_f64] {
            for seed in 0..2 {
                at += 1;
                let law = 1.5 + 400.0 / n.powf(0.34) + 600.0 / d.powf(0.3);
                let noise = 1.0 + 6e-3 * (share(at) - 0.5);
                let loss = law * (1.0 + bump * n.ln().sin()) * noise;
                let _ = writeln!(
                    text,
                    "{n:.0e},{d:.0e},{seed},{},{loss:.6}",
                    [1e-3, 2e-3][seed]
                );
            }
        }
    }
    text
}

#[test]
fn a_law_that_misses_more_than_seeds_explain_is_said_to() {
    let place = Place::new()
        .with("wrong.csv", &seeds(0.03))
        .with("right.csv", &seeds(0.0));
    let fit = |table: &str| {
        let said = place.isoflop(&format!("fit {table} --form chinchilla --bootstrap 100"));
        said.code(0)
    };
    fit("wrong.csv")
        .says("(18 repeats in 18 places), and the law misses their means by")
        .says("the form is not that of these runs");
    let right = fit("right.csv").says("and the law misses their means by no more");
    assert!(!right.stdout.contains("the form is not"), "{right:?}");
}

/// Rows of a cell become one point: the best of its rates, the mean of its seeds.
#[test]
fn rows_of_a_cell_are_reduced_to_one_point() {
    // A run that crashed, and one whose parameters nobody noted: neither is the best of its cell.
    let table = seeds(0.0) + "1e6,1e8,2,4e-3,0\n,1e8,3,4e-3,1.0\n";
    let place = Place::new().with("runs.csv", &table);
    let fit = |more: &str| {
        let fit = "fit runs.csv --form chinchilla --bootstrap 0 --json";
        json(&place.isoflop(&format!("{fit} {more}")).code(0))
    };
    let (best, mean, all) = (
        fit("--reduce best --over lr"),
        fit("--reduce mean --over seed,lr"),
        fit(""),
    );
    assert_eq!(
        (&best["points"], &mean["points"], &all["points"]),
        (&18.into(), &18.into(), &36.into())
    );
    assert_eq!(best["reduced"], "36 rows are 18 points by best over lr");
    assert_eq!(
        best["left_out"].as_array().unwrap().len(),
        2,
        "{}",
        best["left_out"]
    );
    let floor = |fit: &Value| fit["params"]["E"].as_f64().unwrap();
    assert!((floor(&best) / floor(&mean) - 1.0).abs() > 1e-4);
    place
        .isoflop("fit runs.csv --form chinchilla --reduce best --over rate")
        .code(4)
        .complains("no column `rate`");
    place
        .isoflop("fit runs.csv --form chinchilla --reduce best")
        .code(2);
}

/// Of each run the last checkpoint, whatever its tokens.
#[test]
fn the_last_checkpoint_of_a_run_is_its_point() {
    let mut text = "run,params,step,tokens,loss\n".to_owned();
    for (run, n) in [1e6, 1e7, 1e8, 1e9_f64].into_iter().enumerate() {
        for length in [1e9, 1e10, 1e11_f64] {
            for step in [3.0, 1.0, 2.0_f64] {
                let d = length * step / 3.0;
                let loss = 1.5 + 400.0 / n.powf(0.34) + 600.0 / d.powf(0.3) + 0.1 * (3.0 - step);
                let _ = writeln!(text, "{run}-{length:e},{n:e},{step},{d:e},{loss:.6}");
            }
        }
    }
    let place = Place::new().with("runs.csv", &text);
    let said = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 0 --json --reduce last --over step --group run")
        .code(0);
    let fit = json(&said);
    assert_eq!(fit["points"], 12);
    assert!(
        (fit["params"]["beta"].as_f64().unwrap() - 0.3).abs() < 1e-3,
        "{fit}"
    );
}

/// Runs that differ in something are runs, though their losses be the same; a row that is there twice is one.
#[test]
fn only_copies_of_whole_rows_are_left_out() {
    let text = seeds(0.0);
    let twin = "1e6,1e8,2,4e-3,7.5\n1e6,1e8,3,4e-3,7.5\n1e6,1e8,3,4e-3,7.5\n";
    let place = Place::new().with("runs.csv", &(text + twin));
    let said = place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 0 --json")
        .code(0);
    let fit = json(&said);
    assert_eq!(fit["points"], 38);
    assert_eq!(fit["left_out"][0], "row 39: a copy of row 38");
}

#[test]
fn columns_are_not_mistaken() {
    // A likelier name with hardly a value in it, and one whose unit is in its name.
    let mut text = "Params,N,Data Size (B),State,c4/macro_loss\n".to_owned();
    for (at, row) in seeds(0.0).lines().skip(1).enumerate() {
        let cells: Vec<&str> = row.split(',').collect();
        let section = if at == 0 { "12M" } else { "" };
        let billions = cells[1].parse::<f64>().unwrap() / 1e9;
        let state = if at == 5 { "crashed" } else { "finished" };
        let _ = writeln!(
            text,
            "{section},{},{billions},{state},{}",
            cells[0], cells[4]
        );
    }
    let place = Place::new().with("runs.csv", &text);
    let fit = "fit runs.csv --form chinchilla --bootstrap 0 --json";
    place
        .isoflop(fit)
        .code(4)
        .complains("give `--loss c4/macro_loss`, if that is it");
    let fit = json(
        &place
            .isoflop(&format!("{fit} --loss c4/macro_loss"))
            .code(0),
    );
    assert_eq!(fit["columns"][0], "N");
    assert_eq!(fit["columns"][1], "1e9 * `Data Size (B)`");
    assert_eq!(fit["left_out"][0], "row 6: crashed");
    place
        .isoflop("fit runs.csv --form width-depth --width N --depth N --loss c4/macro_loss")
        .code(2)
        .complains("W and H would both be `N`");
}

#[test]
fn what_looks_wrong_is_said() {
    let place = Place::new()
        .with("kinds.csv", &kinds())
        .with("together.csv", &together());
    place
        .isoflop("fit kinds.csv --form chinchilla --bootstrap 0")
        .complains("24 of 24 rows share N and D with others of up to 3.0 times their loss")
        .complains("`--by \"data\"` would fit each kind by itself");
    place
        .isoflop("fit together.csv --form chinchilla --bootstrap 0")
        .complains("N and D vary together");
    place
        .isoflop("fit kinds.csv")
        .code(2)
        .complains("which law? Give `--form chinchilla`");
}

/// Every cell on two data sets.
fn kinds() -> String {
    let mut text = "params,tokens,data,loss\n".to_owned();
    for n in [1e6, 1e7, 1e8, 1e9_f64] {
        for d in [1e9, 1e10, 1e11_f64] {
            let loss = 1.5 + 400.0 / n.powf(0.34) + 600.0 / d.powf(0.3);
            let _ = writeln!(
                text,
                "{n:e},{d:e},text,{loss}\n{n:e},{d:e},code,{}",
                loss / 3.0
            );
        }
    }
    text
}

/// Tokens that are twenty times the parameters.
fn together() -> String {
    let mut text = "params,tokens,loss\n".to_owned();
    for at in 0..9 {
        let n = 10f64.powf(6.0 + 0.4 * at as f64);
        let loss = 1.5 + 400.0 / n.powf(0.34) + 0.01 * share(at);
        let _ = writeln!(text, "{n:e},{:e},{loss}", 20.0 * n);
    }
    text
}

/// A fit names its columns: predictions and figures of its table need no flags.
#[test]
fn a_fit_is_drawn_and_predicts_by_its_own_columns() {
    let table = seeds(0.0).replace("params,tokens", "weights,seen");
    let place = Place::new().with("runs.csv", &table);
    let said = place
        .isoflop("fit runs.csv --form chinchilla,offset --n weights --d seen --x seen --bootstrap 50 --json")
        .code(0);
    fs::write(place.path("fits.json"), &said.stdout).unwrap();
    let predicted = place.isoflop("predict fits.json runs.csv").code(0);
    assert_eq!(predicted.stdout.lines().count(), 37);
    let drawn = place
        .isoflop("plot fits.json runs.csv --pdf --text --json")
        .code(0);
    let files = json(&drawn);
    let names: Vec<&str> = files
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(names.len(), 9, "{names:?}");
    let read = |name: &str| fs::read(place.path(&format!("plots/{name}"))).unwrap();
    let svg = String::from_utf8(read("law-chinchilla-n.svg")).unwrap();
    assert!(
        svg.contains("weights") && svg.contains("<text"),
        "text stays text"
    );
    let pdf = read("law-chinchilla-d.pdf");
    assert!(
        pdf.starts_with(b"%PDF-") && pdf.len() > 2000,
        "{}",
        pdf.len()
    );
    // Bands let through what is behind them: a state of the page says how much.
    let states = pdf.windows(4).filter(|bytes| *bytes == b"/ca ").count();
    assert!(states > 0, "bands of a PDF");
    assert!(read("law-offset.png").starts_with(b"\x89PNG"));
    // Without its runs, the law alone, its text outlined.
    place.isoflop("plot fits.json --plots bare").code(0);
    let svg = fs::read_to_string(place.path("bare/law-chinchilla-n.svg")).unwrap();
    assert!(!svg.contains("<text"));
    place
        .isoflop("plot fits.json runs.csv runs.csv")
        .code(2)
        .complains("one table");
}

/// Groups are hidden as groups, and counted so.
#[test]
fn groups_are_held_out_as_groups() {
    let mut text = "run,params,tokens,loss\n".to_owned();
    for (at, row) in seeds(0.0).lines().skip(1).enumerate() {
        let cells: Vec<&str> = row.split(',').collect();
        let _ = writeln!(text, "{},{},{},{}", at / 2, cells[0], cells[1], cells[4]);
    }
    let place = Place::new().with("runs.csv", &text);
    place
        .isoflop("fit runs.csv --form chinchilla --bootstrap 50 --holdout 2 --group run")
        .code(0)
        .says("the 2 largest groups (4 points), predicted from the others");
}

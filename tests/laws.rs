//! Laws that people write, and those that were published.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::support::{Place, Said};

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// Runs of a law with a learning rate, as CSV.
fn runs() -> String {
    let mut text = String::from("params,tokens,lr,loss\n");
    for (i, n) in [1e7, 3e7, 1e8, 3e8, 1e9_f64].into_iter().enumerate() {
        for (j, d) in [1e9, 1e10, 1e11, 1e12_f64].into_iter().enumerate() {
            let lr = 1e-3 * 2f64.powi((i + 2 * j) as i32 % 5 - 2);
            let loss = 1.69
                + 406.4 * n.powf(-0.34)
                + 410.7 * d.powf(-0.28)
                + 0.05 * (lr / 1.2e-3 - 1.0f64).powi(2);
            let _ = writeln!(text, "{n},{d},{lr},{loss}");
        }
    }
    text
}

const LAW: &str = "loss = E + A*N^-alpha + B*D^-beta + G*(lr/l0 - 1)^2";

#[test]
fn a_written_law_is_fitted_kept_and_predicts_its_rows() {
    let place = Place::new().with("runs.csv", &runs());
    let said = place
        .isoflop_words(&["fit", "runs.csv", "--law", LAW, "--bootstrap", "30"])
        .code(0);
    said.says("N = params, D = tokens\n20 points by huber-log");
    let said = place
        .isoflop_words(&[
            "fit",
            "runs.csv",
            "--law",
            LAW,
            "--bootstrap",
            "30",
            "--json",
        ])
        .code(0);
    let fit = json(&said);
    assert_eq!(fit["form"]["law"], LAW);
    assert_eq!(
        fit["form"]["variables"],
        serde_json::json!(["N", "D", "lr"])
    );
    for (name, value) in [("E", 1.69), ("alpha", 0.34), ("beta", 0.28), ("l0", 1.2e-3)] {
        let found = fit["params"][name].as_f64().unwrap();
        assert!((found / value - 1.0).abs() < 1e-6, "{name} {found}");
    }
    fs::write(place.path("fit.json"), &said.stdout).unwrap();
    let said = place.isoflop("predict fit.json runs.csv --json").code(0);
    for line in said.stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| row[name].as_f64().unwrap();
        assert!(
            (of("predicted_loss") / of("loss") - 1.0).abs() < 1e-9,
            "{row}"
        );
    }
    place
        .isoflop("plot fit.json runs.csv --plots plots")
        .code(0);
    let files = fs::read_dir(place.path("plots")).unwrap();
    let files: Vec<String> = files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let drawn = "law-loss-E-A-N-alpha-B-D-beta-G-lr-l0-1-2-n.svg".to_owned();
    assert!(files.contains(&drawn), "{files:?}");
}

#[test]
fn a_law_is_chosen_by_name_or_written_several_times() {
    let place = Place::new().with("runs.csv", &runs());
    let words = [
        "fit",
        "runs.csv",
        "--law",
        "chinchilla,tied-exponents",
        "--law",
        LAW,
    ];
    let said = place
        .isoflop_words(&[&words[..], &["--bootstrap", "0", "--json"]].concat())
        .code(0);
    let fits = json(&said);
    assert_eq!(fits[0]["form"], "chinchilla");
    let tied = fits[1]["form"]["law"].as_str().unwrap();
    assert!(tied.contains("D^alpha"), "{tied}");
    assert_eq!(fits[2]["form"]["law"], LAW);
}

/// All laws whose variables are columns, ranked; the forecast is averaged over those that are not told apart.
#[test]
fn laws_are_ranked_and_averaged() {
    let mut text = String::from("params,tokens,loss\n");
    for i in 0..48 {
        let (n, d) = (1e7 * 3f64.powi(i % 6), 1e9 * 3f64.powi(i / 6));
        let noise = 1.0 + 0.003 * (f64::from((i * 17) % 11) / 5.0 - 1.0);
        let loss = 1.69 + 406.4 * n.powf(-0.34) + 1410.0 * d.powf(-0.34);
        let _ = writeln!(text, "{n},{d},{}", loss * noise);
    }
    let place = Place::new()
        .with("runs.csv", &text)
        .with("large.csv", "params,tokens\n1e11,1e13\n");
    let words = "fit runs.csv --law all --bootstrap 50";
    place
        .isoflop(words)
        .code(0)
        .says("the largest 12 runs, predicted in 10 steps from all smaller runs:")
        .says("tied-exponents")
        .says("worse")
        .says("not told apart by the hidden runs: `isoflop predict` averages");
    let said = place.isoflop(&format!("{words} --json")).code(0);
    let fits = json(&said);
    let of = |name: &str| {
        let mut all = fits.as_array().unwrap().iter();
        all.find(|fit| fit["form"].to_string().contains(name))
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(of("kaplan")["holdout"]["origins"], 10);
    assert_eq!(of("chinchilla")["holdout"]["hidden"][11]["fitted_to"], 36);
    fs::write(place.path("fits.json"), &said.stdout).unwrap();
    let said = place.isoflop("predict fits.json large.csv --json").code(0);
    let row: Value = serde_json::from_str(&said.stdout).unwrap();
    said.complains("averaged over laws that hidden runs do not tell apart:");
    // Each of both laws says nearly the truth; Kaplan's has no floor and would say 0.8.
    let truth = 1.69 + 406.4 * 1e11f64.powf(-0.34) + 1410.0 * 1e13f64.powf(-0.34);
    let said = |name: &str| row[name].as_f64().unwrap();
    assert!((said("predicted_loss") / truth - 1.0).abs() < 0.01, "{row}");
    assert!(said("run_low") < said("law_low") && said("law_high") < said("run_high"));
}

/// Two datasets of one alpha, and two scores of the same runs.
fn datasets() -> String {
    let mut text = String::from("dataset,params,tokens,loss,score\n");
    for i in 0..60 {
        let (n, d) = (1e7 * 3f64.powi(i % 6), 1e9 * 3f64.powi(i / 6 % 5));
        let (name, e, a) = if i < 30 {
            ("web", 1.7, 400.0)
        } else {
            ("code", 0.9, 250.0)
        };
        let off = 1.0 + 0.002 * (f64::from((i * 17) % 11) / 5.0 - 1.0);
        let loss = (e + a * n.powf(-0.34) + 410.0 * d.powf(-0.28)) * off;
        let _ = writeln!(text, "{name},{n},{d},{loss},{}", 3.0 * loss - 1.0);
    }
    text
}

#[test]
fn groups_share_parameters() {
    let place = Place::new().with("runs.csv", &datasets());
    let words = "fit runs.csv --form chinchilla --by dataset --bootstrap 50";
    let shared = format!("{words} --shared alpha,beta");
    let said = place.isoflop(&shared).code(0);
    said.says("dataset = web")
        .says("one of 2 laws fitted at once to 60 points, which share alpha, beta");
    let said = place.isoflop(&format!("{shared} --json")).code(0);
    let fits = json(&said);
    let of = |group: usize, name: &str| fits[group]["params"][name].as_f64().unwrap();
    assert_eq!(of(0, "alpha"), of(1, "alpha"));
    assert!((of(0, "E") - 1.7).abs() < 0.05 && (of(1, "E") - 0.9).abs() < 0.05);
    let apart = json(&place.isoflop(&format!("{words} --json")).code(0));
    assert_ne!(apart[0]["params"]["alpha"], apart[1]["params"]["alpha"]);
    fs::write(place.path("fits.json"), &said.stdout).unwrap();
    let said = place.isoflop("predict fits.json runs.csv --json").code(0);
    for line in said.stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| row[name].as_f64().unwrap();
        assert!(
            (of("predicted_loss") / of("loss") - 1.0).abs() < 0.01,
            "{row}"
        );
    }
    place
        .isoflop("plot fits.json runs.csv --plots plots")
        .code(0);
    for (words, says) in [
        ("--by dataset --shared gamma", "has no parameter `gamma`"),
        ("--by dataset --shared A", "`A` is measured by `alpha`"),
        (
            "--by dataset --shared alpha,alpha --where loss<0",
            "0 points are too few",
        ),
        ("--shared alpha", "between what are parameters shared?"),
        (
            "--by dataset --shared alpha --holdout 3",
            "leave out --holdout",
        ),
    ] {
        let said = place.isoflop(&format!("fit runs.csv --form chinchilla {words}"));
        assert!(
            said.code != 0 && said.stderr.contains(says),
            "{words}: {said:?}"
        );
    }
}

#[test]
fn several_columns_are_predicted_at_once() {
    let place = Place::new().with("runs.csv", &datasets());
    let said = place
        .isoflop_words(&[
            "fit",
            "runs.csv",
            "--form",
            "chinchilla",
            "--targets",
            "loss,score",
            "--where",
            "dataset = 'web'",
            "--bootstrap",
            "30",
            "--json",
        ])
        .code(0);
    let fits = json(&said);
    assert_eq!(fits[1]["target"], "score");
    let floor = |at: usize| fits[at]["params"]["E"].as_f64().unwrap();
    assert!((floor(1) - 3.0 * floor(0) + 1.0).abs() < 0.1);
    fs::write(place.path("fits.json"), &said.stdout).unwrap();
    let said = place.isoflop("predict fits.json runs.csv --json").code(0);
    let first: Value = serde_json::from_str(said.stdout.lines().next().unwrap()).unwrap();
    for (said, measured) in [("predicted_loss", "loss"), ("predicted_score", "score")] {
        let of = |name: &str| first[name].as_f64().unwrap();
        assert!((of(said) / of(measured) - 1.0).abs() < 0.01, "{first}");
    }
}

#[test]
fn what_is_wrong_with_a_law_is_pointed_at() {
    let place = Place::new().with("runs.csv", &runs());
    for (law, says) in [
        ("loss = E + (A*N^-alpha", "expected `)` at character 23"),
        (
            "loss = E + A*N^-",
            "expected a number, a column or a word at character 17",
        ),
        (
            "loss = E + foo(N)",
            "there is no function `foo` at character 12",
        ),
        ("loss = E + A", "has no variable"),
        ("loss = N + D", "has no parameter to fit"),
        ("loss = A*N; loss = B*D", "is said twice"),
        ("loss = min(A)*N", "`min` takes two numbers or more"),
        ("chinchila", "there is no form `chinchila`"),
        ("losses = E + A*N^-alpha", "losses"),
    ] {
        let said = place.isoflop_words(&["fit", "runs.csv", "--law", law]);
        assert!([1, 2, 4].contains(&said.code), "{law}: {said:?}");
        assert!(said.stderr.contains(says), "{law}: {said:?}");
    }
    let bound = |bound: &str| {
        let words = [
            "fit",
            "runs.csv",
            "--law",
            LAW,
            "--bound",
            bound,
            "--bootstrap",
            "0",
        ];
        place.isoflop_words(&words)
    };
    bound("0 < alpha < 2").code(0);
    let kept = place.isoflop_words(&[
        "fit",
        "runs.csv",
        "--law",
        LAW,
        "--bound",
        "alpha < 2",
        "--bootstrap",
        "0",
        "--json",
    ]);
    assert_eq!(
        json(&kept)["bounds"]["alpha"],
        serde_json::json!([null, 2.0])
    );
    bound("2 > alpha > 0").code(0);
    for wrong in [
        "alpha",
        "0 < alpha > 1",
        "a < b",
        "0 < gamma < 1",
        "2 < alpha < 1",
    ] {
        let said = bound(wrong);
        assert!(
            said.code != 0 && !said.stderr.contains("panicked"),
            "{wrong}: {said:?}"
        );
    }
}

/// A score of either sign, and a variable that may be zero.
#[test]
fn losses_and_variables_may_be_zero() {
    let mut text = String::from("n_params,dropout,score\n");
    for i in 0..24 {
        let (n, s) = (1e6 * f64::from(1 + i % 6).powi(3), f64::from(i / 6) * 0.1);
        let _ = writeln!(text, "{n},{s},{}", -3.0 + 0.2 * n.ln() - 1.5 * s);
    }
    let place = Place::new().with("scores.csv", &text);
    let law = "score = a + b*log(n_params) - c*dropout";
    let said = place
        .isoflop_words(&[
            "fit",
            "scores.csv",
            "--law",
            law,
            "--objective",
            "lsq",
            "--json",
        ])
        .code(0);
    let fit = json(&said);
    assert_eq!(fit["points"], 24);
    for (name, value) in [("a", -3.0), ("b", 0.2), ("c", 1.5)] {
        let found = fit["params"][name].as_f64().unwrap();
        assert!((found - value).abs() < 1e-6, "{name} {found}");
    }
    place
        .isoflop("fit scores.csv --form power --x n_params --objective huber --loss n_params")
        .code(4);
}

#[test]
fn published_laws_are_listed_with_their_sources() {
    let place = Place::new();
    let said = place.isoflop("laws").code(0);
    said.says("chinchilla\n  L = E + A N^-alpha + B D^-beta\n  Hoffmann et al. 2022")
        .says("over-training")
        .says("arXiv:2411.04330");
    place
        .isoflop("laws over-training")
        .code(0)
        .says("loss = E + (a*M^eta + b*M^-eta) * C^-eta")
        .says("variables")
        .says("parameters");
    place
        .isoflop("laws over-trainin")
        .code(2)
        .complains("did you mean `over-training`?");
    let said = place.isoflop("laws --json").code(0);
    assert!(json(&said).as_array().unwrap().len() > 30);
}

/// The same in a suite's definition.
#[test]
fn a_suite_asks_for_a_written_law() {
    const SUITE: &str = r#"
        [corpus.grammar]
        words = 50
        zipf = 1.0
        tokens = 200_000
        validation_tokens = 20_000

        [evaluation]
        tokens = 2048

        [[sweep]]
        width = [8, 16, 24]
        depth = 1
        head_width = 8
        sequence_length = 32
        batch = 4
        tokens = [6_400, 12_800]

        [[fit]]
        law = "loss = B*N^-c*D^-d"
        bootstrap = 0
    "#;
    let place = Place::new().with("written.toml", SUITE);
    place.isoflop("plan written.toml").code(0);
    let said = place.isoflop("run written.toml --results results");
    assert!([0, 4].contains(&said.code), "{said:?}");
    said.says("loss = B*N^-c*D^-d");
    let place = Place::new().with("wrong.toml", &SUITE.replace("B*N^-c", "(B*N^-c"));
    place
        .isoflop("plan wrong.toml")
        .code(2)
        .complains("expected `)`");
}

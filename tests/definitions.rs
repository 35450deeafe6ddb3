//! Bad definitions are refused before anything runs: with file, line, what is wrong and what was
//! probably meant.

use std::fs;

use crate::support::{Place, Said, project};

const CORPUS: &str =
    "[corpus.grammar]\nwords = 50\nzipf = 1.0\ntokens = 60000\nvalidation_tokens = 70000\n";

fn plan(rest: &str) -> Said {
    let place = Place::new().with("bad.toml", &format!("{CORPUS}{rest}"));
    place.isoflop("plan bad.toml --json")
}

fn refused(rest: &str, place: &str, words: &str) {
    plan(rest)
        .code(2)
        .complains(&format!("bad.toml:{place}"))
        .complains(words);
}

#[test]
fn a_good_one_is_planned() {
    let said = plan("[[sweep]]\nwidth = [16, 32]\ndepth = 1\ntokens = [10000, 2e4]").code(0);
    assert_eq!(said.stdout.matches("\"id\"").count(), 4);
}

#[test]
fn an_unknown_key_names_the_known_one() {
    refused(
        "[[sweep]]\nwidht = 16\ndepth = 1\ntokens = 1000",
        "7:1",
        "did you mean `width`?",
    );
    refused(
        "[model]\nfeed_forward = \"swigul\"",
        "7:16",
        "did you mean `swiglu`?",
    );
    refused("[trainin]\nwarmup = 0.1", "6:2", "did you mean `training`?");
}

#[test]
fn a_width_that_its_heads_do_not_divide() {
    let sweep = "[[sweep]]\nwidth = 48\nhead_width = 32\ndepth = 1\ntokens = 1000";
    refused(sweep, "7:9", "width 48 is not a multiple of head_width 32");
    refused(sweep, "7:9", "width 32 or 64 would be");
}

#[test]
fn an_empty_sweep() {
    refused(
        "[[sweep]]\nwidth = []\ndepth = 1\ntokens = 1000",
        "7:9",
        "empty list",
    );
    plan("").code(2).complains("no sweep");
}

#[test]
fn a_sweep_without_a_budget_or_with_two() {
    refused("[[sweep]]\nwidth = 16\ndepth = 1", "6:1", "no data budget");
    refused(
        "[[sweep]]\nwidth = 16\ndepth = 1\ntokens = 1000\nflops = 1e9",
        "6:1",
        "several data budgets",
    );
}

#[test]
fn a_corpus_too_small_for_the_budget() {
    let sweep = "[[sweep]]\nwidth = 16\ndepth = 1\ntokens = 150000";
    refused(sweep, "7:9", "2.50 epochs of a corpus of 60002");
    refused(sweep, "7:9", "corpus.max_epochs = 3");
}

#[test]
fn values_out_of_range() {
    refused(
        "[[sweep]]\nwidth = 0\ndepth = 1\ntokens = 1000",
        "7:9",
        "out of range",
    );
    refused(
        "[[sweep]]\nwidth = -4\ndepth = 1\ntokens = 1000",
        "7:9",
        "not a whole number",
    );
    refused(
        "[[sweep]]\nwidth = 16.5\ndepth = 1\ntokens = 1000",
        "7:9",
        "not a whole number",
    );
    refused(
        "[[sweep]]\nwidth = 16\ndepth = 1\nlearning_rate = nan\ntokens = 1000",
        "9:17",
        "not a finite number",
    );
    refused(
        "[training]\nwarmup = 0.9\ndecay = 0.5",
        "8:9",
        "longer than the run",
    );
    refused(
        "[[sweep]]\nwidth = \"wide\"\ndepth = 1\ntokens = 1000",
        "7:9",
        "is not a whole number",
    );
}

#[test]
fn a_setting_both_in_the_list_and_beside_it() {
    let sweep = "[[sweep]]\nlist = [{ width = 16, depth = 1 }]\ndepth = 2\ntokens = 1000";
    refused(sweep, "7:31", "both in the list and beside it");
}

#[test]
fn no_corpus_or_two() {
    let place = Place::new().with("bad.toml", "[corpus]\nmax_epochs = 2");
    place
        .isoflop("plan bad.toml")
        .code(2)
        .complains("exactly one corpus");
}

#[test]
fn what_is_no_toml_or_no_file() {
    refused("[[sweep]\n", "6:", "");
    Place::new()
        .isoflop("plan nowhere.toml")
        .code(2)
        .complains("nowhere.toml: cannot be read");
}

#[test]
fn a_device_that_is_none() {
    let place = Place::new().with("bad.toml", CORPUS);
    place
        .isoflop("run bad.toml --device gpu")
        .code(2)
        .complains("there is no device `gpu`");
}

/// What `run` would stumble over after hours of training is refused before it, with file and line.
#[test]
fn laws_that_could_not_be_fitted_are_refused_before_training() {
    let sweep = "[[sweep]]\nwidth = [16, 32, 48]\ndepth = 1\ntokens = [5000, 10000]\n\n";
    for (fit, at, words) in [
        ("form = \"offset\"", "11:1", "a law of one variable"),
        (
            "form = \"ofset\"\nx = \"tokens\"",
            "12:8",
            "did you mean `offset`?",
        ),
        (
            "form = \"power\"\nx = \"flops_total\"",
            "13:5",
            "did you mean `flops_6n_total`?",
        ),
        ("form = \"power\"\nx = \"precision\"", "13:5", "of numbers"),
        (
            "form = \"power\"\nx = \"tokens\"\nobjective = \"hubber\"",
            "14:13",
            "huber-log",
        ),
        ("form = \"chinchilla\"", "12:8", "D takes 2 distinct values"),
        (
            "form = \"broken\"\nx = \"tokens\"",
            "12:8",
            "6 points are too few",
        ),
    ] {
        refused(&format!("{sweep}[[fit]]\n{fit}\n"), at, words);
    }
}

#[test]
fn a_corpus_too_small_to_score_on_is_where_the_error_points() {
    refused(
        "[[sweep]]\nwidth = 16\ndepth = 1\nsequence_length = 50_000\ntokens = 50_000",
        "1:2",
        "the corpus has 70001 validation tokens, and two sequences of 50000 are the least",
    );
}

#[test]
fn usual_slips_are_answered_with_our_word() {
    refused(
        "[[sweep]]\nwidth = 16\ndepth = 1\nlr = 0.01\ntokens = 1000",
        "9:1",
        "did you mean `learning_rate`?",
    );
    refused(
        "[[sweep]]\nwidth = 16\nn_layers = 1\ntokens = 1000",
        "8:1",
        "did you mean `depth`?",
    );
    for number in ["1.5M", "\"1.5M\""] {
        refused(
            &format!("[[sweep]]\nwidth = 16\ndepth = 1\ntokens = {number}"),
            "9:",
            "write `1.5e6`",
        );
    }
}

/// Cells that differ in a seed alone are told apart wherever they are shown.
#[test]
fn what_varies_is_shown() {
    let sweep = "[evaluation]\ntokens = 2048\n\
                 [[sweep]]\nwidth = 16\ndepth = 1\nbatch = 4\nsequence_length = 32\n\
                 tokens = 10000\nseed = [3, 4]";
    let place = Place::new().with("seeds.toml", &format!("{CORPUS}{sweep}"));
    place.isoflop("plan seeds.toml").code(0).says("seed");
    place
        .isoflop("status seeds.toml")
        .code(3)
        .says("seed 3")
        .says("seed 4");
    place
        .isoflop("run seeds.toml")
        .code(0)
        .complains("seed 3  loss");
}

/// What editors check by: JSON, with the keys that this project's own suites have.
#[test]
fn the_schema_knows_every_key_of_the_suites() {
    let said = Place::new().isoflop("schema").code(0);
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    for suite in fs::read_dir(project().join("experiments")).unwrap() {
        let text = fs::read_to_string(suite.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with('[')) {
            let key = line.trim_matches(['[', ']']).split('.').next().unwrap();
            assert!(schema["properties"][key].is_object(), "{line}");
        }
    }
}

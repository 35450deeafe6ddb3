//! Devices: what they are, whether they are trusted, and how they compare.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Place;

const SUITE: &str = r#"
[corpus.grammar]
words = 50
zipf = 1.0
tokens = 100_000
validation_tokens = 20_000

[evaluation]
tokens = 2048

[[sweep]]
width = 16
depth = 1
head_width = 8
feed_forward_ratio = 1.0
sequence_length = 32
batch = 4
tokens = 12_800
"#;

fn place() -> Place {
    Place::new().with("small.toml", SUITE)
}

/// The report of a device, as `isoflop devices` gives it.
fn report(place: &Place, words: &str) -> Value {
    let said = place.isoflop(&format!("devices {words} --json"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let all: Value = serde_json::from_str(&said.stdout).expect("reports");
    all[0].clone()
}

#[test]
fn flex_computes_and_is_trusted_in_every_precision() {
    let report = report(&place(), "--device flex");
    assert_eq!(report["adapter"]["kind"], "processor");
    assert!(report["copy"].as_f64().unwrap() > 1e8);
    let checks = report["checks"].as_array().unwrap();
    let of = |check: &Value| check["precision"].as_str().unwrap().to_owned();
    let names: Vec<String> = checks.iter().map(of).collect();
    assert_eq!(names, ["f32", "f16", "bf16", "mixed-f16", "mixed-bf16"]);
    for check in checks {
        assert_eq!(check["verdict"], "trusted", "{check}");
        assert_eq!(check["repeats"], true, "{check}");
    }
    // How small an error it would have found: a gradient 1% too large in f32, not so in bfloat16.
    assert!(checks[0]["catches"].as_f64().unwrap() < 1e-3);
    assert!(checks[2]["catches"].as_f64().unwrap() > 1e-2);
    // In f32 it is held against Burn's own operations; in fewer bits it cannot be equal.
    assert!(checks[0]["worst"]["found"].as_f64().unwrap() < 1e-4);
    assert!(checks[2]["worst"]["found"].as_f64().unwrap() > 0.0);
}

/// Each fault is found and named within its time limit, and does not take the program with it.
#[test]
fn a_device_that_lies_is_caught() {
    for (fault, limit, words) in [
        ("layer", 120, "the output of blocks.0.attention differs by"),
        ("kernel", 120, "the output of blocks.0.attention differs by"),
        (
            "gradient",
            120,
            "the gradient of blocks.0.attention.query.weight differs by 1.0e-2",
        ),
        ("nan", 120, "the gradient of step 30 is not finite"),
        ("leak", 120, "memory in use grew at every look"),
        (
            "die",
            120,
            "crashed with SIGABRT in the training check in f32",
        ),
        ("hang", 15, "no answer in 15 s: the training check in f32"),
    ] {
        let begin = Instant::now();
        let device = format!("--device faulty:{fault} --precision f32 --limit {limit}");
        let report = report(&place(), &device);
        let check = &report["checks"][0];
        // A device that does not answer has shown nothing of its numbers.
        let verdict = if fault == "hang" {
            "untested"
        } else {
            "untrusted"
        };
        assert_eq!(check["verdict"], verdict, "{check}");
        let reason = check["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{fault}: {reason}");
        // Of the limit, and what identifying and measuring take before it.
        let most = Duration::from_secs(limit + 45);
        assert!(begin.elapsed() < most, "{fault}: {:?}", begin.elapsed());
    }
}

/// A faulty device is what the check is tested on. A suite that trained on it would train on `flex` and
/// keep the losses under another name.
#[test]
fn nothing_trains_on_a_fault() {
    let place = place();
    for command in [
        "run small.toml --unchecked --device",
        "plan small.toml --device",
        "compare small.toml --unchecked --devices",
    ] {
        place
            .isoflop(&format!("{command} faulty:gradient"))
            .code(2)
            .complains("a fault made on purpose");
    }
    assert!(!place.path("results").exists());
}

/// Says of the kept report of `flex` that its check in f16 failed, which no real one does.
fn distrust_f16(place: &Place) {
    place
        .isoflop("devices --device flex --precision f16")
        .code(0);
    let folder = place.path("cache/isoflop/corpora/devices");
    let kept = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let text = std::fs::read_to_string(kept.path()).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["checks"][0]["verdict"] = "untrusted".into();
    report["checks"][0]["reason"] = "the loss of step 3 differs".into();
    std::fs::write(kept.path(), report.to_string()).unwrap();
}

#[test]
fn an_untrusted_device_is_refused_unless_told_otherwise() {
    let suite = SUITE.replace("depth = 1", "depth = 1\nprecision = \"f16\"");
    let place = Place::new().with("small.toml", &suite);
    distrust_f16(&place);
    place
        .isoflop("run small.toml")
        .code(4)
        .complains("not trusted to train in f16: the loss of step 3 differs")
        .complains("--unchecked");
    place.isoflop("run small.toml --unchecked").code(0);
    place.isoflop("table results/small/flex").code(0);
    let rows = place.csv("results/small/flex/cells.csv");
    assert_eq!(rows[0].word("device_check"), "untrusted");
    // In another precision it has not been asked.
    let place = place.with("other.toml", &suite.replace("f16", "bf16"));
    place.isoflop("run other.toml --unchecked").code(0);
    place.isoflop("table results/other/flex").code(0);
    let rows = place.csv("results/other/flex/cells.csv");
    assert_eq!(rows[0].word("device_check"), "untested");
}

/// In 16-bit floats a step whose gradient is not a number is skipped, and the loss goes on as if nothing
/// were wrong.
#[test]
fn a_gradient_that_is_no_number_is_found_in_16_bits() {
    let report = report(&place(), "--device faulty:nan --precision f16");
    let check = &report["checks"][0];
    assert_eq!(check["verdict"], "untrusted", "{check}");
    let reason = check["reason"].as_str().unwrap();
    assert!(
        reason.contains("the gradient of step 30 is not finite"),
        "{reason}"
    );
}

#[test]
fn a_device_that_is_not_there_is_bad_usage() {
    let place = place();
    for (device, words) in [("wgpu:99", "adapters here"), ("tpu", "isoflop devices")] {
        place
            .isoflop(&format!("plan small.toml --device {device}"))
            .code(2)
            .complains(words);
    }
}

#[test]
fn precision_is_an_axis() {
    let suite = SUITE.replace(
        "depth = 1",
        "depth = 1\nprecision = [\"f32\", \"f16\", \"bf16\", \"mixed-f16\", \"mixed-bf16\"]",
    );
    let place = Place::new().with("small.toml", &suite);
    place.isoflop("run small.toml").code(0);
    place.isoflop("table results/small/flex").code(0);
    let rows = place.csv("results/small/flex/cells.csv");
    assert_eq!(rows.len(), 5);
    let find = |name: &str| {
        let row = rows.iter().find(|row| row.word("precision") == name);
        row.expect("a row").number("loss")
    };
    let whole = find("f32");
    for name in ["f16", "bf16", "mixed-f16", "mixed-bf16"] {
        let apart = (find(name) - whole).abs() / whole;
        assert!(apart > 0.0 && apart < 0.02, "{name}: {apart}");
    }
    assert!(rows.iter().all(|row| row.word("device_check") == "trusted"));
    let place = place.with(
        "wrong.toml",
        &SUITE.replace("depth = 1", "depth = 1\nprecision = \"f8\""),
    );
    place
        .isoflop("plan wrong.toml")
        .code(2)
        .complains("\"f8\" is not")
        .complains("mixed-bf16");
    let place = place.with(
        "slip.toml",
        &SUITE.replace("depth = 1", "depth = 1\nprecision = \"fp16\""),
    );
    place
        .isoflop("plan slip.toml")
        .code(2)
        .complains("did you mean `f16`?");
    place
        .isoflop("devices --precision fp16")
        .code(2)
        .complains("did you mean `f16`?");
}

#[test]
fn a_comparison_is_a_table_with_intervals_and_a_verdict() {
    let suite = SUITE.replace("depth = 1", "depth = 1\nprecision = [\"f32\", \"f16\"]");
    let place = Place::new().with("small.toml", &suite);
    distrust_f16(&place);
    place.isoflop("run small.toml --unchecked").code(0);
    place
        .isoflop("compare small.toml --devices flex --rounds 10 --unchecked")
        .code(0)
        .says("baseline")
        .says("not comparable: untrusted")
        // What tells the two cells apart is shown.
        .says("precision f16");
    let rows = place.csv("results/small/compare/pace.csv");
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let (low, mean, high) = (
            row.number("step_seconds_low"),
            row.number("step_seconds"),
            row.number("step_seconds_high"),
        );
        assert!(0.0 < low && low <= mean && mean <= high);
        let tokens = row.number("tokens_per_step");
        assert_eq!(tokens, 128.0);
        let rate = row.number("tokens_per_second");
        assert!((rate * mean / tokens - 1.0).abs() < 1e-9);
    }
    // Criterion's mean is the mean of the samples.
    let text = std::fs::read(place.path("results/small/compare/criterion/samples.json")).unwrap();
    let samples: Value = serde_json::from_slice(&text).unwrap();
    let seconds = samples[0]["seconds"].as_array().unwrap();
    let sum: f64 = seconds.iter().map(|it| it.as_f64().unwrap()).sum();
    let mean = rows[0].number("step_seconds");
    assert_eq!(seconds.len(), 10);
    assert!((sum / 10.0 / mean - 1.0).abs() < 1e-4, "{sum} {mean}");
    for name in ["throughput", "share-of-peak", "memory", "first-steps"] {
        let path = place.path(&format!("plots/small/compare/{name}.png"));
        assert!(path.exists(), "{name}");
    }
    let report = place.path("results/small/compare/criterion/report/index.html");
    assert!(report.exists());
    place
        .isoflop("plot results/small/compare")
        .code(0)
        .says("throughput.svg");
    place
        .isoflop("compare small.toml --devices flex,flex")
        .code(2)
        .complains("twice");
    // Without leave, an untrusted device is not even measured.
    place
        .isoflop("compare small.toml --devices flex --rounds 10")
        .code(0)
        .says("not comparable: untrusted");
    let rows = place.csv("results/small/compare/pace.csv");
    assert_eq!(rows[1].word("step_seconds"), "");
    assert_ne!(rows[0].word("step_seconds"), "");
}

/// The device named in `ISOFLOP_DEVICE` passes its check and, at the same time, since a software
/// rasteriser compiles for minutes on one core, trains three cells whose losses are those of `flex`.
#[test]
#[ignore = "needs a device: ISOFLOP_DEVICE=wgpu:0 cargo test --release --test program -- --ignored"]
fn a_device_trains_as_flex_does() {
    let device = std::env::var("ISOFLOP_DEVICE").expect("ISOFLOP_DEVICE names a device");
    let three = SUITE.replace("tokens = 12_800", "tokens = 12_800\nseed = [0, 1, 2]");
    let place = Place::new().with("three.toml", &three);
    std::thread::scope(|scope| {
        scope.spawn(|| is_trusted(&place, &device));
        scope.spawn(|| trains_as_flex(&place, &device));
    });
    // The report is kept: the suite, which is done, is now let through without leave.
    place
        .isoflop(&format!("run three.toml --device {device}"))
        .code(0)
        .complains("3 done, 0 to train");
}

fn is_trusted(place: &Place, device: &str) {
    let report = report(place, &format!("--device {device} --precision f32"));
    let adapter = &report["adapter"];
    let name = adapter["name"].as_str().expect("a name");
    if name.contains("llvmpipe") {
        assert_eq!(adapter["kind"], "software");
    }
    assert!(adapter["driver"].as_str().is_some_and(|it| !it.is_empty()));
    assert!(report["start_up"].as_f64() > Some(0.0));
    assert!(report["multiply"][0]["rate"].as_f64() > Some(1e8));
    let check = &report["checks"][0];
    assert_eq!(check["verdict"], "trusted", "{check}");
}

fn trains_as_flex(place: &Place, device: &str) {
    place.isoflop("run three.toml").code(0);
    place
        .isoflop(&format!("run three.toml --device {device} --unchecked"))
        .code(0);
    let slug = device.replace(':', "-");
    for folder in ["flex", slug.as_str()] {
        place
            .isoflop(&format!("table results/three/{folder}"))
            .code(0);
    }
    let reference = place.csv("results/three/flex/cells.csv");
    let rows = place.csv(&format!("results/three/{slug}/cells.csv"));
    assert_eq!(rows.len(), 3);
    for (row, reference) in rows.iter().zip(&reference) {
        assert_eq!(row.word("cell"), reference.word("cell"));
        assert_eq!(row.word("device_check"), "untested");
        assert!(!row.word("driver").is_empty());
        let apart = row.number("loss") / reference.number("loss") - 1.0;
        assert!(apart.abs() < 1e-3, "{apart}");
    }
}

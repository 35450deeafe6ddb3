//! What a cluster is given, where there is none to give it to. `tests/slurm` has a real one.

use std::fs;
use std::process::Command;

use crate::support::{Place, Said, project};

const SUITE: &str = r#"
[corpus.grammar]
words = 50
zipf = 1.0
tokens = 600_000
validation_tokens = 70_000

[evaluation]
tokens = 4096

[slurm]
partition = "long"
account = "physics"
elements = 3
setup = ["module load tools"]
options = ["--constraint=ib"]

[[sweep]]
width = [8, 16]
depth = 1
head_width = 8
batch = 4
tokens = [64_000, 128_000]
"#;

fn place() -> Place {
    Place::new().with("small.toml", SUITE)
}

#[test]
fn the_script_is_one_that_a_person_would_write() {
    let place = place();
    let said = place
        .isoflop("submit small.toml --slurm --time 4:00:00 --dry-run")
        .code(0);
    let folder = place.path("").canonicalize().unwrap().display().to_string();
    let program = env!("CARGO_BIN_EXE_isoflop");
    let mut text = said
        .stdout
        .replace(" \\\n    ", " ")
        .replace(program, "isoflop");
    for place in [
        folder.trim_end_matches('/'),
        place.path("").display().to_string().trim_end_matches('/'),
    ] {
        text = text.replace(place, "HERE");
    }
    // Hashes are of the program, the corpus and the definition.
    let word = |word: &str| match word.split_once("/cluster/") {
        Some((folder, file)) if file.ends_with(".toml") => format!("{folder}/cluster/HASH.toml"),
        None if word.len() == 64 => "HASH".to_owned(),
        _ => word.to_owned(),
    };
    let lines = text
        .lines()
        .map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "));
    let text = lines.collect::<Vec<_>>().join("\n");
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("submit-slurm", text);
    });
    // Nothing was submitted, and nothing is kept.
    assert!(!place.path("results").exists());
    let parsed = Command::new("bash")
        .arg("-n")
        .arg("-c")
        .arg(&said.stdout)
        .status();
    assert!(parsed.unwrap().success());
}

#[test]
fn without_a_cluster_it_is_said_what_to_do() {
    let place = place();
    let without = |words: &str| -> Said {
        let words: Vec<&str> = words.split(' ').collect();
        place.isoflop_where(&[("PATH", "/nowhere")], &words)
    };
    without("submit small.toml --slurm")
        .code(4)
        .complains("`scontrol` is not on this machine, so there is no cluster to ask")
        .complains("`--dry-run` prints what to take there");
    without("submit small.toml --kubernetes --image a --claim b")
        .code(4)
        .complains("`kubectl` is not on this machine");
    without("submit small.toml --slurm --gpus 1")
        .code(2)
        .complains("the cells would train on the processor");
    without("submit small.toml").code(2).complains("--slurm");
    without("submit small.toml --kubernetes")
        .code(2)
        .complains("--image");
    without("cancel small.toml")
        .code(0)
        .says("nothing that was submitted is left");
    // What is written by others is a message.
    place.isoflop("run small.toml").code(0);
    fs::write(place.path("results/small/flex/cluster.json"), "[{").unwrap();
    without("status small.toml").complains("is no list of submissions");
    fs::write(
        place.path("results/small/flex/cluster.json"),
        r#"[{"arrays": [{"job": "12", "group": {"elements": 1, "cpus": 1, "memory": 1}}], "last": "13"}]"#,
    )
    .unwrap();
    without("status small.toml")
        .code(0)
        .says("of the elements nothing is known now");
    without("submit small.toml --slurm")
        .code(0)
        .complains("nothing to submit");
}

#[test]
fn a_slurm_table_that_is_wrong_is_pointed_at() {
    let place = Place::new().with(
        "small.toml",
        &SUITE.replace("partition = ", "partitions = "),
    );
    place
        .isoflop("plan small.toml")
        .code(2)
        .complains("partitions");
}

/// `pip install kubernetes-validate` brings the schemas that Kubernetes publishes.
#[test]
#[ignore = "needs Python: PYTHON=python cargo test --release --test program -- --ignored kubernetes"]
fn kubernetes_would_take_the_manifest() {
    const CHECK: &str = r#"
import sys, yaml, kubernetes_validate
objects = list(yaml.safe_load_all(open(sys.argv[1])))
assert [it["kind"] for it in objects] == ["ConfigMap", "Job"]
assert objects[0]["data"]["suite.toml"].strip() == open(sys.argv[2]).read().strip()
for version in ("1.30", "1.33", "1.36"):
    for it in objects:
        kubernetes_validate.validate(it, version, strict=True)
"#;
    let place = place();
    let words =
        "submit small.toml --kubernetes --image registry/isoflop:1 --claim shared --dry-run";
    let said = place.isoflop(words).code(0);
    fs::write(place.path("job.yaml"), &said.stdout).unwrap();
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let check = Command::new(python)
        .args(["-c", CHECK])
        .args([place.path("job.yaml"), place.path("small.toml")])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}\n{}", said.stdout);
}

#[test]
fn the_image_is_of_the_versions_that_are_tested() {
    let text = fs::read_to_string(project().join("Dockerfile")).unwrap();
    let manifest = fs::read_to_string(project().join("Cargo.toml")).unwrap();
    let version = manifest
        .split("rust-version = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(text.contains(&format!("rust:{version}-")), "{version}");
}

/// Two people's folders make one table; what they do not agree on is named.
#[test]
fn results_of_several_folders_are_joined() {
    let place = place();
    place.isoflop("run small.toml --results here").code(0);
    place
        .isoflop("run small.toml --results there --set sweep.width=16")
        .code(0);
    let joined = place
        .isoflop("table here/small/flex there/small/flex --join both")
        .code(0);
    joined.complains("4 runs of 2 folders, 2 that several have");
    assert_eq!(place.csv("both/cells.csv").len(), 4);
    place.isoflop("table here/small/flex").code(0);
    assert_eq!(
        place.csv("both/cells.csv"),
        place.csv("here/small/flex/cells.csv")
    );
    assert_eq!(
        place.csv("both/curves.csv"),
        place.csv("here/small/flex/curves.csv")
    );
    // Another machine's processor gives other last digits.
    let row = &place.csv("here/small/flex/cells.csv")[3];
    let result = place.path(&format!(
        "there/small/flex/runs/{}/result.json",
        row.word("cell")
    ));
    let text = fs::read_to_string(&result).unwrap();
    // One without a seal is taken as it is.
    let (body, _) = text.split_once(",\n  \"sha256\"").unwrap();
    let loss = row.word("loss");
    assert!(body.contains(loss), "{loss} in {body}");
    let other = format!("{:.6}", row.number("loss") * 1.001);
    fs::write(&result, body.replacen(loss, &other, 1) + "\n}\n").unwrap();
    let said = place
        .isoflop("table here/small/flex there/small/flex --join again")
        .code(0);
    said.complains("2 folders, 1 that several have")
        .complains(&format!("cell {} on flex: loss ", row.word("cell")))
        .complains("of here/small/flex stands")
        .complains("name the other first");
    assert_eq!(place.csv("again/cells.csv")[3].word("loss"), loss);
    place.isoflop("table nowhere --join again").code(1);
}

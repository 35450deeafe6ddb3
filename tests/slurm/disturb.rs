//! Suites on the cluster while something happens to it.

use std::collections::HashMap;
use std::fs;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::LIMIT;
use crate::cluster::Cluster;
use crate::support::{Place, stray, trained};

/// A suite, and how it is submitted.
pub struct Suite {
    text: String,
    options: &'static str,
    cells: usize,
}

impl Suite {
    /// Forty cells of a second or two on elements of which half wait.
    pub fn forty() -> Self {
        Suite {
            text: definition(
                "width = [8, 16]\nseed = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]",
                600_000,
            ),
            options: "--elements 8 --cpus 1 --time 30",
            cells: 40,
        }
    }

    /// Four cells, each of which takes longer than an element may.
    pub fn long() -> Self {
        Suite {
            text: definition("width = [16, 24]\nseed = [0, 1]", 20_000_000),
            options: "--elements 2 --cpus 1 --time 1",
            cells: 4,
        }
    }

    fn place(&self) -> Place {
        Place::new().with("small.toml", &self.text)
    }
}

fn definition(axes: &str, tokens: u64) -> String {
    format!(
        "[corpus]\nmax_epochs = 1000\n[corpus.grammar]\nwords = 50\nzipf = 1.0\ntokens = 600_000\nvalidation_tokens = 70_000\n\
         [evaluation]\ntokens = 4096\n[retry]\nfailed = 1000\n[[sweep]]\n{axes}\ndepth = 1\nhead_width = 8\nbatch = 4\n\
         tokens = {tokens}\n"
    )
}

/// Trains a suite on the cluster while something happens to it: every cell ends once with the numbers of an undisturbed run,
/// nothing stray is left, and what `status` says is true at every look.
pub fn disturbed(suite: Suite, happens: impl Fn(&Cluster) + Sync) {
    let cluster = Cluster::here();
    let place = suite.place();
    place.isoflop("run small.toml --results whole").code(0);
    let whole = trained(&place, "whole");
    assert_eq!(whole.len(), suite.cells);
    let submit = format!(
        "submit small.toml --slurm {} --lease 3 --checkpoint 0.5",
        suite.options
    );
    let begin = Instant::now();
    place
        .isoflop(&submit)
        .code(0)
        .says("tables, laws and figures");
    scope(|scope| {
        scope.spawn(|| {
            wait("something is trained", || {
                looked(&place).values().any(|it| it.0 == "running")
            });
            happens(cluster);
        });
        let mut before = HashMap::new();
        let mut rounds = 1;
        wait("all has ended", || {
            let now = looked(&place);
            for (cell, (status, loss)) in &before {
                // What is done stays so, with the same loss.
                assert!(
                    status != "done" || now[cell] == ("done".to_owned(), *loss),
                    "{cell}: {:?}",
                    now[cell]
                );
            }
            let all_done = now.values().all(|it| it.0 == "done");
            before = now;
            match cluster.left() {
                Some(0) if all_done && place.path("results/small/flex/cells.parquet").exists() => {
                    true
                }
                // The last job was cancelled or killed as well.
                Some(0) => {
                    if all_done {
                        place.isoflop("run small.toml").code(0);
                    } else {
                        let said = place.isoflop("status small.toml").code(3);
                        said.says("no element is left");
                        rounds += 1;
                        place.isoflop(&submit).code(0);
                    }
                    false
                }
                _ => false,
            }
        });
        println!("{} s, {rounds} submissions", begin.elapsed().as_secs());
    });
    assert_eq!(trained(&place, "results"), whole);
    let mut found = Vec::new();
    stray(&place.path("results"), &mut found);
    assert!(found.is_empty(), "{found:?}");
    for row in place.csv("results/small/flex/cells.csv") {
        assert!(["n1", "n2"].contains(&row.word("node")), "{row:?}");
    }
}

/// How every cell stands, and its loss.
fn looked(place: &Place) -> HashMap<String, (String, Option<f64>)> {
    let said = place.isoflop("status small.toml --json");
    let cells: Vec<serde_json::Value> =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let word = |cell: &serde_json::Value, name: &str| cell[name].as_str().map(str::to_owned);
    cells
        .iter()
        .map(|cell| {
            let status = word(cell, "status").expect("a status");
            let known = ["waiting", "running", "done", "failed"];
            assert!(known.contains(&status.as_str()), "{cell}");
            if status == "running" {
                let element = word(cell, "element").expect("an element");
                assert!(
                    element.contains(|letter: char| letter.is_ascii_digit()),
                    "{cell}"
                );
                assert!(word(cell, "node").is_some(), "{cell}");
            }
            let loss = (status == "done").then(|| cell["loss"].as_f64().expect("a loss"));
            (word(cell, "cell").expect("an id"), (status, loss))
        })
        .collect()
}

fn wait(what: &str, mut over: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !over() {
        assert!(begin.elapsed() < LIMIT, "it took too long until {what}");
        sleep(Duration::from_millis(500));
    }
}

/// What Slurm does not want is told with what to do, and leaves nothing in its queue.
pub fn refusals() {
    let cluster = Cluster::here();
    let place = Suite::forty().place();
    for (options, help) in [
        ("--partition nope", "`sinfo` lists the partitions"),
        ("--cpus 99", "no node has so"),
        ("--account nope", "lists your accounts"),
        ("--device wgpu:0 --gpus a100:1", "no node has so"),
        ("--time soon", "Invalid --time specification"),
    ] {
        let said = place
            .isoflop(&format!("submit small.toml --slurm {options}"))
            .code(4);
        said.complains("Slurm refuses: ").complains(help);
    }
    assert_eq!(cluster.left(), Some(0));
    // Arrays are as large as the cluster allows: a hundred and one elements.
    let said = place
        .isoflop("submit small.toml --slurm --elements 40 --cpus 1 --time 30")
        .code(0);
    assert_eq!(said.stdout.matches("tables, laws").count(), 1);
    place.isoflop("cancel small.toml").code(0);
    wait("the queue is empty", || cluster.left() == Some(0));
}

/// Elements that need a GPU run on the node that has one, as many at a time as it has.
pub fn where_a_gpu_is() {
    let cluster = Cluster::here();
    let place = Suite::forty().place();
    place
        .isoflop("submit small.toml --slurm --device wgpu:0 --gpus 1 --elements 2 --cpus 1 --account physics --time 30")
        .code(0);
    wait("an element runs", || cluster.running() == ["n2"]);
    cluster.pause(4);
    assert_eq!(cluster.running(), ["n2"]);
    place.isoflop("cancel small.toml --device wgpu:0").code(0);
    wait("the queue is empty", || cluster.left() == Some(0));
}

/// An element that finds another folder, program or corpus trains nothing.
pub fn not_shared() {
    let cluster = Cluster::here();
    let place = Suite::forty().place();
    place
        .isoflop("submit small.toml --slurm --elements 1 --cpus 1 --time 30")
        .code(0);
    place.isoflop("cancel small.toml").code(0);
    wait("the queue is empty", || cluster.left() == Some(0));
    let dry = place
        .isoflop("submit small.toml --slurm --elements 1 --dry-run")
        .code(0);
    let command = dry.stdout.split("exec ").nth(1).expect("a command");
    let command = command
        .split("\n\n")
        .next()
        .expect("its end")
        .replace(" \\\n    ", " ");
    let command = command.as_str();
    let run = |edit: &dyn Fn(&str) -> String| {
        let output = std::process::Command::new("bash")
            .arg("-c")
            .arg(edit(command))
            .output()
            .expect("bash");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let hash = |name: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        words[1 + words.iter().position(|word| *word == name).expect("a flag")].to_owned()
    };
    for (flag, what) in [
        ("--program", "the program here is"),
        ("--corpus", "the corpus here is"),
    ] {
        let (code, said) = run(&|text| text.replace(&hash(flag), &"0".repeat(64)));
        assert_eq!(code, Some(4), "{said}");
        assert!(
            said.contains(what) && said.contains("was submitted"),
            "{said}"
        );
    }
    let elsewhere = place.path("elsewhere").display().to_string();
    let results = place.path("results").display().to_string();
    let (code, said) = run(&|text| {
        text.replace(
            &format!("--results {results}"),
            &format!("--results {elsewhere}"),
        )
    });
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("is not the folder that was submitted"),
        "{said}"
    );
    // Where Slurm cannot write an element's log it starts none, and says so nowhere but in its queue.
    fs::rename(place.path("results/small/flex/cluster"), place.path("away")).expect("a folder");
    let submitted = place
        .isoflop("submit small.toml --slurm --elements 1 --cpus 1 --time 30")
        .code(0);
    fs::remove_dir_all(place.path("results/small/flex/cluster")).expect("a folder");
    drop(submitted);
    wait("the queue is empty", || cluster.left() == Some(0));
    place
        .isoflop("status small.toml")
        .code(3)
        .says("is failed")
        .says("is the folder of its log on that machine?");
}

/// `cancel` ends what runs and what waits; what is submitted again goes on.
pub fn cancelled() {
    let cluster = Cluster::here();
    let place = Suite::forty().place();
    place.isoflop("run small.toml --results whole").code(0);
    let submit =
        "submit small.toml --slurm --elements 8 --cpus 1 --time 30 --checkpoint 0.5 --lease 3";
    place.isoflop(submit).code(0);
    wait("something is trained", || {
        looked(&place).values().any(|it| it.0 == "running")
    });
    let said = place.isoflop("status small.toml").code(3);
    said.says("runs on n")
        .says("waiting for a free machine")
        .says("makes the tables and figures");
    place
        .isoflop("cancel small.toml")
        .code(0)
        .says("told to stop");
    wait("the queue is empty", || cluster.left() == Some(0));
    place
        .isoflop("status small.toml")
        .code(3)
        .says("no element is left");
    place
        .isoflop("cancel small.toml")
        .code(0)
        .says("nothing that was submitted is left");
    place.isoflop(submit).code(0);
    wait("all has ended", || cluster.left() == Some(0));
    assert_eq!(trained(&place, "results"), trained(&place, "whole"));
}

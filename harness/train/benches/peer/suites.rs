//! Whole sweeps against PyTorch's, run as people run them.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, Plan, PlannedCell, Seconds};
use serde_json::Value;

use crate::interval::interval;
use crate::python::{Python, Way};
use crate::suite;

const SHAPES: &str = "width = [32, 64, 96, 128]\ndepth = 4\nhead_width = 32";
const SEQUENCE: u64 = 128;
const BATCH: u64 = 16;
const TOKENS: [u64; 2] = [204_800, 409_600];
const ROUNDS: usize = 3;

/// The table as CSV, and PyTorch's version.
///
/// Ours is the whole command: it starts workers, trains, scores every model, and writes and draws the tables. Of PyTorch
/// the training alone counts, from when the last process has imported what it needs.
pub fn table() -> (String, Value) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let text = suite(SHAPES, SEQUENCE, BATCH, &TOKENS);
    fs::write(place.path().join("suite.toml"), &text).expect("a file");
    let definition = Definition::parse(&text, "suite.toml").expect("a definition");
    let corpus = Corpus::prepare(&definition, place.path(), place.path()).expect("a corpus");
    let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
    let mut cells: Vec<&PlannedCell> = plan.cells.iter().collect();
    cells.sort_by(|a, b| b.cell.cost().total_cmp(&a.cell.cost()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // Uncompiled, as people run a sweep of small cells.
    let ways = [(Way::Eager, 1, cores), (Way::Eager, cores, 1)];
    let mut ratios = vec![Vec::new(); ways.len()];
    let mut version = Value::Null;
    for _ in 0..ROUNDS {
        let ours = ours(place.path());
        for (ratios, (way, processes, threads)) in ratios.iter_mut().zip(ways) {
            let theirs;
            (theirs, version) = pytorch(&cells, way, processes, threads);
            eprintln!("{way:?}, {processes} x {threads}: {theirs:.1} s, ours {ours:.1} s");
            ratios.push(theirs / ours);
        }
    }
    let mut table = "cells,batch,sequence,processes,threads,against,ratio,low,high\n".to_owned();
    for (ratios, (way, processes, threads)) in ratios.iter().zip(ways) {
        let [ratio, low, high] = interval(ratios);
        let (cells, way) = (cells.len(), way.as_str());
        println!(
            "{cells} cells, against {way} in {processes} processes of {threads} threads: {ratio:.3} [{low:.3}, {high:.3}]"
        );
        table += &format!(
            "{cells},{BATCH},{SEQUENCE},{processes},{threads},{way},{ratio:.4},{low:.4},{high:.4}\n"
        );
    }
    (table, version)
}

/// Seconds of the whole command.
fn ours(place: &std::path::Path) -> Seconds {
    let program = std::env::current_exe().expect("the program has a path");
    let built = program
        .ancestors()
        .nth(2)
        .expect("a folder")
        .join("isoflop");
    let _ = fs::remove_dir_all(place.join("results"));
    let begin = Instant::now();
    let status = Command::new(&built)
        .args(["run", "suite.toml", "--cache=cache"])
        .current_dir(place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{} trains a suite: `cargo build --release` makes it",
        built.display()
    );
    begin.elapsed().as_secs_f64()
}

/// Seconds until the last of so many processes has trained its cells, each the next that none has begun.
fn pytorch(cells: &[&PlannedCell], way: Way, processes: usize, threads: usize) -> (Seconds, Value) {
    let mut peers: Vec<Python> = (0..processes)
        .map(|_| Python::start(&DeviceName::Flex, threads, way))
        .collect();
    let versions: Vec<Value> = peers.iter_mut().map(Python::version).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let begin = Instant::now();
    thread::scope(|scope| {
        for peer in &mut peers {
            scope.spawn(|| {
                while let Some(planned) =
                    cells.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    peer.build(planned, 1);
                    peer.ready(planned);
                    peer.steps(planned.cell.training.steps - 1);
                }
            });
        }
    });
    (begin.elapsed().as_secs_f64(), versions[0].clone())
}

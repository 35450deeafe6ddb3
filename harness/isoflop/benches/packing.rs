//! A suite of small cells and a large one, as `run` packs it by itself, against each fixed choice: one cell at a time with
//! all cores, and as many at a time as there are cores.

use std::process::{Command, Stdio};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use plotters::style::{FontStyle, register_font};
use tempfile::TempDir;

const SUITE: &str = r#"
    [corpus.grammar]
    words = 50
    zipf = 1.0
    tokens = 600_000
    validation_tokens = 70_000

    [evaluation]
    tokens = 4096

    [[sweep]]
    width = [16, 32]
    depth = 1
    batch = 4
    tokens = [32_000, 64_000]

    [[sweep]]
    width = 64
    depth = 4
    batch = 4
    tokens = [128_000]
"#;

/// Criterion draws its report with Plotters, which in this workspace looks for no fonts of the system.
const FONT: &[u8] = include_bytes!("../../figure/font/DejaVuSans-subset.ttf");

fn run(place: &TempDir, workers: Option<usize>) {
    let status = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(["run", "small.toml", "--cache=cache"])
        .args(workers.map(|workers| format!("--workers={workers}")))
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the program starts").success());
}

fn packing(criterion: &mut Criterion) {
    register_font("sans-serif", FontStyle::Normal, FONT).unwrap_or_else(|_| panic!("a font"));
    let place = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(place.path().join("small.toml"), SUITE).expect("a file");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut group = criterion.benchmark_group("four small cells and a large one");
    group.sample_size(10);
    for workers in [None, Some(1), Some(cores)] {
        let name = workers.map_or("as planned".to_owned(), |it| it.to_string());
        group.bench_function(BenchmarkId::new("workers", name), |bencher| {
            bencher.iter_batched(
                || {
                    let _ = std::fs::remove_dir_all(place.path().join("results"));
                },
                |()| run(&place, workers),
                BatchSize::PerIteration,
            )
        });
    }
    group.finish();
}

criterion_group!(benches, packing);
criterion_main!(benches);

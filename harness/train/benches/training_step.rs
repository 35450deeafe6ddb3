//! Tokens per second of whole training steps on the processor, against the model's width.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isoflop_suite::{Definition, Plan};
use isoflop_train::{Corpus, DeviceName, Trainer, on_threads, open_device};
use plotters::style::{FontStyle, register_font};

const SUITE: &str = r#"
    [corpus.grammar]
    words = 1000
    zipf = 1.2
    tokens = 1_000_000
    validation_tokens = 100_000

    [[sweep]]
    width = [16, 32, 64, 128, 256]
    depth = 2
    batch = 8
    tokens = 900_000
"#;

/// Criterion draws its report with Plotters, which in this workspace looks for no fonts of the system.
const FONT: &[u8] = include_bytes!("../../figure/font/DejaVuSans-subset.ttf");

fn training_step(criterion: &mut Criterion) {
    register_font("sans-serif", FontStyle::Normal, FONT).unwrap_or_else(|_| panic!("a font"));
    let cache = tempfile::tempdir().expect("a temporary folder");
    let definition = Definition::parse(SUITE, "bench.toml").expect("a definition");
    let corpus = Corpus::prepare(&definition, cache.path(), cache.path()).expect("a corpus");
    let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
    let device = open_device(&DeviceName::Flex).expect("a device");
    let mut group = criterion.benchmark_group("training step, flex");
    group.sample_size(10);
    for planned in &plan.cells {
        let cell = &planned.cell;
        let tokens = cell.training.batch * cell.model.sequence_length;
        group.throughput(Throughput::Elements(tokens));
        let mut trainer = Trainer::new(cell, &corpus, &device).expect("a trainer");
        group.bench_function(BenchmarkId::new("width", cell.model.width), |bencher| {
            on_threads(1, || bencher.iter(|| trainer.step().read())).expect("threads");
        });
    }
    group.finish();
}

criterion_group!(benches, training_step);
criterion_main!(benches);

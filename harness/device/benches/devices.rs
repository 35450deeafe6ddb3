//! What training on each device is made of: whole steps, forward passes, and the matrix multiplies of
//! the shipped suites' shapes. Criterion's HTML compares the devices of a group.
//!
//! Devices are `flex` and every GPU, or those that `ISOFLOP_DEVICES` names: a software rasteriser
//! compiles for minutes, so it is measured where it is asked for.

use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isoflop_corpus::Corpus;
use isoflop_device::{AdapterFacts, Kind};
use isoflop_suite::{Backend, Definition, DeviceName, Plan};
use isoflop_train::{Trainer, devices_of, is_built, on_threads, open_device};
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

/// Rows, inner and outer side: the tokens of a step times a layer's weights, of `quick` and of `gpu`.
const PRODUCTS: [[usize; 3]; 4] = [
    [512, 64, 176],
    [512, 128, 344],
    [4096, 512, 1368],
    [4096, 1024, 2728],
];

/// Criterion draws its report with Plotters, which in this workspace looks for no fonts of the system.
const FONT: &[u8] = include_bytes!("../../figure/font/DejaVuSans-subset.ttf");

fn devices() -> Vec<(DeviceName, Device)> {
    let names: Vec<DeviceName> = match std::env::var("ISOFLOP_DEVICES") {
        Ok(names) => names
            .split(',')
            .map(|name| name.parse().expect("a device"))
            .collect(),
        Err(_) => {
            let built = Backend::ALL.into_iter().filter(|it| is_built(*it));
            let found = built.flat_map(devices_of);
            let gpus = found.filter(|name| {
                AdapterFacts::of(name).is_ok_and(|facts| facts.kind != Kind::Software)
            });
            [DeviceName::Flex].into_iter().chain(gpus).collect()
        }
    };
    let open = |name: DeviceName| {
        let device = open_device(&name).expect("a device");
        (name, device)
    };
    names.into_iter().map(open).collect()
}

fn all(criterion: &mut Criterion) {
    register_font("sans-serif", FontStyle::Normal, FONT).unwrap_or_else(|_| panic!("a font"));
    let cache = tempfile::tempdir().expect("a temporary folder");
    let definition = Definition::parse(SUITE, "bench.toml").expect("a definition");
    let corpus = Corpus::prepare(&definition, cache.path(), cache.path()).expect("a corpus");
    let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
    let devices = devices();
    training(criterion, &plan, &corpus, &devices);
    multiplies(criterion, &devices);
}

fn training(
    criterion: &mut Criterion,
    plan: &Plan,
    corpus: &Corpus,
    devices: &[(DeviceName, Device)],
) {
    for what in ["training step", "forward pass"] {
        let mut group = criterion.benchmark_group(what);
        group.sample_size(10);
        for planned in &plan.cells {
            let cell = &planned.cell;
            let tokens = cell.training.batch * cell.model.sequence_length;
            group.throughput(Throughput::Elements(tokens));
            for (name, device) in devices {
                let mut trainer = Trainer::new(cell, corpus, device).expect("a trainer");
                let id = BenchmarkId::new(name.to_string(), format!("width {}", cell.model.width));
                group.bench_function(id, |bencher| {
                    let work = || {
                        if what == "forward pass" {
                            bencher.iter(|| trainer.loss());
                        } else {
                            bencher.iter(|| trainer.step().read());
                        }
                    };
                    on_threads(1, work).expect("threads");
                });
            }
        }
        group.finish();
    }
}

fn multiplies(criterion: &mut Criterion, devices: &[(DeviceName, Device)]) {
    let mut group = criterion.benchmark_group("matrix multiply");
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(2));
    for [rows, inner, outer] in PRODUCTS {
        let flops = 2 * rows * inner * outer;
        group.throughput(Throughput::Elements(flops as u64));
        for (name, device) in devices {
            let left = Tensor::<2>::ones([rows, inner], device);
            let right = Tensor::<2>::ones([inner, outer], device);
            let id = BenchmarkId::new(name.to_string(), format!("{rows} x {inner} x {outer}"));
            group.bench_function(id, |bencher| {
                let work = || {
                    bencher.iter(|| {
                        let product = left.clone().matmul(right.clone());
                        device.sync().expect("the device computes");
                        product
                    });
                };
                on_threads(1, work).expect("threads");
            });
        }
    }
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);

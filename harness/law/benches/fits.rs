//! What fits cost: 240 runs, as many as the best known table of published ones has, and how the cost
//! grows with the number of points.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isoflop_law::{Equation, FitOptions, Form, Objective, Table, fit};
use plotters::style::{FontStyle, register_font};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StudentT, Uniform};

/// Criterion draws its report with Plotters, which in this workspace looks for no fonts of the system.
const FONT: &[u8] = include_bytes!("../../figure/font/DejaVuSans-subset.ttf");

/// Runs of Chinchilla's law scattered over 1e8 to 1e10 parameters and 1 to 300 tokens each, with
/// half a percent of noise and a run in fifty far off.
fn runs(count: usize) -> Table {
    let law = [1.82, 482.0, 0.348, 2085.0, 0.366];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let noise = StudentT::new(3.0).unwrap();
    let (size, ratio) = (
        Uniform::new(8.0, 10.0).unwrap(),
        Uniform::new(0.0, 2.5).unwrap(),
    );
    let mut table = Table::new(2);
    for _ in 0..count {
        let n = 10f64.powf(size.sample(&mut rng));
        let d = n * 10f64.powf(ratio.sample(&mut rng));
        let scatter: f64 = 0.005 * noise.sample(&mut rng);
        table.push(
            &[n, d],
            Form::Chinchilla.loss(&law, &[n, d]) * scatter.exp(),
        );
    }
    table
}

fn options(objective: Objective, bootstrap: usize) -> FitOptions {
    FitOptions {
        objective,
        bootstrap,
        seed: 0,
        fixed: Vec::new(),
        ..FitOptions::default()
    }
}

/// The search from every start, profiles, and 4000 refits.
fn published(criterion: &mut Criterion) {
    register_font("sans-serif", FontStyle::Normal, FONT).unwrap_or_else(|_| panic!("a font"));
    let table = runs(240);
    let mut group = criterion.benchmark_group("240 runs, 4000 resamples");
    group.sample_size(10);
    for objective in [
        Objective::HuberLog { delta: 1e-3 },
        Objective::HuberLikelihood { delta: 1e-3 },
        Objective::LsqLog,
    ] {
        group.bench_function(objective.name(), |bencher| {
            bencher.iter(|| fit(Form::Chinchilla, &table, &options(objective, 4000)).unwrap())
        });
    }
    group.finish();
}

/// The search and 100 refits.
fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("points, 100 resamples");
    group.sample_size(10);
    for count in [100, 1000, 10_000, 100_000] {
        let table = runs(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(count),
            &table,
            |bencher, table| {
                bencher.iter(|| {
                    fit(Form::Chinchilla, table, &options(Objective::default(), 100)).unwrap()
                })
            },
        );
    }
    group.finish();
}

/// What an equation costs beside the built-in form of the same law: the search and 4000 refits.
fn equations(criterion: &mut Criterion) {
    let table = runs(240);
    let law = Equation::read("loss = E + A*N^-alpha + B*D^-beta").unwrap();
    let law = law.law(&["N".to_owned(), "D".to_owned()]).unwrap();
    let mut group = criterion.benchmark_group("an equation, 240 runs, 4000 resamples");
    group.sample_size(10);
    for (name, form) in [("form", Form::Chinchilla), ("equation", Form::Written(law))] {
        group.bench_function(name, |bencher| {
            let options = options(Objective::default(), 4000);
            bencher.iter(|| fit(form, &table, &options).unwrap())
        });
    }
    group.finish();
}

/// Every form's search alone, on noiseless points.
fn forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search alone, 240 points");
    group.sample_size(10);
    let sizes: Vec<f64> = (0..240)
        .map(|i| 10f64.powf(6.0 + i as f64 / 48.0))
        .collect();
    for (form, truth) in [
        (Form::Power, vec![12.3, 0.076]),
        (Form::Offset, vec![1.69, 90.0, 0.3]),
        (Form::Shifted, vec![25.0, 1e-9, 0.12]),
        (Form::Saturating, vec![0.4, 6.0, 0.7, 300.0, 0.35]),
        (Form::Broken, vec![0.8, 30.0, 0.15, 0.25, 3e8, 0.4]),
        (Form::Chinchilla, vec![1.69, 406.4, 0.34, 410.7, 0.28]),
        (Form::Kaplan, vec![8.8e13, 0.076, 5.4e13, 0.095]),
        (
            Form::DataConstrained,
            vec![1.87, 521.0, 0.35, 1488.0, 0.36, 5.31, 15.4],
        ),
        (
            Form::WidthDepth,
            vec![1.5, 20.0, 0.6, 1.1, 0.8, 400.0, 0.28],
        ),
    ] {
        let mut table = Table::new(form.variables().len());
        for (i, size) in sizes.iter().enumerate() {
            let (seen, times) = (
                size * [2.0, 20.0, 200.0][i % 3],
                [1.0, 4.0, 16.0][i / 3 % 3],
            );
            let x = match form.variables().len() {
                1 => vec![*size],
                2 => vec![*size, seen],
                _ if form == Form::DataConstrained => vec![*size, seen, seen / times],
                _ => vec![size.sqrt(), times, seen],
            };
            table.push(&x, form.loss(&truth, &x));
        }
        group.bench_function(form.name(), |bencher| {
            bencher.iter(|| fit(form, &table, &options(Objective::default(), 0)).unwrap())
        });
    }
    group.finish();
}

criterion_group!(benches, published, growth, equations, forms);
criterion_main!(benches);

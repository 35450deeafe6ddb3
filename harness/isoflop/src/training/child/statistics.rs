//! `isoflop statistics`: Criterion's statistics and report of times that were measured elsewhere.
//!
//! Criterion measures one benchmark after the other; devices are compared in turns, so that a machine
//! that grows hot or busy is fair to each. `compare` measures, and Criterion is given the times. It
//! prints as it works, so it has a process of its own.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, PlottingBackend, SamplingMode, Throughput};

use crate::training::compare::Samples;

/// Draws of Criterion's bootstrap.
const RESAMPLES: usize = 10_000;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Samples, as JSON.
    samples: PathBuf,
    /// Where Criterion writes.
    out: PathBuf,
    /// Draw plots too.
    #[arg(long)]
    plots: bool,
}

pub fn statistics(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let all: Vec<Samples> = serde_json::from_slice(&std::fs::read(&arguments.samples)?)?;
    isoflop_figure::register_sans_serif()?;
    let instant = Duration::from_nanos(1);
    let criterion = Criterion::default()
        .output_directory(&arguments.out)
        .nresamples(RESAMPLES)
        .warm_up_time(instant)
        .measurement_time(instant);
    let mut criterion = if arguments.plots {
        criterion.plotting_backend(PlottingBackend::Plotters)
    } else {
        criterion.without_plots()
    };
    for group in all.chunk_by(|a, b| a.group == b.group) {
        let mut benches = criterion.benchmark_group(&group[0].group);
        // With no time to fill, a sample is one iteration.
        benches.sampling_mode(SamplingMode::Flat);
        for samples in group {
            benches.sample_size(samples.seconds.len());
            benches.throughput(Throughput::Elements(samples.tokens));
            // The first call is the warm-up's.
            let next = Cell::new(samples.seconds.len() - 1);
            benches.bench_function(BenchmarkId::from_parameter(&samples.name), |bencher| {
                bencher.iter_custom(|iterations| {
                    let at = next.get();
                    next.set((at + 1) % samples.seconds.len());
                    Duration::from_secs_f64(samples.seconds[at] * iterations as f64)
                });
            });
        }
        benches.finish();
    }
    criterion.final_summary();
    Ok(ExitCode::SUCCESS)
}

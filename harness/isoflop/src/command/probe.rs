//! `isoflop probe`: the child process that `devices` and `run` ask a device in.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use isoflop_suite::Precision;
use isoflop_train::{
    AdapterFacts, Backend, DeviceName, check, computes, copy_peak, default_cache, multiply_peak,
    on_threads, open_device,
};

use crate::children::tell;
use crate::probing::{Finding, Rate};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// List the devices of a backend.
    #[arg(long, value_name = "BACKEND")]
    list: Option<String>,
    /// The device to ask.
    #[arg(long)]
    device: Option<DeviceName>,
    /// Measure what it computes in and its peaks.
    #[arg(long)]
    measure: bool,
    /// Check its training in this precision.
    #[arg(long)]
    check: Option<Precision>,
    /// Where prepared corpora are kept.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

pub fn probe(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(word) = &arguments.list {
        doing("listing adapters")?;
        for backend in Backend::ALL.into_iter().filter(|it| it.as_str() == word) {
            for name in backend.devices() {
                tell(&Finding::Device { name })?;
            }
        }
    }
    let Some(device) = &arguments.device else {
        return Ok(ExitCode::SUCCESS);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    on_threads(cores, || {
        match (arguments.measure, arguments.check) {
            (true, _) => measure(device)?,
            (false, None) => {
                doing("opening the adapter")?;
                tell(&Finding::Adapter(AdapterFacts::of(device)?))?;
            }
            (false, Some(precision)) => {
                doing(&format!("the training check in {precision}"))?;
                let cache = arguments.cache.clone().unwrap_or_else(default_cache);
                tell(&Finding::Check(check(device, precision, &cache)?))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

fn measure(name: &DeviceName) -> anyhow::Result<()> {
    doing("the first kernel")?;
    let begin = Instant::now();
    let device = open_device(name)?;
    let started = computes(&device, Precision::F32);
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(started, "a product of small matrices came out wrong");
    tell(&Finding::Started { seconds })?;
    doing("asking what it computes in")?;
    let precisions = Precision::ALL
        .into_iter()
        .filter(|precision| computes(&device, *precision))
        .collect();
    tell(&Finding::Precisions { precisions })?;
    doing("measuring memory copies")?;
    let rate = copy_peak(&device)?;
    tell(&Finding::Copy { rate })?;
    // What mixed precisions multiply in is among these.
    for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
        if computes(&device, precision) {
            doing(&format!("measuring matrix multiplies in {precision}"))?;
            let rate = multiply_peak(&device, precision)?;
            tell(&Finding::Multiply(Rate { precision, rate }))?;
        }
    }
    Ok(())
}

fn doing(what: &str) -> std::io::Result<()> {
    tell(&Finding::Doing {
        what: what.to_owned(),
    })
}

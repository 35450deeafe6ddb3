//! A child that asks a device what it is, how fast, and whether it trains as it should.

use std::path::Path;
use std::time::Instant;

use isoflop_device::{AdapterFacts, Rate, Subject, computes, copy_peak, multiply_peak};
use isoflop_suite::{Backend, Precision};
use isoflop_train::{devices_of, open_device};

use super::doing;
use crate::training::children::{Message, send};

/// Lists the devices of a backend.
pub fn list(word: &str) -> anyhow::Result<()> {
    doing("listing adapters")?;
    for backend in Backend::ALL.into_iter().filter(|it| it.as_str() == word) {
        for name in devices_of(backend) {
            send(&Message::Device { name })?;
        }
    }
    Ok(())
}

/// Asks adapter and driver.
pub fn identify(subject: &Subject) -> anyhow::Result<()> {
    doing("opening the adapter")?;
    send(&Message::Adapter(AdapterFacts::of(&subject.device())?))?;
    Ok(())
}

/// Checks training in a precision.
pub fn check(subject: &Subject, precision: Precision, cache: &Path) -> anyhow::Result<()> {
    doing(&format!("the training check in {precision}"))?;
    let check = isoflop_device::check(subject, precision, cache)?;
    send(&Message::Check(check))?;
    Ok(())
}

/// Measures what a device computes in, and its peaks.
pub fn measure(subject: &Subject) -> anyhow::Result<()> {
    doing("the first kernel")?;
    let begin = Instant::now();
    let device = open_device(&subject.device())?;
    let started = computes(&device, Precision::F32);
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(started, "a product of small matrices came out wrong");
    send(&Message::Started { seconds })?;
    doing("asking what it computes in")?;
    let precisions = Precision::ALL
        .into_iter()
        .filter(|precision| computes(&device, *precision))
        .collect();
    send(&Message::Precisions { precisions })?;
    doing("measuring memory copies")?;
    let rate = copy_peak(&device)?;
    send(&Message::Copy { rate })?;
    // What mixed precisions multiply in is among these.
    for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
        if computes(&device, precision) {
            doing(&format!("measuring matrix multiplies in {precision}"))?;
            let rate = multiply_peak(&device, precision)?;
            send(&Message::Multiply(Rate { precision, rate }))?;
        }
    }
    Ok(())
}

//! Fits, slices and allocations for people.

mod advice;
mod compete;
mod law;
mod misfit;
#[cfg(feature = "train")]
mod noise;
mod rows;
mod slices;

use isoflop_law::Record;

pub use advice::{advise, allocations};
pub use compete::compete;
#[cfg(feature = "train")]
pub use noise::scatter;

/// A record for people.
pub fn describe(record: &Record) -> String {
    match record {
        Record::Law(record) => law::law(record),
        Record::Isoflop(record) => slices::slices(record),
    }
}

/// Every line moved to the right.
fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| format!("{pad}{line}\n")).collect()
}

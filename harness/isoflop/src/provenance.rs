//! What made a result.

use std::collections::BTreeMap;

use isoflop_ledger::{Attempt, FORMAT, RunProvenance, RunRecord, text_hash};
use isoflop_suite::{Outcome, PlannedCell};
use isoflop_train::Machine;

use crate::protocol::Assignment;
use crate::suite::Suite;

/// Of Burn, CubeCL, rayon and the C library: what can change numbers or speed.
const ENVIRONMENT: [&str; 5] = ["BURN_", "CUBECL_", "RAYON_", "WGPU_", "MALLOC_"];

/// Cargo features of this build.
const FEATURES: &[&str] = &[
    "train",
    #[cfg(feature = "vulkan")]
    "vulkan",
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "rocm")]
    "rocm",
    #[cfg(feature = "metal")]
    "metal",
];

/// Variables of the environment whose names begin so.
pub fn environment(prefixes: &[&str]) -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// What is published of an outcome.
pub fn result_record(
    assignment: &Assignment,
    suite: &Suite,
    planned: &PlannedCell,
    attempt: &Attempt,
    outcome: Outcome,
) -> RunRecord {
    let standing = &assignment.standing;
    let adapter = standing.adapter.as_ref();
    let verdict = standing.verdict(planned.cell.training.precision);
    RunRecord {
        format: FORMAT,
        id: planned.id.clone(),
        attempt: attempt.number(),
        tries: attempt.tries(),
        device: suite.device.to_string(),
        adapter: adapter.map(|adapter| adapter.name.clone()),
        driver: adapter.and_then(|adapter| adapter.driver.clone()),
        device_check: Some(verdict.as_str().to_owned()),
        threads: assignment.threads,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bytes_per_token: suite.corpus.facts.bytes_per_token,
        entropy_rate: suite.corpus.entropy_rate,
        outcome,
        steps_sha256: None,
        provenance: Some(provenance(assignment, suite)),
    }
}

fn provenance(assignment: &Assignment, suite: &Suite) -> RunProvenance {
    let machine = Machine::here();
    RunProvenance {
        commit: option_env!("ISOFLOP_COMMIT").map(str::to_owned),
        dirty: option_env!("ISOFLOP_DIRTY").map(|dirty| dirty == "true"),
        cargo_lock_sha256: text_hash(include_str!("../../../Cargo.lock")),
        features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
        command: assignment.command.clone(),
        system: machine.system,
        processor: machine.processor,
        environment: environment(&ENVIRONMENT),
        corpus_sha256: suite.corpus.facts.sha256.clone(),
    }
}

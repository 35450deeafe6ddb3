//! What made a result.

use std::collections::BTreeMap;

use isoflop_ledger::{RunProvenance, text_hash};
use isoflop_train::{Corpus, Machine};

/// Of Burn, CubeCL, rayon and the C library: what can change numbers or speed.
const ENVIRONMENT: [&str; 5] = ["BURN_", "CUBECL_", "RAYON_", "WGPU_", "MALLOC_"];

/// What this process is, for the results that it publishes.
pub fn provenance(corpus: &Corpus) -> RunProvenance {
    let machine = Machine::here();
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ENVIRONMENT.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    RunProvenance {
        commit: option_env!("ISOFLOP_COMMIT").map(str::to_owned),
        dirty: option_env!("ISOFLOP_DIRTY").map(|dirty| dirty == "true"),
        cargo_lock_sha256: text_hash(include_str!("../../../Cargo.lock")),
        features: vec!["train".to_owned()],
        command: std::env::args().collect(),
        system: machine.system,
        processor: machine.processor,
        environment,
        corpus_sha256: corpus.facts.sha256.clone(),
    }
}

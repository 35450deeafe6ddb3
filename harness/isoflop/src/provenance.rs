//! What made a result.

use std::collections::BTreeMap;

use isoflop_ledger::{RunProvenance, text_hash};
use isoflop_train::{Corpus, Machine};

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

/// What this process is, for the results that it publishes.
pub fn provenance(corpus: &Corpus) -> RunProvenance {
    let machine = Machine::here();
    RunProvenance {
        commit: option_env!("ISOFLOP_COMMIT").map(str::to_owned),
        dirty: option_env!("ISOFLOP_DIRTY").map(|dirty| dirty == "true"),
        cargo_lock_sha256: text_hash(include_str!("../../../Cargo.lock")),
        features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
        command: std::env::args().collect(),
        system: machine.system,
        processor: machine.processor,
        environment: environment(&ENVIRONMENT),
        corpus_sha256: corpus.facts.sha256.clone(),
    }
}

//! What this program is built from, and what of its environment changes numbers or speed.

use std::collections::BTreeMap;

use isoflop_files::sha256;

/// The commit, where the program was built in a checkout.
pub const COMMIT: Option<&str> = option_env!("ISOFLOP_COMMIT");

/// Whether the checkout had changes that a build sees.
pub fn dirty() -> Option<bool> {
    option_env!("ISOFLOP_DIRTY").map(|dirty| dirty == "true")
}

/// The hash of the Cargo.lock that it was built with.
pub fn cargo_lock_sha256() -> String {
    sha256(include_str!("../../../../Cargo.lock"))
}

/// Cargo features of this build.
pub const FEATURES: &[&str] = &[
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

/// The user's command line, with the program by its name wherever it lies.
pub fn command_line() -> Vec<String> {
    let words = std::env::args().skip(1);
    ["isoflop".to_owned()].into_iter().chain(words).collect()
}

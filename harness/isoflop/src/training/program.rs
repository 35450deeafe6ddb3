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
    #[cfg(feature = "autotune")]
    "autotune",
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
pub fn variables(prefixes: &[&str]) -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// Settings of Burn, CubeCL, rayon, wgpu and the C library that can change numbers or speed.
const SETTINGS: [&str; 19] = [
    "BURN_DEVICE",
    "BURN_FUSION_MAX_EXPLORATIONS",
    "CUBECL_AUTOTUNE_BENCH_ADAPTIVE",
    "CUBECL_AUTOTUNE_CACHE",
    "CUBECL_AUTOTUNE_LEVEL",
    "CUBECL_AUTOTUNE_SHORT_CIRCUIT",
    "CUBECL_ENVIRONMENT",
    "CUBECL_WGPU_DEFAULT_DEVICE",
    "CUBECL_WGPU_MAX_TASKS",
    "ISOFLOP_INSTRUCTIONS",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
    "RAYON_NUM_THREADS",
    "WGPU_ADAPTER_NAME",
    "WGPU_BACKEND",
    "WGPU_DX12_COMPILER",
    "WGPU_POWER_PREF",
];

/// Values of settings that may be told to others, beside numbers.
const WORDS: [&str; 22] = [
    "avx2",
    "avx512",
    "balanced",
    "cpu",
    "cuda",
    "dx12",
    "dxc",
    "extensive",
    "flex",
    "full",
    "fxc",
    "gl",
    "high",
    "local",
    "low",
    "metal",
    "minimal",
    "neon",
    "portable",
    "target",
    "vulkan",
    "wgpu",
];

/// The settings of the environment that can change numbers or speed, of those that are set. What a
/// variable holds is told only where it is a number or a word known to say nothing of the user:
/// results are given to others.
pub fn environment() -> BTreeMap<String, String> {
    let told = |value: String| {
        let plain = value.parse::<f64>().is_ok() || WORDS.contains(&value.as_str());
        if plain { value } else { "(set)".to_owned() }
    };
    let set = SETTINGS.iter().filter_map(|name| {
        let value = std::env::var_os(name)?.to_string_lossy().into_owned();
        Some(((*name).to_owned(), told(value)))
    });
    set.collect()
}

/// The user's command line, with the program by its name wherever it lies.
pub fn command_line() -> Vec<String> {
    let words = std::env::args().skip(1);
    ["isoflop".to_owned()].into_iter().chain(words).collect()
}

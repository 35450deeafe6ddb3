//! The Rust sources of the dependencies this program is locked to: real text that every machine
//! which built the program has, and the same bytes wherever the same `Cargo.lock` was built.

use std::path::PathBuf;

use isoflop_suite::CargoCorpus;
use serde::Deserialize;

use crate::CorpusError;
use crate::text::{TextFile, below};

/// The lock file of this build.
const LOCK: &str = include_str!("../../../Cargo.lock");

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// The `.rs` files of the named packages, package by package in the order given, each package's
/// files in the order of their paths.
pub fn sources(corpus: &CargoCorpus) -> Result<Vec<TextFile>, CorpusError> {
    let lock: Lock = toml::from_str(LOCK).expect("Cargo.lock is TOML");
    let registries = registries();
    let mut all = Vec::new();
    for name in &corpus.crates {
        let package = lock
            .package
            .iter()
            .rfind(|package| package.name == *name && package.source.is_some())
            .ok_or_else(|| CorpusError::NotLocked(name.clone()))?;
        let folder = format!("{}-{}", package.name, package.version);
        let root = registries
            .iter()
            .map(|registry| registry.join(&folder))
            .find(|path| path.is_dir())
            .ok_or_else(|| CorpusError::NoSources {
                package: folder.clone(),
                searched: registries.clone(),
            })?;
        let rust = |path: &std::path::Path| path.extension().is_some_and(|ext| ext == "rs");
        all.extend(below(&root, &folder, rust)?);
    }
    Ok(all)
}

/// Folders that hold unpacked packages: one per registry or mirror of it.
fn registries() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")) else {
        return Vec::new();
    };
    let mut found: Vec<_> = std::fs::read_dir(&sources)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    if found.is_empty() {
        found.push(sources);
    }
    found
}

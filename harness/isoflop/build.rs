//! What the program is built from: a commit, whether the checkout has changes, and the Cargo.lock.

use std::path::Path;
use std::process::Command;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let git = |words: &[&str]| -> Option<String> {
        let output = Command::new("git")
            .args(words)
            .current_dir(&root)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // Changes to tracked files that a build sees; results and figures are no part of a build.
    let sources = ["Cargo.toml", "Cargo.lock", "harness"];
    let mut version = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo:rustc-env=ISOFLOP_COMMIT={commit}");
        let mut words = vec!["status", "--porcelain", "--"];
        words.extend(sources);
        if let Some(changes) = git(&words) {
            println!("cargo:rustc-env=ISOFLOP_DIRTY={}", !changes.is_empty());
            let dirty = if changes.is_empty() { "" } else { ", changed" };
            version += &format!(" ({}{dirty})", &commit[..12]);
        }
    }
    println!("cargo:rustc-env=ISOFLOP_VERSION={version}");
    for path in sources {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    for path in [".git/HEAD", ".git/logs/HEAD"] {
        let path = root.join(path);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
}

//! Where things lie.

use std::path::{Path, PathBuf};

/// The figures' folder of a folder of results: `results/SUITE/DEVICE` has `plots/SUITE/DEVICE`, and
/// any other folder has `plots` in it.
pub fn plots_of(results: &Path) -> PathBuf {
    let parts: Vec<_> = results.components().collect();
    let Some(at) = parts.iter().rposition(|part| part.as_os_str() == "results") else {
        return results.join("plots");
    };
    let before: PathBuf = parts[..at].iter().collect();
    let after: PathBuf = parts[at + 1..].iter().collect();
    before.join("plots").join(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_mirror_results() {
        let of = |path: &str| plots_of(Path::new(path)).display().to_string();
        assert_eq!(of("results/quick/flex"), "plots/quick/flex");
        assert_eq!(
            of("/a/results/reference/quick/flex"),
            "/a/plots/reference/quick/flex"
        );
        assert_eq!(of("/a/b"), "/a/b/plots");
    }
}

//! Where things lie.

use std::path::{Component, Path, PathBuf};

/// The figures' folder of a folder of results: `results/SUITE/DEVICE` has `plots/SUITE/DEVICE`, any
/// other folder has `plots` in it. In a folder that the user names, SUITE and DEVICE are kept apart too.
pub fn plots_of(results: &Path, named: Option<&Path>) -> PathBuf {
    let parts: Vec<_> = results
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    if let Some(named) = named {
        let last = &parts[parts.len().saturating_sub(2)..];
        let names = last
            .iter()
            .filter(|part| matches!(part, Component::Normal(_)));
        return named.join(names.collect::<PathBuf>());
    }
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
        let of = |path: &str| plots_of(Path::new(path), None).display().to_string();
        assert_eq!(of("results/quick/flex"), "plots/quick/flex");
        assert_eq!(
            of("/a/results/reference/quick/flex"),
            "/a/plots/reference/quick/flex"
        );
        assert_eq!(of("/a/b"), "/a/b/plots");
    }

    #[test]
    fn a_named_folder_keeps_suites_and_devices_apart() {
        let of = |path: &str| {
            plots_of(Path::new(path), Some(Path::new("p")))
                .display()
                .to_string()
        };
        assert_eq!(of("results/quick/flex"), "p/quick/flex");
        assert_eq!(of("../quick/flex/"), "p/quick/flex");
        assert_eq!(of("flex"), "p/flex");
    }
}

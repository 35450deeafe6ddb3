//! What ships: suites that plan, and results that are still what they say.

use std::fs;

use crate::support::{Place, project};

#[test]
fn every_suite_is_planned() {
    let place = Place::new();
    let mut names = Vec::new();
    for entry in fs::read_dir(project().join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        place
            .isoflop(&format!("plan {} --json", path.display()))
            .code(0)
            .says("\"id\"");
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "backends",
            "gpu",
            "isoflop",
            "kaplan",
            "known-entropy",
            "quick",
            "width-depth"
        ]
    );
}

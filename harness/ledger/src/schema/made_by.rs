//! What made the result.

use super::{CellColumn, column};
use crate::{Finished, RunProvenance};

pub const COLUMNS: &[CellColumn] = &[
    column!(
        "commit",
        "",
        "commit that the program was built from",
        |it| made(it, |by| by.commit.clone())
    ),
    column!("dirty", "", "whether its checkout had changes", |it| made(
        it,
        |by| by.dirty
    )),
    column!(
        "cargo_lock_sha256",
        "",
        "hash of its Cargo.lock",
        |it| made(it, |by| Some(by.cargo_lock_sha256.clone()))
    ),
    column!("features", "", "Cargo features of the build", |it| made(
        it,
        |by| Some(by.features.join(" "))
    )),
    column!("command", "", "the user's command line", |it| made(
        it,
        |by| Some(by.command.join(" "))
    )),
    column!(
        "system",
        "",
        "operating system and architecture",
        |it| made(it, |by| Some(by.system.clone()))
    ),
    column!(
        "node",
        "",
        "the machine of a cluster that it was trained on",
        |it| made(it, |by| by.node.clone())
    ),
    column!("processor", "", "the processor's name", |it| made(
        it,
        |by| by.processor.clone()
    )),
    column!(
        "instructions",
        "",
        "vector instructions of the processor, where it trained",
        |it| made(it, |by| by.instructions.clone())
    ),
    column!(
        "environment",
        "",
        "settings of the environment that change numbers or speed",
        |it| made(it, |by| Some(environment(by)))
    ),
];

fn made<T>(it: &Finished, of: impl Fn(&RunProvenance) -> Option<T>) -> Option<T> {
    it.run.provenance.as_ref().and_then(of)
}

fn environment(by: &RunProvenance) -> String {
    let settings = by.environment.iter();
    let settings: Vec<String> = settings
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    settings.join(" ")
}

//! Which run it is, and how it ended.

use isoflop_suite::Verdict;

use super::{CellColumn, column, names};

pub const COLUMNS: &[CellColumn] = &[
    column!(
        names::CELL,
        "",
        "id of the cell: a hash of all that decides its result",
        |it| it.cell.id.to_string()
    ),
    column!(
        names::PLANNED,
        "",
        "whether the present definition asks for the cell",
        |it| it.planned
    ),
    column!("device", "", "device that trained it", |it| it
        .run
        .device
        .clone()),
    column!("adapter", "", "the GPU, as its driver names it", |it| it
        .run
        .adapter
        .clone()),
    column!(
        "driver",
        "",
        "driver, its version and its interface",
        |it| it.run.driver.clone()
    ),
    column!(
        "device_check",
        "",
        "verdict on the device in the cell's precision: trusted, untrusted or untested",
        |it| it.run.device_check.unwrap_or(Verdict::Untested).as_str()
    ),
    column!(
        names::STATUS,
        "",
        "done, diverged, out-of-memory, failed or excluded",
        |it| it.status().as_str()
    ),
    column!("reason", "", "why it is not done", |it| it
        .reason()
        .map(str::to_owned)),
    column!("attempt", "", "which attempt published the result", |it| it
        .run
        .attempt),
    column!("version", "", "version of isoflop", |it| it
        .run
        .version
        .clone()),
];

//! What made a result.

use isoflop_ledger::{Attempt, FORMAT, RunProvenance, RunRecord};
use isoflop_machine::{Machine, Place};
use isoflop_suite::{Outcome, PlannedCell};
use isoflop_train::instruction_set;

use crate::planning::Suite;
use crate::training::program;

use super::Assignment;

/// What is published of an outcome.
pub fn result_record(
    assignment: &Assignment,
    suite: &Suite,
    planned: &PlannedCell,
    attempt: &Attempt,
    outcome: Outcome,
) -> RunRecord {
    let standing = &assignment.standing;
    let adapter = standing.adapter.as_ref();
    let verdict = standing.verdict(planned.cell.training.precision);
    RunRecord {
        format: FORMAT,
        id: planned.id.clone(),
        attempt: attempt.number(),
        tries: attempt.tries(),
        device: suite.device.to_string(),
        adapter: adapter.map(|adapter| adapter.name.clone()),
        driver: adapter.and_then(|adapter| adapter.driver.clone()),
        device_check: Some(verdict),
        threads: assignment.threads,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bytes_per_token: bytes_per_token(suite, planned),
        entropy_rate: suite.corpus.entropy_rate,
        outcome,
        steps_sha256: None,
        provenance: Some(provenance(assignment, suite)),
    }
}

/// Bytes of text for each token, of the documents that the cell is scored on.
fn bytes_per_token(suite: &Suite, planned: &PlannedCell) -> Option<f64> {
    let end = planned.cell.evaluation.tokens;
    let documents = suite.corpus.held_out.iter();
    let scored = documents.take_while(|it| it.start + it.tokens <= end + 1);
    let sums = scored.map(|it| (it.bytes, it.tokens));
    match sums.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1)) {
        (0, _) | (_, 0) => suite.corpus.facts.bytes_per_token,
        (bytes, tokens) => Some(bytes as f64 / tokens as f64),
    }
}

fn provenance(assignment: &Assignment, suite: &Suite) -> RunProvenance {
    let machine = Machine::here();
    RunProvenance {
        commit: program::COMMIT.map(str::to_owned),
        dirty: program::dirty(),
        cargo_lock_sha256: program::cargo_lock_sha256(),
        features: program::FEATURES
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        command: assignment.command.clone(),
        system: machine.system,
        processor: machine.processor,
        instructions: suite
            .device
            .is_processor()
            .then(|| instruction_set().to_string()),
        environment: program::environment(),
        corpus_sha256: suite.corpus.facts.sha256.clone(),
        node: Place::here().and_then(|place| place.node),
    }
}

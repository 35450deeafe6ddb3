//! What made a result.

use isoflop_ledger::{Attempt, FORMAT, RunProvenance, RunRecord};
use isoflop_machine::{Machine, Place};
use isoflop_suite::{Outcome, PlannedCell};
use isoflop_train::{Scored, instruction_set};

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
    let scored = Scored::held_out(&planned.cell, &suite.corpus);
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
        bytes_per_token: scored
            .bytes_per_token()
            .or(suite.corpus.facts.bytes_per_token),
        entropy_rate: suite.corpus.entropy_rate,
        outcome,
        steps_sha256: None,
        provenance: Some(provenance(assignment, suite)),
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

//! What other programs call a run that came to its end.

use isoflop_ledger::{Columns, names};

/// Words for it, in small letters.
const FINISHED: [&str; 9] = [
    "done",
    "ok",
    "finished",
    "success",
    "successful",
    "succeeded",
    "complete",
    "completed",
    "finish",
];

/// Words for a run that did not, as W&B and others have them.
const UNFINISHED: [&str; 8] = [
    "running",
    "crashed",
    "failed",
    "killed",
    "pending",
    "preempted",
    "diverged",
    "queued",
];

/// The status of every row: of the column `status`, or of one called `state`, where all its words are known to be
/// about runs; empty where there is none.
pub fn statuses(columns: &Columns) -> Vec<String> {
    let named = |wanted: &str| {
        columns
            .names()
            .into_iter()
            .find(|name| name.to_lowercase() == wanted)
    };
    if let Some(name) = named(names::STATUS) {
        return columns.words(&name);
    }
    let states = named("state").map(|name| columns.words(&name));
    let known = |word: &String| {
        is_finished(word) || UNFINISHED.contains(&word.trim().to_lowercase().as_str())
    };
    let states = states.filter(|states| states.iter().all(known));
    states.unwrap_or_else(|| vec![String::new(); columns.rows()])
}

/// Whether a run of this status came to its end. A table without statuses has finished runs alone.
pub fn is_finished(status: &str) -> bool {
    status.is_empty() || FINISHED.contains(&status.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words_for_done() {
        assert!(
            ["", "done", "OK", "Finished", "COMPLETED", " success "]
                .into_iter()
                .all(is_finished)
        );
        assert!(
            !["running", "crashed", "failed", "diverged", "excluded"]
                .into_iter()
                .any(is_finished)
        );
    }
}

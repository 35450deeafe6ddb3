//! What other programs call a run that came to its end.

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

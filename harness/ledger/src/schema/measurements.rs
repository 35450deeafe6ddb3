//! What was measured.

use isoflop_suite::Scores;

use super::{CellColumn, column, names};
use crate::Finished;

pub const COLUMNS: &[CellColumn] = &[
    column!(
        names::LOSS,
        "nats per token",
        "mean loss over held-out tokens",
        |it| scores(it).map(|it| it.loss)
    ),
    column!(
        names::LOSS_SE,
        "nats per token",
        "standard error of the loss, between documents",
        |it| scores(it)?.loss_se
    ),
    column!(
        names::LOSS_SE_COMMON,
        "nats per token",
        "the part of it that all cells scored on the same documents share",
        |it| Some(it.spread?.common)
    ),
    column!(
        names::LOSS_SE_OWN,
        "nats per token",
        "the part of it that is the cell's own",
        |it| Some(it.spread?.own)
    ),
    column!(
        names::ORACLE_LOSS,
        "nats per token",
        "loss of the exact language on the tokens scored, where it is known",
        |it| scores(it)?.oracle_loss()
    ),
    column!(
        "excess_se",
        "nats per token",
        "standard error of the loss over that, document by document",
        |it| scores(it)?.excess_se()
    ),
    column!("scored_documents", "", "documents that were scored", |it| {
        scores(it).map_or(0, |it| it.documents.len() as u64)
    }),
    column!(
        "bits_per_byte",
        "bits per byte",
        "the loss per byte of text",
        |it| {
            let nats = scores(it)?.loss;
            Some(nats / std::f64::consts::LN_2 / it.run.bytes_per_token?)
        }
    ),
    column!(
        "train_loss",
        "nats per token",
        "mean training loss over the last twentieth of the steps",
        |it| scores(it)?.train_loss
    ),
    column!(
        "skipped_steps",
        "",
        "steps left out because a 16-bit gradient overflowed",
        |it| it.run.outcome.skipped_steps
    ),
    column!(
        names::ENTROPY_RATE,
        "nats per token",
        "the language's exact entropy rate, where it is known",
        |it| it.run.entropy_rate
    ),
    column!(
        "scored_tokens",
        "tokens",
        "held-out tokens that the loss is the mean of",
        |it| scores(it).map_or(0, |it| it.scored_tokens)
    ),
    column!("threads", "", "processor threads", |it| it.run.threads
        as u64),
    column!(
        "tokens_per_second",
        "tokens per second",
        "throughput after the first three steps",
        |it| it.run.outcome.tokens_per_second
    ),
    column!(
        "seconds_compile",
        "s",
        "the first three steps: compiling and tuning",
        |it| it.run.outcome.seconds.compile
    ),
    column!("seconds_data", "s", "reading batches", |it| it
        .run
        .outcome
        .seconds
        .data),
    column!(
        "seconds_steps",
        "s",
        "training steps after the first three",
        |it| it.run.outcome.seconds.steps
    ),
    column!("seconds_evaluation", "s", "evaluation", |it| it
        .run
        .outcome
        .seconds
        .evaluation),
    column!(
        "peak_memory_bytes",
        "bytes",
        "most memory held: of the GPU, or of the process",
        |it| it.run.outcome.peak_memory
    ),
];

fn scores(it: &Finished) -> Option<&Scores> {
    it.run.outcome.end.scores()
}

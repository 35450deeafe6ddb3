//! What was trained, and how.

use super::{CellColumn, column};

pub const COLUMNS: &[CellColumn] = &[
    column!("seed", "", "seed of initial weights", |it| {
        it.cell.cell.seed
    }),
    column!("order_seed", "", "seed of data order", |it| {
        it.cell.cell.order_seed()
    }),
    column!(
        "replicate",
        "",
        "id of the cell but for its seeds: the same for all its replicates",
        |it| it.cell.cell.replicate().to_string()
    ),
    column!("corpus_sha256", "", "hash of the corpus's tokens", |it| it
        .cell
        .cell
        .corpus
        .sha256
        .clone()),
    column!(
        "tokenizer",
        "",
        "bytes, byte-pairs, a file's, or a grammar's symbols",
        |it| word(&it.cell.cell.corpus.tokenizer)
    ),
    column!("vocabulary", "tokens", "different tokens", |it| it
        .cell
        .cell
        .model
        .vocabulary),
    column!(
        "sequence_length",
        "tokens",
        "length of a training sequence",
        |it| it.cell.cell.model.sequence_length
    ),
    column!("width", "", "width of the residual stream", |it| it
        .cell
        .cell
        .model
        .width),
    column!("depth", "", "layers", |it| it.cell.cell.model.depth),
    column!("heads", "", "attention heads of a layer", |it| it
        .cell
        .cell
        .model
        .heads),
    column!("head_width", "", "width of a head", |it| it
        .cell
        .cell
        .model
        .head_width),
    column!(
        "hidden",
        "",
        "hidden width of the feed-forward block",
        |it| it.cell.cell.model.hidden
    ),
    column!("feed_forward", "", "kind of the feed-forward block", |it| {
        word(&it.cell.cell.model.feed_forward)
    }),
    column!("bias", "", "whether linear layers have biases", |it| it
        .cell
        .cell
        .model
        .bias),
    column!("tied_head", "", "whether the head is the embedding", |it| {
        it.cell.cell.model.tied_head
    }),
    column!("steps", "", "optimizer steps", |it| it
        .cell
        .cell
        .training
        .steps),
    column!("batch", "sequences", "sequences of a step", |it| it
        .cell
        .cell
        .training
        .batch),
    column!(
        "micro_batch",
        "sequences",
        "sequences of a pass through the model",
        |it| it.cell.cell.training.micro_batch
    ),
    column!("schedule", "", "schedule of the learning rate", |it| word(
        &it.cell.cell.training.schedule.kind
    )),
    column!("learning_rate", "", "highest learning rate", |it| it
        .cell
        .cell
        .training
        .schedule
        .learning_rate),
    column!("warmup_steps", "", "steps of the warm-up", |it| it
        .cell
        .cell
        .training
        .schedule
        .warmup_steps),
    column!("decay_steps", "", "steps of the decay", |it| it
        .cell
        .cell
        .training
        .schedule
        .decay_steps),
    column!("beta_1", "", "AdamW's decay of the first moment", |it| it
        .cell
        .cell
        .training
        .optimizer
        .beta_1),
    column!("beta_2", "", "AdamW's decay of the second moment", |it| it
        .cell
        .cell
        .training
        .optimizer
        .beta_2),
    column!(
        "weight_decay",
        "",
        "AdamW's weight decay, of matrices",
        |it| it.cell.cell.training.optimizer.weight_decay
    ),
    column!("gradient_clip", "", "largest norm of the gradient", |it| it
        .cell
        .cell
        .training
        .gradient_clip),
    column!("precision", "", "what a step computes in", |it| word(
        &it.cell.cell.training.precision
    )),
    column!(
        "evaluation_context",
        "tokens",
        "first tokens of a held-out sequence that are not scored",
        |it| it.cell.cell.evaluation.context
    ),
];

fn word<T: serde::Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value).expect("settings are plain data");
    json.as_str()
        .map_or_else(|| json.to_string(), str::to_owned)
}

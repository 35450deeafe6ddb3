//! Parameters, tokens and FLOPs, by formula.

use isoflop_suite::{ParameterCount, TrainingFlops};

use super::{CellColumn, column, names};
use crate::Finished;

pub const COLUMNS: &[CellColumn] = &[
    column!(names::TOKENS, "tokens", "tokens trained on: D", |it| it
        .cell
        .cell
        .tokens()),
    column!(
        "unique_tokens",
        "tokens",
        "how many training tokens, a sample of all, are trained on again and again; where nothing is said no token comes twice",
        |it| it
            .cell
            .cell
            .unique_tokens
            .map_or(it.cell.cell.tokens(), |unique| {
                unique.min(it.cell.cell.tokens())
            })
    ),
    column!(names::PARAMS_TOTAL, "", "all parameters: N", |it| {
        parameters(it).total()
    }),
    column!(
        "params_non_embedding",
        "",
        "parameters but for embedding and head",
        |it| parameters(it).non_embedding()
    ),
    column!(
        "params_embedding",
        "",
        "parameters of the embedding",
        |it| parameters(it).embedding
    ),
    column!(
        "params_attention",
        "",
        "parameters of attention matrices",
        |it| parameters(it).attention
    ),
    column!(
        "params_feed_forward",
        "",
        "parameters of feed-forward matrices",
        |it| parameters(it).feed_forward
    ),
    column!("params_norms", "", "gains of the norms", |it| parameters(
        it
    )
    .norms),
    column!("params_biases", "", "biases", |it| parameters(it).biases),
    column!(
        "params_head",
        "",
        "parameters of the head, where it is not the embedding",
        |it| parameters(it).head
    ),
    column!(
        names::FLOPS_6N_TOTAL,
        "FLOPs",
        "6ND over all parameters: C",
        |it| flops(it).six_n_total
    ),
    column!(
        "flops_6n_non_embedding",
        "FLOPs",
        "6ND without embedding and head",
        |it| flops(it).six_n_non_embedding
    ),
    column!(
        "flops_matmul_full",
        "FLOPs",
        "every matrix multiply, with full attention",
        |it| flops(it).matmul_full
    ),
    column!(
        "flops_matmul_causal",
        "FLOPs",
        "every matrix multiply, with causal attention",
        |it| flops(it).matmul_causal
    ),
    column!(
        names::FLOPS_BUDGET,
        "FLOPs",
        "compute budget that the cell was made for",
        |it| it.cell.flops_budget
    ),
];

fn parameters(it: &Finished) -> ParameterCount {
    it.cell.cell.model.parameters()
}

fn flops(it: &Finished) -> TrainingFlops {
    TrainingFlops::new(&it.cell.cell.model, it.cell.cell.tokens())
}

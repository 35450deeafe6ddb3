//! What training costs, under each convention in use. Losses are compared at equal cost, so a
//! law has to say which of these it means.

use serde::{Deserialize, Serialize};

use crate::{Flops, Model, Tokens};

/// Training FLOPs of one run: forward pass plus a backward pass of twice its cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainingFlops {
    /// C = 6 N D with all parameters (Hoffmann et al. 2022, arXiv:2203.15556).
    pub six_n_total: Flops,
    /// C = 6 N D without embedding and head (Kaplan et al. 2020, arXiv:2001.08361).
    pub six_n_non_embedding: Flops,
    /// Every matrix multiply, each query against every key of its sequence, as the kernels run it
    /// and as Chowdhery et al. 2022 (arXiv:2204.02311, appendix B) count.
    pub matmul_full: Flops,
    /// Every matrix multiply, each query against the keys it may see: what the result needs.
    pub matmul_causal: Flops,
}

impl TrainingFlops {
    /// The cost of training `model` on `tokens` tokens.
    pub fn new(model: &Model, tokens: Tokens) -> Self {
        let count = model.parameters();
        let tokens = tokens as f64;
        let matrices =
            (count.attention + count.feed_forward + model.vocabulary * model.width) as f64;
        let length = model.sequence_length as f64;
        // Scores and their product with the values: 2 x 2 x width FLOPs for each key of a query.
        let per_key = (4 * model.depth * model.width) as f64;
        let forward = |keys: f64| 2.0 * matrices + per_key * keys;
        TrainingFlops {
            six_n_total: 6.0 * count.total() as f64 * tokens,
            six_n_non_embedding: 6.0 * count.non_embedding() as f64 * tokens,
            matmul_full: 3.0 * forward(length) * tokens,
            matmul_causal: 3.0 * forward((length + 1.0) / 2.0) * tokens,
        }
    }
}

//! An estimate of the memory that training takes, to plan with. What a run took is measured.

use crate::{Bytes, FeedForward, Model};

const F32: u64 = 4;

/// Bytes to train `model` in f32 with AdamW on `micro_batch` sequences at a time.
///
/// Weights, gradients and two moments, and the activations that the backward pass reads: per token
/// and block about 16 vectors of the width (residuals, norms, rotations and projections), four per
/// hidden unit of each gate, and five of the attention scores; for the head, five of the
/// vocabulary. An estimate: allocators and kernels add to it.
pub fn training_memory(model: &Model, micro_batch: u64) -> Bytes {
    let states = 4 * model.parameters().total();
    let gates = match model.feed_forward {
        FeedForward::Swiglu => 6,
        FeedForward::Gelu | FeedForward::SquaredRelu => 4,
    };
    let block = 16 * model.width + gates * model.hidden + 5 * model.heads * model.sequence_length;
    let token = model.depth * block + 5 * model.vocabulary;
    F32 * (states + micro_batch * model.sequence_length * token)
}

//! A forecast of the memory that training takes. What a run took is measured.

use crate::{Bytes, Cell, FeedForward, Model, Precision, Tokens};

const F32: f64 = 4.0;

/// Bytes to train `model` in f32 with AdamW on so many sequences at a time.
///
/// Weights, gradients and two moments, of which the last gradients are given back before all are made,
/// and the activations that the backward pass reads: per token and block about 15 vectors of the width
/// (residuals, norms, rotations and projections), some for each hidden unit, and three of the attention
/// scores; for the head, four and a half of the vocabulary. The factors were fitted to peaks measured on
/// a processor, 3.9 k to 43 M parameters, 512 to 2048 tokens a step, which it meets within 8%.
pub fn training_memory(model: &Model, sequences: u64) -> Bytes {
    let states = 3.6 * model.parameters().total() as f64;
    let gates = match model.feed_forward {
        FeedForward::Swiglu => 5.6,
        FeedForward::Gelu | FeedForward::SquaredRelu => 3.7,
    };
    let [width, hidden, depth] = [model.width, model.hidden, model.depth].map(|it| it as f64);
    let scores = model.heads as f64 * model.sequence_length as f64;
    let block = 15.0 * width + gates * hidden + 2.8 * scores;
    let token = depth * block + 4.5 * model.vocabulary as f64;
    let tokens = sequences as f64 * model.sequence_length as f64;
    (F32 * (states + tokens * token)) as Bytes
}

/// Bytes that a process holds beside what it trains: the program and its libraries, and the corpus that
/// it has mapped and read through, of one byte a token.
pub fn process_memory(corpus: Tokens) -> Bytes {
    const PROGRAM: Bytes = 45_000_000;
    PROGRAM + corpus
}

impl Cell {
    /// Sequences that a pass on a processor trains on: a micro-batch, or the part of one that a core's cache holds.
    ///
    /// What one fused operation hands to the next is to stay in the cache. Where it does so in any case parts would only
    /// cost their sums, and where even a part of 512 tokens does not, too. The same on every machine, since the
    /// order of sums is.
    pub fn sequences_in_cache(&self) -> u64 {
        const TOKENS: u64 = 512;
        const CACHE: Bytes = 1 << 20;
        let (model, sequences) = (&self.model, self.training.micro_batch);
        let length = model.sequence_length;
        let fit = |part: u64| 4 * part * length * model.hidden < CACHE;
        let is_part =
            |part: &u64| sequences.is_multiple_of(*part) && part * length <= TOKENS.max(length);
        let part = (1..=sequences).rev().find(is_part).unwrap_or(1);
        let fused = self.training.precision == Precision::F32;
        if fused && fit(part) && !fit(sequences) {
            part
        } else {
            sequences
        }
    }
}

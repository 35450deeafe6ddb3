//! Rules that derive what a definition leaves open. Each decision is printed by `plan` with its
//! reason and its source.

use crate::{FeedForward, Flops};

/// A derived setting, and why it is what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The setting.
    pub setting: &'static str,
    /// Its value, as shown.
    pub value: String,
    /// The rule.
    pub reason: &'static str,
    /// Where the rule is from.
    pub source: &'static str,
}

/// The widest of 64, 32, 16 that leaves two heads; 16 for models too narrow for two.
pub(crate) fn head_width(width: u64) -> (u64, Decision) {
    let fits = |candidate: &u64| {
        width.is_multiple_of(*candidate) && (width / candidate >= 2 || *candidate <= 16)
    };
    let head_width = [64, 32, 16, 8, 4, 2]
        .into_iter()
        .find(fits)
        .unwrap_or(width);
    let decision = Decision {
        setting: "head_width",
        value: head_width.to_string(),
        reason: "64 where that leaves two heads, narrower below, 16 at the least",
        source: "64 from Vaswani et al. 2017 to GPT-3; below width 128 a guess",
    };
    (head_width, decision)
}

/// Hidden units of the feed-forward block, a multiple of 8.
pub(crate) fn hidden(width: u64, kind: FeedForward, ratio: Option<f64>) -> (u64, Option<Decision>) {
    let round =
        |ratio: f64| ((ratio * width as f64 / 8.0).round().max(1.0) as u64).saturating_mul(8);
    if let Some(ratio) = ratio {
        return (round(ratio), None);
    }
    let (ratio, reason, source) = match kind {
        FeedForward::Swiglu => (
            8.0 / 3.0,
            "8/3 of the width, so that three matrices cost what two of 4x would",
            "Shazeer 2020, arXiv:2002.05202",
        ),
        _ => (
            4.0,
            "four times the width",
            "Vaswani et al. 2017, arXiv:1706.03762",
        ),
    };
    let hidden = round(ratio);
    let decision = Decision {
        setting: "hidden",
        value: hidden.to_string(),
        reason,
        source,
    };
    (hidden, Some(decision))
}

/// Sequences per step: a power of two near 512 tokens, more for large budgets.
pub(crate) fn batch(flops: Flops, sequence_length: u64) -> (u64, Decision) {
    let tokens = 512.0 * (flops / 1e12).powf(0.3271).max(1.0);
    let sequences = (tokens / sequence_length as f64).max(1.0);
    let batch = 1u64 << sequences.log2().round().clamp(0.0, 20.0) as u32;
    let decision = Decision {
        setting: "batch",
        value: batch.to_string(),
        reason: "512 tokens, from C = 1e12 growing as C^0.3271, to a power of two of sequences",
        source: "exponent of Bi et al. 2024, arXiv:2401.02954, eq. 1; 512 measured here at C = 4e11",
    };
    (batch, decision)
}

/// Peak learning rate: 0.16 / width.
pub(crate) fn learning_rate(width: u64) -> (f64, Decision) {
    // Four digits: enough for a learning rate, and the same on every machine.
    let rate = format!("{:.3e}", 0.16 / width as f64);
    let decision = Decision {
        setting: "learning_rate",
        value: rate.clone(),
        reason: "0.16 / width",
        source: "1/width of Yang et al. 2022, arXiv:2203.03466; 0.16 measured here at widths 16 to 128",
    };
    (rate.parse().expect("a formatted float"), decision)
}

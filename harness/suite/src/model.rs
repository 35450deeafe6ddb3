//! The shape of a model and how many parameters each of its components has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Parameters;

/// The feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedForward {
    /// `(silu(x W_gate) * x W_up) W_down` (Shazeer 2020, arXiv:2002.05202).
    #[default]
    Swiglu,
    /// `gelu(x W_up) W_down`.
    Gelu,
    /// `relu(x W_up)^2 W_down` (So et al. 2021, arXiv:2109.08668).
    SquaredRelu,
}

impl FeedForward {
    /// Matrices of the block: a gated one has three.
    pub fn matrices(self) -> u64 {
        match self {
            FeedForward::Swiglu => 3,
            FeedForward::Gelu | FeedForward::SquaredRelu => 2,
        }
    }
}

/// A decoder-only transformer, fully resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Token ids run from 0 to below this.
    pub vocabulary: u64,
    /// Tokens per sequence.
    pub sequence_length: u64,
    /// Residual width.
    pub width: u64,
    /// Transformer blocks.
    pub depth: u64,
    /// Attention heads; `heads * head_width == width`.
    pub heads: u64,
    /// Width of one head.
    pub head_width: u64,
    /// Hidden units of the feed-forward block.
    pub hidden: u64,
    /// The feed-forward block.
    pub feed_forward: FeedForward,
    /// Whether linear layers have biases.
    pub bias: bool,
    /// Whether the head shares the embedding's weights.
    pub tied_head: bool,
}

/// Parameters by component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCount {
    /// Token embedding: vocabulary x width.
    pub embedding: Parameters,
    /// Query, key, value and output matrices of every block.
    pub attention: Parameters,
    /// Feed-forward matrices of every block.
    pub feed_forward: Parameters,
    /// RMSNorm gains: two a block and a last one.
    pub norms: Parameters,
    /// Biases of all linear layers.
    pub biases: Parameters,
    /// Head: width x vocabulary, or none where it is the embedding.
    pub head: Parameters,
}

impl ParameterCount {
    /// Every trainable number of the model.
    pub fn total(&self) -> Parameters {
        self.embedding + self.non_embedding() + self.head
    }

    /// Without the two matrices whose size is the vocabulary's, embedding and head, as Kaplan et
    /// al. 2020 (arXiv:2001.08361) count.
    pub fn non_embedding(&self) -> Parameters {
        self.attention + self.feed_forward + self.norms + self.biases
    }
}

impl Model {
    /// Counts parameters by component, by formula.
    pub fn parameters(&self) -> ParameterCount {
        let (vocabulary, width, depth, hidden) =
            (self.vocabulary, self.width, self.depth, self.hidden);
        let gates = self.feed_forward.matrices() - 1;
        let biases_of_a_block = 4 * width + gates * hidden + width;
        ParameterCount {
            embedding: vocabulary * width,
            attention: depth * 4 * width * width,
            feed_forward: depth * self.feed_forward.matrices() * width * hidden,
            norms: (2 * depth + 1) * width,
            biases: if self.bias {
                depth * biases_of_a_block
            } else {
                0
            },
            head: if self.tied_head {
                0
            } else {
                vocabulary * width
            },
        }
    }
}

//! The feed-forward network of a block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu, silu};
use isoflop_suite::{FeedForward, Model};

use super::initial::{self, Initial};
use super::types::Types;

#[derive(Module, Debug)]
pub struct FeedForwardBlock {
    /// Only where the kind is gated.
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
    #[module(skip)]
    kind: FeedForward,
}

impl FeedForwardBlock {
    pub fn new(shape: &Model, initial: &mut Initial) -> Self {
        let (width, hidden) = (shape.width as usize, shape.hidden as usize);
        let mut inner = || initial.linear([width, hidden], initial::fan_in(width), shape.bias);
        let gate = (shape.feed_forward == FeedForward::Swiglu).then(&mut inner);
        let up = inner();
        let out = initial::residual(hidden, shape.depth);
        FeedForwardBlock {
            gate,
            up,
            down: initial.linear([hidden, width], out, shape.bias),
            kind: shape.feed_forward,
        }
    }

    /// # Shapes
    /// - x, output: `[batch, sequence, width]`
    pub fn forward(&self, x: Tensor<3>, types: Types) -> Tensor<3> {
        let hidden = match (&self.gate, self.kind) {
            (Some(gate), _) => silu(types.linear(gate, x.clone())) * types.linear(&self.up, x),
            (None, FeedForward::SquaredRelu) => relu(types.linear(&self.up, x)).square(),
            (None, _) => gelu(types.linear(&self.up, x)),
        };
        types.linear(&self.down, hidden)
    }
}

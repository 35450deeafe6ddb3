//! The feed-forward network of a block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu, silu};
use isoflop_suite::{FeedForward, Model};

use super::initial::{self, Initial};

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
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = match (&self.gate, self.kind) {
            (Some(gate), _) => silu(gate.forward(x.clone())) * self.up.forward(x),
            (None, FeedForward::SquaredRelu) => relu(self.up.forward(x)).square(),
            (None, _) => gelu(self.up.forward(x)),
        };
        self.down.forward(hidden)
    }
}

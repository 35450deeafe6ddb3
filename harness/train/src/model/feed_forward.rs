//! The feed-forward network of a block.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, silu};
use isoflop_suite::{FeedForward, Model};

use super::initial::{self, Initial};
use super::types::Types;
use crate::kernels::{self, Activation};

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

    /// What flows past, with what the network adds to it: by the fused operations, or by Burn's.
    ///
    /// # Shapes
    /// - past, x, output: `[1, batch * sequence, width]`
    pub fn forward(&self, past: Tensor<3>, x: Tensor<3>, fused: bool, types: Types) -> Tensor<3> {
        if fused {
            let up = &self.up;
            let hidden = match (&self.gate, self.kind) {
                (Some(gate), _) => kernels::swiglu(kernels::linear_pair(x, [gate, up])),
                (None, FeedForward::SquaredRelu) => {
                    kernels::activate(kernels::linear(x, up), Activation::SquaredRelu)
                }
                (None, _) => kernels::activate(kernels::linear(x, up), Activation::Gelu),
            };
            return kernels::linear_past(hidden, &self.down, past);
        }
        let up = types.linear(&self.up, x.clone());
        let hidden = match (&self.gate, self.kind) {
            (Some(gate), _) => silu(types.linear(gate, x)) * up,
            (None, FeedForward::SquaredRelu) => relu(up).square(),
            (None, _) => gelu(up),
        };
        past + types.linear(&self.down, hidden)
    }
}

/// By the normal distribution. Burn's own `gelu` is that too, and its gradient that of another function, the form with
/// tanh.
fn gelu(x: Tensor<3>) -> Tensor<3> {
    let share = (x.clone() * FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    x * share
}

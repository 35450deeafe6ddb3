//! Causal multi-head attention.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Tensor};
use isoflop_suite::Model;

use super::initial::{self, Initial};
use super::rotary::Rotary;
use super::types::Types;
use crate::kernels::{self, Turns};

#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

/// How heads are turned by their positions: by Burn's operations, or as a part of the fused ones.
#[derive(Clone, Copy)]
pub struct Positions<'a> {
    pub rotary: &'a Rotary,
    pub fused: Option<&'a Arc<Turns>>,
}

impl Attention {
    pub fn new(shape: &Model, initial: &mut Initial) -> Self {
        let width = shape.width as usize;
        let mut linear = |deviation| initial.linear([width, width], deviation, shape.bias);
        let inner = initial::fan_in(width);
        Attention {
            query: linear(inner),
            key: linear(inner),
            value: linear(inner),
            output: linear(initial::residual(width, shape.depth)),
            heads: shape.heads as usize,
        }
    }

    /// What flows past, with what the attention adds to it.
    ///
    /// # Shapes
    /// - past, x, output: `[1, batch * sequence, width]`
    pub fn forward(
        &self,
        past: Tensor<3>,
        x: Tensor<3>,
        [batch, sequence]: [usize; 2],
        positions: Positions,
        types: Types,
    ) -> Tensor<3> {
        let width = x.dims()[2];
        if let Some(turns) = positions.fused {
            let all = kernels::linear_three(x, [&self.query, &self.key, &self.value]);
            let all = all.reshape([3, batch, sequence, width]);
            let mixed = kernels::attend(all, self.heads, turns);
            let mixed = mixed.reshape([1, batch * sequence, width]);
            return kernels::linear_past(mixed, &self.output, past);
        }
        let rotary = positions.rotary;
        let heads = |layer: &Linear, x: Tensor<3>| {
            let shape = [batch, sequence, self.heads, width / self.heads];
            types.linear(layer, x).reshape(shape)
        };
        let query = rotary.turn(heads(&self.query, x.clone()));
        let key = rotary.turn(heads(&self.key, x.clone()));
        let value = heads(&self.value, x);
        let mixed = mix([query, key, value].map(|x| x.swap_dims(1, 2)), types);
        let mixed = mixed.swap_dims(1, 2).reshape([1, batch * sequence, width]);
        past + types.linear(&self.output, mixed)
    }
}

/// Values mixed by the softmax of scaled scores over earlier positions.
///
/// # Shapes
/// - query, key, value, output: `[batch, heads, sequence, head_width]`
fn mix([query, key, value]: [Tensor<4>; 3], types: Types) -> Tensor<4> {
    if types.multiply == types.through {
        let options = AttentionModuleOptions {
            is_causal: true,
            ..Default::default()
        };
        return attention(query, key, value, None, None, options);
    }
    // Multiplies in one type and the softmax in another.
    let [_, _, sequence, head_width] = query.dims();
    let multiply = |a: Tensor<4>, b: Tensor<4>| {
        a.cast(types.multiply)
            .matmul(b.cast(types.multiply))
            .cast(types.through)
    };
    let later = Tensor::<2, Bool>::tril_mask([sequence, sequence], 0, &query.device());
    let scores = multiply(query, key.swap_dims(2, 3))
        .div_scalar((head_width as f64).sqrt())
        .mask_fill(later.unsqueeze::<4>(), f32::NEG_INFINITY);
    multiply(softmax(scores, 3), value)
}

//! Causal multi-head attention.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use isoflop_suite::Model;

use super::initial::{self, Initial};
use super::rotary::Rotary;

#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
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

    /// # Shapes
    /// - x, output: `[batch, sequence, width]`
    pub fn forward(&self, x: Tensor<3>, rotary: &Rotary) -> Tensor<3> {
        let [batch, sequence, width] = x.dims();
        let heads = |x: Tensor<3>| x.reshape([batch, sequence, self.heads, width / self.heads]);
        let query = rotary
            .turn(heads(self.query.forward(x.clone())))
            .swap_dims(1, 2);
        let key = rotary
            .turn(heads(self.key.forward(x.clone())))
            .swap_dims(1, 2);
        let value = heads(self.value.forward(x)).swap_dims(1, 2);
        let options = AttentionModuleOptions {
            is_causal: true,
            ..Default::default()
        };
        let mixed = attention(query, key, value, None, None, options);
        self.output
            .forward(mixed.swap_dims(1, 2).reshape([batch, sequence, width]))
    }
}

//! The types of numbers a forward pass computes in. Parameters stay in f32 and are cast where they are
//! used, so that their gradients come back in f32.

use burn::nn::{Linear, RmsNorm};
use burn::tensor::{DType, FloatDType, Tensor, module};
use isoflop_suite::Precision;

/// What flows through the model, and what matrix multiplies read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types {
    /// What activations are in.
    pub through: FloatDType,
    /// What matrices are multiplied in.
    pub multiply: FloatDType,
}

impl From<Precision> for Types {
    fn from(precision: Precision) -> Self {
        let (through, multiply) = match precision {
            Precision::F32 => (FloatDType::F32, FloatDType::F32),
            Precision::F16 => (FloatDType::F16, FloatDType::F16),
            Precision::Bf16 => (FloatDType::BF16, FloatDType::BF16),
            Precision::MixedF16 => (FloatDType::F32, FloatDType::F16),
            Precision::MixedBf16 => (FloatDType::F32, FloatDType::BF16),
        };
        Types { through, multiply }
    }
}

impl Types {
    /// A linear layer.
    pub fn linear<const D: usize>(self, layer: &Linear, x: Tensor<D>) -> Tensor<D> {
        let bias = layer.bias.as_ref();
        let bias = bias.map(|bias| bias.val().cast(self.multiply));
        let weight = layer.weight.val().cast(self.multiply);
        module::linear(x.cast(self.multiply), weight, bias).cast(self.through)
    }

    /// An RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467), its mean always in f32.
    pub fn norm(self, layer: &RmsNorm, x: Tensor<3>) -> Tensor<3> {
        let square = x.clone().cast(DType::F32).square().mean_dim(2);
        let rms = (square + layer.epsilon).sqrt().cast(self.through);
        (x / rms) * layer.gamma.val().cast(self.through).unsqueeze()
    }
}

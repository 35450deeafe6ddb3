//! Initial weights, made on the host by a generator of our own, so that a seed means the same
//! weights on every device and in every version of Burn.

use burn::module::Param;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// Source of initial weights, in the order in which they are asked for.
pub struct Initial<'a> {
    rng: ChaCha8Rng,
    device: &'a Device,
}

/// Standard deviation of a matrix read by `fan_in` inputs: GPT-2's 0.02 at its width of 768, kept
/// in proportion to `fan_in^-1/2` so that activations have one scale at every width.
pub fn fan_in(fan_in: usize) -> f64 {
    0.02 * (768.0 / fan_in as f64).sqrt()
}

/// The same for a matrix that writes to the residual stream, which `2 depth` matrices do: their
/// sum keeps its scale at every depth (Radford et al. 2019, section 2.3).
pub fn residual(inputs: usize, depth: u64) -> f64 {
    fan_in(inputs) / (2.0 * depth as f64).sqrt()
}

impl<'a> Initial<'a> {
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Initial {
            rng: ChaCha8Rng::seed_from_u64(seed),
            device,
        }
    }

    /// A matrix of independent normal numbers.
    pub fn matrix(&mut self, shape: [usize; 2], deviation: f64) -> Param<Tensor<2>> {
        let normal = Normal::new(0.0, deviation).expect("a deviation is finite and positive");
        let values: Vec<f32> = (0..shape[0] * shape[1])
            .map(|_| normal.sample(&mut self.rng) as f32)
            .collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// A linear layer of `shape` inputs and outputs; biases begin at zero.
    pub fn linear(&mut self, shape: [usize; 2], deviation: f64, bias: bool) -> Linear {
        Linear {
            weight: self.matrix(shape, deviation),
            bias: bias.then(|| self.vector(shape[1], 0.0)),
        }
    }

    /// An RMSNorm whose gains begin at one.
    pub fn norm(&self, width: usize) -> RmsNorm {
        RmsNorm {
            gamma: self.vector(width, 1.0),
            epsilon: 1e-5,
        }
    }

    fn vector(&self, length: usize, value: f32) -> Param<Tensor<1>> {
        Param::from_data(TensorData::new(vec![value; length], [length]), self.device)
    }
}

//! Rotary positions (Su et al. 2021, arXiv:2104.09864).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

/// The slowest pair turns once in `2 pi BASE` positions.
pub const BASE: f64 = 10_000.0;

/// Cosines and sines of every position, and the quarter turn of a head's pairs.
///
/// The turn of `x` by angles is `x cos + (x Q) sin`, with Q the quarter turn. As a product with a
/// small constant matrix it runs in the device's matrix multiply; slices and concatenations, the
/// other way to write it, each copy the tensor forward and backward.
#[derive(Module, Debug)]
pub struct Rotary {
    /// `[sequence, 1, head_width]`.
    cos: Tensor<3>,
    sin: Tensor<3>,
    /// `[head_width, head_width]`.
    quarter_turn: Tensor<2>,
}

impl Rotary {
    pub fn new(sequence: usize, head_width: usize, device: &Device) -> Self {
        let half = head_width / 2;
        let angle = |position: usize, i: usize| {
            position as f64 * BASE.powf(-((i % half) as f64) / half as f64)
        };
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = (0..sequence)
                .flat_map(|position| (0..head_width).map(move |i| of(angle(position, i)) as f32))
                .collect();
            Tensor::from_data(TensorData::new(values, [sequence, 1, head_width]), device)
        };
        // Pair i is (x_i, x_{i + half}); a quarter turn takes it to (-x_{i + half}, x_i).
        let mut turn = vec![0f32; head_width * head_width];
        for i in 0..half {
            turn[(i + half) * head_width + i] = -1.0;
            turn[i * head_width + i + half] = 1.0;
        }
        Rotary {
            cos: table(f64::cos),
            sin: table(f64::sin),
            quarter_turn: Tensor::from_data(
                TensorData::new(turn, [head_width, head_width]),
                device,
            ),
        }
    }

    /// Turns every head by its position.
    ///
    /// # Shapes
    /// - x, output: `[batch, sequence, heads, head_width]`
    pub fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, sequence, heads, head_width] = x.dims();
        let of = x.dtype();
        let rows = x.clone().reshape([batch * sequence * heads, head_width]);
        let turned = rows
            .matmul(self.quarter_turn.clone().cast(of))
            .reshape([batch, sequence, heads, head_width]);
        let up_to = |table: &Tensor<3>| {
            let table = table.clone().slice_dim(0, 0..sequence);
            table.cast(of).unsqueeze::<4>()
        };
        x * up_to(&self.cos) + turned * up_to(&self.sin)
    }
}

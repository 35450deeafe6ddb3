//! Linear layers, alone or added to what flows past them.
//!
//! `y = r + x W`, with r only where it is given. The gradients are `dx = dy W^T`, `dW = x^T dy` and `dr = dy`. A bias, which
//! few models have, is Burn's to add.

use super::matrix::{Matrix, add_product, product};

/// `y` of rows of x, for weights `[inputs, outputs]`.
pub fn forward(x: &[f32], weight: &[f32], inputs: usize, past: Option<&[f32]>) -> Vec<f32> {
    let (x, weight) = (
        Matrix::of_rows(x, inputs),
        Matrix::of_rows(weight, weight.len() / inputs),
    );
    match past {
        Some(past) => {
            let mut y = past.to_vec();
            add_product(x, weight, &mut y);
            y
        }
        None => product(x, weight),
    }
}

/// `dx`.
pub fn of_inputs(dy: &[f32], weight: &[f32], inputs: usize) -> Vec<f32> {
    let outputs = weight.len() / inputs;
    let weight = Matrix::of_rows(weight, outputs);
    product(Matrix::of_rows(dy, outputs), weight.transposed())
}

/// `dW`.
pub fn of_weight(dy: &[f32], x: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let x = Matrix::of_rows(x, inputs);
    product(x.transposed(), Matrix::of_rows(dy, outputs))
}

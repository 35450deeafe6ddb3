//! Linear layers: several of one input, or one that is added to what flows past it.
//!
//! `y = r + x W`, with r only where it is given. The gradients are `dx = dy W^T`, the sum of these for several layers,
//! `dW = x^T dy` and `dr = dy`. A bias, which few models have, is Burn's to add.

use super::matrix::{Matrix, add_product, product, products};

/// `y` of rows of x for each of the weights `[inputs, outputs]`, one after the other.
pub fn forward(x: &[f32], weights: &[&[f32]], inputs: usize) -> Vec<f32> {
    let weights: Vec<Matrix> = weights.iter().map(|it| of_layer(it, inputs)).collect();
    products(Matrix::of_rows(x, inputs), &weights)
}

/// `y` of rows of x, for weights `[inputs, outputs]` and what flows past them.
pub fn forward_past(x: &[f32], weight: &[f32], inputs: usize, past: &[f32]) -> Vec<f32> {
    let mut y = past.to_vec();
    add_product(Matrix::of_rows(x, inputs), of_layer(weight, inputs), &mut y);
    y
}

/// `dx`, of slopes that lie one after the other for several weights.
pub fn of_inputs(dy: &[f32], weights: &[&[f32]], inputs: usize) -> Vec<f32> {
    let layers = dy.chunks_exact(dy.len() / weights.len()).zip(weights);
    let mut layers = layers.map(|(dy, weight)| {
        let weight = of_layer(weight, inputs);
        (Matrix::of_rows(dy, weight.columns), weight.transposed())
    });
    let (dy, weight) = layers.next().expect("a layer");
    let mut dx = product(dy, weight);
    for (dy, weight) in layers {
        add_product(dy, weight, &mut dx);
    }
    dx
}

/// `dW`.
pub fn of_weight(dy: &[f32], x: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let x = Matrix::of_rows(x, inputs);
    product(x.transposed(), Matrix::of_rows(dy, outputs))
}

fn of_layer(weight: &[f32], inputs: usize) -> Matrix<'_> {
    Matrix::of_rows(weight, weight.len() / inputs)
}

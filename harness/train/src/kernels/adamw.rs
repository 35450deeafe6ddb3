//! AdamW in one pass, in place (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), and the norm by which
//! gradients are clipped.

use super::functions::{fma, fold};
use super::lanes::vectorized;

/// What a step does to every number of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWStep {
    /// What gradients are multiplied by first.
    pub scale: f32,
    pub beta_1: f32,
    pub beta_2: f32,
    pub epsilon: f32,
    pub rate: f32,
    /// What is left of a parameter by weight decay.
    pub keep: f32,
    /// Steps so far, with this one.
    pub time: i32,
}

vectorized! {
    /// Moves a parameter `p` and its moments `m` and `v` by its gradient.
    pub fn step(p: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32], by: AdamWStep) {
        let n = p.len();
        let (gradient, m, v) = (&gradient[..n], &mut m[..n], &mut v[..n]);
        let (rest_1, rest_2) = (1.0 - by.beta_1, 1.0 - by.beta_2);
        let (start_1, start_2) = (1.0 - by.beta_1.powi(by.time), 1.0 - by.beta_2.powi(by.time));
        for i in 0..n {
            let gradient = gradient[i] * by.scale;
            m[i] = fma(m[i], by.beta_1, gradient * rest_1);
            v[i] = fma(v[i], by.beta_2, gradient * gradient * rest_2);
            let update = (m[i] / start_1) / ((v[i] / start_2).sqrt() + by.epsilon);
            p[i] = p[i] * by.keep - by.rate * update;
        }
    }
}

vectorized! {
    /// Writes the sum of squares.
    pub fn square(x: &[f32], sum: &mut f32) {
        *sum = fold([x], |[x], sum| fma(x, x, sum));
    }
}

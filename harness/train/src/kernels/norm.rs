//! RMSNorm: with `s = (mean(x^2) + epsilon)^(-1/2)` of a row, `y = gain x s`.
//!
//! With `h = gain dy`, the gradients are `dgain = sum over rows of dy x s` and
//! `dx = s h - x s^3 mean(h x) + dr`, with dr the slopes of what flows past the norm, where something does.

use super::functions::{fma, fold};
use super::lanes::vectorized;

vectorized! {
    /// Puts every row's `y` in its place, and writes its `s`.
    pub fn forward(x: &mut [f32], gain: &[f32], epsilon: f32, s: &mut [f32]) {
        let width = gain.len();
        for (x, s) in x.chunks_exact_mut(width).zip(s) {
            let square = fold([x], |[x], sum| fma(x, x, sum));
            *s = 1.0 / (square / width as f32 + epsilon).sqrt();
            for i in 0..width {
                x[i] *= *s * gain[i];
            }
        }
    }
}

vectorized! {
    /// Puts `dx` in the place of `dy`, and adds to `dgain`.
    pub fn backward(
        x: &[f32],
        gain: &[f32],
        s: &[f32],
        past: Option<&[f32]>,
        dy: &mut [f32],
        dgain: &mut [f32],
    ) {
        let width = gain.len();
        let dgain = &mut dgain[..width];
        let rows = x.chunks_exact(width).zip(dy.chunks_exact_mut(width));
        for (row, ((x, dy), s)) in rows.zip(s).enumerate() {
            let common = fold([x, dy, gain], |[x, dy, gain], sum| fma(dy * gain, x, sum));
            let common = common * s * s * s / width as f32;
            for i in 0..width {
                dgain[i] = fma(dy[i] * s, x[i], dgain[i]);
                dy[i] = dy[i] * gain[i] * s - x[i] * common;
            }
            if let Some(past) = past {
                for (dy, past) in dy.iter_mut().zip(&past[row * width..][..width]) {
                    *dy += past;
                }
            }
        }
    }
}

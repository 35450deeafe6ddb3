//! Activations of the feed-forward network, each beside its derivative.
//!
//! - SwiGLU: `y = g sigmoid(g) u`; with `t = sigmoid(g)`, `dg = dy u (t + g t (1 - t))` and `du = dy g t`.
//! - GELU: `y = x P(x)` with P the normal distribution's, `dx = dy (P(x) + x p(x))` with p its density.
//! - Squared ReLU: `y = max(x, 0)^2`, `dx = 2 dy max(x, 0)`.

use super::functions::{erf, exp};
use super::lanes::vectorized;

/// An activation of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// By the normal distribution (Hendrycks and Gimpel 2016, arXiv:1606.08415).
    Gelu,
    /// The square of what is above zero (So et al. 2021, arXiv:2109.08668).
    SquaredRelu,
}

vectorized! {
    /// Puts `silu(gate) up` in the place of the gate.
    pub fn swiglu(gate: &mut [f32], up: &[f32]) {
        let n = gate.len();
        let up = &up[..n];
        for i in 0..n {
            gate[i] = gate[i] * up[i] / (1.0 + exp(-gate[i]));
        }
    }
}

vectorized! {
    /// Puts `dgate` in the place of the gate, and `dup` in that of `up`.
    pub fn swiglu_backward(gate: &mut [f32], up: &mut [f32], dy: &[f32]) {
        let n = gate.len();
        let (up, dy) = (&mut up[..n], &dy[..n]);
        for i in 0..n {
            let t = 1.0 / (1.0 + exp(-gate[i]));
            let silu = gate[i] * t;
            gate[i] = dy[i] * up[i] * (t + silu * (1.0 - t));
            up[i] = dy[i] * silu;
        }
    }
}

#[inline(always)]
fn normal(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

vectorized! {
    /// Puts the activation of every number in its place.
    pub fn activate(activation: Activation, x: &mut [f32]) {
        match activation {
            Activation::Gelu => {
                for x in x {
                    *x *= normal(*x);
                }
            }
            Activation::SquaredRelu => {
                for x in x {
                    // Not `max`, which would hide a NaN.
                    let above = if *x < 0.0 { 0.0 } else { *x };
                    *x = above * above;
                }
            }
        }
    }
}

vectorized! {
    /// Puts `dx` in the place of `dy`.
    pub fn activate_backward(activation: Activation, x: &[f32], dy: &mut [f32]) {
        // 1 / sqrt(2 pi).
        const DENSITY: f32 = 0.398_942_3;
        let n = dy.len();
        let x = &x[..n];
        match activation {
            Activation::Gelu => {
                for i in 0..n {
                    let density = DENSITY * exp(-0.5 * x[i] * x[i]);
                    dy[i] *= normal(x[i]) + x[i] * density;
                }
            }
            Activation::SquaredRelu => {
                for i in 0..n {
                    let above = if x[i] < 0.0 { 0.0 } else { x[i] };
                    dy[i] *= 2.0 * above;
                }
            }
        }
    }
}

//! The operations of a training step that Burn's own pieces compute in many passes over memory, in one: causal
//! attention with rotary positions, the activations of the feed-forward network, RMSNorm, linear layers of one input or
//! with what flows past them, head and cross-entropy together, and AdamW. Each is a node of the autodiff graph with a backward pass of its
//! own, for f32 on `flex`.
//!
//! Everywhere else the model is computed by Burn's operations, which are also what the check of a device holds these
//! against ([`Transformer::plain`](crate::Transformer::plain)).

mod activation;
mod adamw;
mod attention;
mod backend;
mod functions;
mod head;
mod lanes;
mod linear;
mod matrix;
mod memory;
mod norm;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::{Dispatch, DispatchTensor};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};

pub use activation::Activation;
pub use adamw::AdamWStep;
pub use attention::Turns;
use backend::Fused;
pub use lanes::{InstructionSet, asked, instruction_set};

/// Whether a device computes these.
pub fn are_for(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

/// Values mixed by the softmax of scaled scores over earlier positions, of queries and keys turned by their positions.
///
/// # Shapes
/// - of queries, keys and values: `[3, batch, sequence, heads * head_width]`
/// - output: `[batch, sequence, heads * head_width]`
pub fn attend(of: Tensor<4>, heads: usize, turns: &Arc<Turns>) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::attend(
        of.into_dispatch(),
        heads,
        Arc::clone(turns),
    ))
}

/// A linear layer.
///
/// # Shapes
/// - x: `[1, rows, inputs]`; output: `[1, rows, outputs]`
pub fn linear(x: Tensor<3>, layer: &Linear) -> Tensor<3> {
    let y = <Dispatch as Fused>::linear(x.into_dispatch(), weight(layer));
    biased(Tensor::from_dispatch(y), [layer])
}

/// Two linear layers of one input.
///
/// # Shapes
/// - x: `[1, rows, inputs]`; output: `[2, rows, outputs]`
pub fn linear_pair(x: Tensor<3>, layers: [&Linear; 2]) -> Tensor<3> {
    let [a, b] = layers.map(weight);
    let y = <Dispatch as Fused>::linear_pair(x.into_dispatch(), a, b);
    biased(Tensor::from_dispatch(y), layers)
}

/// Three linear layers of one input.
///
/// # Shapes
/// - x: `[1, rows, inputs]`; output: `[3, rows, outputs]`
pub fn linear_three(x: Tensor<3>, layers: [&Linear; 3]) -> Tensor<3> {
    let [a, b, c] = layers.map(weight);
    let y = <Dispatch as Fused>::linear_three(x.into_dispatch(), a, b, c);
    biased(Tensor::from_dispatch(y), layers)
}

/// A linear layer, its output added to what flows past it.
///
/// # Shapes
/// - x: `[1, rows, inputs]`; past, output: `[1, rows, outputs]`
pub fn linear_past(x: Tensor<3>, layer: &Linear, past: Tensor<3>) -> Tensor<3> {
    let (x, past) = (x.into_dispatch(), past.into_dispatch());
    let y = <Dispatch as Fused>::linear_past(x, weight(layer), past);
    biased(Tensor::from_dispatch(y), [layer])
}

fn weight(layer: &Linear) -> DispatchTensor {
    layer.weight.val().into_dispatch()
}

/// With the biases of the layers, where they have any.
fn biased<const N: usize>(y: Tensor<3>, layers: [&Linear; N]) -> Tensor<3> {
    let biases = layers.iter().filter_map(|layer| layer.bias.as_ref());
    let biases: Vec<Tensor<3>> = biases.map(|bias| bias.val().unsqueeze()).collect();
    if biases.is_empty() {
        y
    } else {
        y + Tensor::cat(biases, 0)
    }
}

/// `silu(gate) * up`, element by element (Shazeer 2020, arXiv:2002.05202).
///
/// # Shapes
/// - of gate and up: `[2, rows, hidden]`; output: `[1, rows, hidden]`
pub fn swiglu(of: Tensor<3>) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::swiglu(of.into_dispatch()))
}

/// An activation, element by element.
pub fn activate(x: Tensor<3>, activation: Activation) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::activate(x.into_dispatch(), activation))
}

/// RMSNorm of every row (Zhang and Sennrich 2019, arXiv:1910.07467). Where x also flows past it, to be joined by what
/// is made of the output, the backward pass adds the slopes of that on its way.
///
/// # Shapes
/// - x, output: `[batch, sequence, width]`; gain: `[width]`
pub fn norm(x: Tensor<3>, gain: Tensor<1>, epsilon: f64, flows_past: bool) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as Fused>::norm(
        x.into_dispatch(),
        gain.into_dispatch(),
        epsilon as f32,
        flows_past,
    ))
}

/// A head: the weights of a linear layer, `[width, vocabulary]`, or an embedding, `[vocabulary, width]`.
pub enum Head {
    /// Of a linear layer.
    Linear(Tensor<2>),
    /// Of the embedding that it is tied to.
    Embedding(Tensor<2>),
}

impl Head {
    fn parts(self) -> (Tensor<2>, bool) {
        match self {
            Head::Linear(weight) => (weight, true),
            Head::Embedding(weight) => (weight, false),
        }
    }
}

/// The cross-entropy of every target, in nats, of a model that is not trained any more. The logits of all tokens are
/// never there at once.
///
/// # Shapes
/// - x: `[batch, sequence, width]`; targets, output: `[batch, sequence]`
pub fn losses(x: Tensor<3>, head: Head, targets: Tensor<2, Int>) -> Tensor<2> {
    let (weight, turned) = head.parts();
    Tensor::from_dispatch(<Dispatch as Fused>::losses(
        x.into_dispatch(),
        weight.into_dispatch(),
        turned,
        targets.into_dispatch(),
    ))
}

/// The mean of the same. Its gradients are made while the logits are at hand.
pub fn mean_loss(x: Tensor<3>, head: Head, targets: Tensor<2, Int>) -> Tensor<1> {
    let (weight, turned) = head.parts();
    Tensor::from_dispatch(<Dispatch as Fused>::mean_loss(
        x.into_dispatch(),
        weight.into_dispatch(),
        turned,
        targets.into_dispatch(),
    ))
}

/// A parameter and its moments, moved by its gradient: in their own memory, where nothing else holds it.
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [moment_1, moment_2]: [Tensor<D>; 2],
    by: AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let (parameter, moment_1, moment_2) = <Dispatch as Fused>::adamw(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        moment_1.into_dispatch(),
        moment_2.into_dispatch(),
        by,
    );
    let moments = [moment_1, moment_2].map(Tensor::from_dispatch);
    (Tensor::from_dispatch(parameter), moments)
}

/// The sum of a tensor's squares.
pub fn square<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as Fused>::square(x.into_dispatch()))
}

//! The kernels as operations of Burn, each with its backward pass. Burn's autodiff keeps what a pass needs.

use std::sync::Arc;

use burn::backend::autodiff::{
    Autodiff,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{AutodiffBackend, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;

use super::activation::{self, Activation};
use super::adamw::{self, AdamWStep};
use super::attention::{self, Sizes, Turns};
use super::head::{self, Batch};
use super::lanes::instruction_set;
use super::linear;
use super::memory::{in_order, numbers, tensor, writable};
use super::norm;

#[backend_extension(Autodiff, Flex)]
pub trait Fused: Backend {
    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        turns: Arc<Turns>,
    ) -> FloatTensor<Self>;
    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    fn linear_past(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        past: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    fn activate(x: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self>;
    fn norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self>;
    fn losses(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        turned: bool,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self>;
    fn mean_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        turned: bool,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self>;
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        by: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    fn square(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn attend(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        heads: usize,
        turns: Arc<Turns>,
    ) -> FlexTensor {
        let [.., y] = attended(query, key, value, heads, &turns).0;
        y
    }

    fn linear(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        through(&in_order(x), &in_order(weight), None)
    }

    fn linear_past(x: FlexTensor, weight: FlexTensor, past: FlexTensor) -> FlexTensor {
        through(&in_order(x), &in_order(weight), Some(&in_order(past)))
    }

    fn swiglu(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
        gated(&in_order(gate), &in_order(up))
    }

    fn activate(x: FlexTensor, activation: Activation) -> FlexTensor {
        activated(&in_order(x), activation)
    }

    fn norm(x: FlexTensor, gain: FlexTensor, epsilon: f32) -> FlexTensor {
        normed(&in_order(x), &in_order(gain), epsilon).0
    }

    fn losses(x: FlexTensor, head: FlexTensor, turned: bool, targets: FlexTensor) -> FlexTensor {
        let (x, head) = (in_order(x), in_order(head));
        let losses = head::losses(batch(&x, &head, turned, &targets), instruction_set());
        tensor(losses, targets.shape())
    }

    fn mean_loss(x: FlexTensor, head: FlexTensor, turned: bool, targets: FlexTensor) -> FlexTensor {
        let losses = numbers(&Self::losses(x, head, turned, targets)).to_vec();
        let sum: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
        tensor(vec![(sum / losses.len() as f64) as f32], Shape::new([1]))
    }

    fn adamw(
        parameter: FlexTensor,
        gradient: FlexTensor,
        moment_1: FlexTensor,
        moment_2: FlexTensor,
        by: AdamWStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let gradient = in_order(gradient);
        let [mut p, mut m, mut v] = [parameter, moment_1, moment_2].map(writable);
        adamw::step(
            instruction_set(),
            p.storage_mut::<f32>(),
            numbers(&gradient),
            m.storage_mut::<f32>(),
            v.storage_mut::<f32>(),
            by,
        );
        (p, m, v)
    }

    fn square(x: FlexTensor) -> FlexTensor {
        let x = in_order(x);
        let mut sum = 0.0;
        adamw::square(instruction_set(), numbers(&x), &mut sum);
        tensor(vec![sum], Shape::new([1]))
    }
}

/// Hands each parent that is tracked its gradient.
macro_rules! hand_on {
    ($grads:ident, $ops:ident, [$($gradient:expr),*]) => {
        for (node, gradient) in $ops.parents.into_iter().zip([$($gradient),*]) {
            if let Some(node) = node {
                $grads.register::<Flex>(node.id, gradient);
            }
        }
    };
}

/// The output of an operation, with what its backward pass will need where a parent is tracked.
macro_rules! tracked {
    ($operation:ident, [$($parent:expr),*], $kept:expr, $y:expr) => {
        match $operation.prepare::<C>([$($parent),*]).compute_bound().stateful() {
            OpsKind::Tracked(kind) => kind.finish($kept, $y),
            OpsKind::UnTracked(kind) => kind.finish($y),
        }
    };
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
        turns: Arc<Turns>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Attend;
        impl Backward<Flex, 3> for Attend {
            type State = ([FlexTensor; 4], Sizes, Arc<Turns>);
            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let dy = in_order(grads.consume::<Flex>(&ops.node));
                let (kept, sizes, turns) = ops.state;
                let [q, k, v, y] = kept.each_ref().map(numbers);
                let set = instruction_set();
                let mut slopes = attention::backward([q, k, v, y, numbers(&dy)], sizes, set);
                for turned in &mut slopes[..2] {
                    attention::turn(turned, &turns, sizes, true, set);
                }
                let [dq, dk, dv] = slopes.map(|slope| tensor(slope, dy.shape()));
                hand_on!(grads, ops, [dq, dk, dv]);
            }
        }
        let ((q, of_q), (k, of_k), (v, of_v)) =
            (query.into_parts(), key.into_parts(), value.into_parts());
        let (kept, sizes) = attended(q, k, v, heads, &turns);
        let y = kept[3].clone();
        tracked!(Attend, [of_q, of_k, of_v], (kept, sizes, turns), y)
    }

    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Linear;
        impl Backward<Flex, 2> for Linear {
            type State = [FlexTensor; 2];
            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let dy = in_order(grads.consume::<Flex>(&ops.node));
                let [x, weight] = ops.state;
                let (dx, dweight) = through_backward(&dy, &x, &weight);
                hand_on!(grads, ops, [dx, dweight]);
            }
        }
        let ((x, of_x), (weight, of_weight)) = (x.into_parts(), weight.into_parts());
        let (x, weight) = (in_order(x), in_order(weight));
        let y = through(&x, &weight, None);
        tracked!(Linear, [of_x, of_weight], [x, weight], y)
    }

    fn linear_past(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        past: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LinearPast;
        impl Backward<Flex, 3> for LinearPast {
            type State = [FlexTensor; 2];
            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let dy = in_order(grads.consume::<Flex>(&ops.node));
                let [x, weight] = ops.state;
                let (dx, dweight) = through_backward(&dy, &x, &weight);
                hand_on!(grads, ops, [dx, dweight, dy]);
            }
        }
        let ((x, of_x), (weight, of_weight)) = (x.into_parts(), weight.into_parts());
        let (past, of_past) = past.into_parts();
        let (x, weight) = (in_order(x), in_order(weight));
        let y = through(&x, &weight, Some(&in_order(past)));
        tracked!(LinearPast, [of_x, of_weight, of_past], [x, weight], y)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Swiglu;
        impl Backward<Flex, 2> for Swiglu {
            type State = [FlexTensor; 2];
            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let mut dy = writable(grads.consume::<Flex>(&ops.node));
                let [gate, up] = ops.state;
                let mut dgate = numbers(&gate).to_vec();
                let (of_up, of_dy) = (numbers(&up), dy.storage_mut::<f32>());
                activation::swiglu_backward(instruction_set(), &mut dgate, of_up, of_dy);
                hand_on!(grads, ops, [tensor(dgate, gate.shape()), dy]);
            }
        }
        let ((gate, of_gate), (up, of_up)) = (gate.into_parts(), up.into_parts());
        let (gate, up) = (in_order(gate), in_order(up));
        let y = gated(&gate, &up);
        tracked!(Swiglu, [of_gate, of_up], [gate, up], y)
    }

    fn activate(x: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Activate;
        impl Backward<Flex, 1> for Activate {
            type State = (FlexTensor, Activation);
            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let mut dy = writable(grads.consume::<Flex>(&ops.node));
                let (x, activation) = ops.state;
                let (of_x, of_dy) = (numbers(&x), dy.storage_mut::<f32>());
                activation::activate_backward(instruction_set(), activation, of_x, of_dy);
                hand_on!(grads, ops, [dy]);
            }
        }
        let (x, of_x) = x.into_parts();
        let x = in_order(x);
        let y = activated(&x, activation);
        tracked!(Activate, [of_x], (x, activation), y)
    }

    fn norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Norm;
        impl Backward<Flex, 2> for Norm {
            type State = ([FlexTensor; 2], Arc<Vec<f32>>);
            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let mut dy = writable(grads.consume::<Flex>(&ops.node));
                let ([x, gain], s) = ops.state;
                let mut dgain = vec![0f32; gain.shape().num_elements()];
                let (of_x, of_gain, of_dy) = (numbers(&x), numbers(&gain), dy.storage_mut::<f32>());
                norm::backward(instruction_set(), of_x, of_gain, &s, of_dy, &mut dgain);
                hand_on!(grads, ops, [dy, tensor(dgain, gain.shape())]);
            }
        }
        let ((x, of_x), (gain, of_gain)) = (x.into_parts(), gain.into_parts());
        let (x, gain) = (in_order(x), in_order(gain));
        let (y, s) = normed(&x, &gain, epsilon);
        tracked!(Norm, [of_x, of_gain], ([x, gain], Arc::new(s)), y)
    }

    fn losses(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        turned: bool,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        // Single losses are of models that are not trained any more.
        Self::from_inner(Flex::losses(
            x.into_parts().0,
            head.into_parts().0,
            turned,
            targets,
        ))
    }

    fn mean_loss(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        turned: bool,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct MeanLoss;
        impl Backward<Flex, 2> for MeanLoss {
            type State = [FlexTensor; 2];
            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let slope = numbers(&in_order(grads.consume::<Flex>(&ops.node)))[0];
                let [dx, dhead] = ops.state.map(|gradient| {
                    let mut gradient = writable(gradient);
                    if slope != 1.0 {
                        gradient
                            .storage_mut::<f32>()
                            .iter_mut()
                            .for_each(|it| *it *= slope);
                    }
                    gradient
                });
                hand_on!(grads, ops, [dx, dhead]);
            }
        }
        let ((x, of_x), (head, of_head)) = (x.into_parts(), head.into_parts());
        let (x, head) = (in_order(x), in_order(head));
        match MeanLoss
            .prepare::<C>([of_x, of_head])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(kind) => {
                let (mean, dx, dhead) = head::mean_with_gradients(
                    batch(&x, &head, turned, &targets),
                    instruction_set(),
                );
                let kept = [tensor(dx, x.shape()), tensor(dhead, head.shape())];
                kind.finish(kept, tensor(vec![mean], Shape::new([1])))
            }
            OpsKind::UnTracked(kind) => kind.finish(Flex::mean_loss(x, head, turned, targets)),
        }
    }

    // An optimizer works on tensors that are not tracked; of tracked ones it would be the same.
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        by: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [parameter, gradient, moment_1, moment_2] =
            [parameter, gradient, moment_1, moment_2].map(|it| it.into_parts().0);
        let (parameter, moment_1, moment_2) =
            Flex::adamw(parameter, gradient, moment_1, moment_2, by);
        let back = |it| Self::from_inner(it);
        (back(parameter), back(moment_1), back(moment_2))
    }

    fn square(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(Flex::square(x.into_parts().0))
    }
}

/// Turned queries and keys, values, and what they give.
fn attended(
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    heads: usize,
    turns: &Turns,
) -> ([FlexTensor; 4], Sizes) {
    let shape = q.shape();
    let sizes = Sizes {
        batch: shape[0],
        sequence: shape[1],
        heads,
        width: shape[2] / heads,
    };
    let set = instruction_set();
    let turn = |x: FlexTensor| {
        let mut x = writable(x);
        attention::turn(x.storage_mut::<f32>(), turns, sizes, false, set);
        x
    };
    let (q, k, v) = (turn(q), turn(k), in_order(v));
    let y = attention::forward([&q, &k, &v].map(numbers), sizes, set);
    ([q, k, v, tensor(y, shape)], sizes)
}

/// A linear layer's output, added to what flows past it.
fn through(x: &FlexTensor, weight: &FlexTensor, past: Option<&FlexTensor>) -> FlexTensor {
    let [inputs, outputs] = [0, 1].map(|at| weight.shape()[at]);
    let y = linear::forward(numbers(x), numbers(weight), inputs, past.map(numbers));
    let mut shape = x.shape();
    let last = shape.num_dims() - 1;
    shape[last] = outputs;
    tensor(y, shape)
}

/// `dx` and `dW`.
fn through_backward(
    dy: &FlexTensor,
    x: &FlexTensor,
    weight: &FlexTensor,
) -> (FlexTensor, FlexTensor) {
    let [inputs, outputs] = [0, 1].map(|at| weight.shape()[at]);
    let dx = linear::of_inputs(numbers(dy), numbers(weight), inputs);
    let dweight = linear::of_weight(numbers(dy), numbers(x), inputs, outputs);
    (tensor(dx, x.shape()), tensor(dweight, weight.shape()))
}

fn gated(gate: &FlexTensor, up: &FlexTensor) -> FlexTensor {
    let mut y = numbers(gate).to_vec();
    activation::swiglu(instruction_set(), &mut y, numbers(up));
    tensor(y, gate.shape())
}

fn activated(x: &FlexTensor, activation: Activation) -> FlexTensor {
    let mut y = numbers(x).to_vec();
    activation::activate(instruction_set(), activation, &mut y);
    tensor(y, x.shape())
}

fn normed(x: &FlexTensor, gain: &FlexTensor, epsilon: f32) -> (FlexTensor, Vec<f32>) {
    let (mut y, of_gain) = (numbers(x).to_vec(), numbers(gain));
    let mut s = vec![0f32; y.len() / of_gain.len()];
    norm::forward(instruction_set(), &mut y, of_gain, epsilon, &mut s);
    (tensor(y, x.shape()), s)
}

fn batch<'a>(
    x: &'a FlexTensor,
    head: &'a FlexTensor,
    turned: bool,
    targets: &'a FlexTensor,
) -> Batch<'a> {
    Batch {
        x: numbers(x),
        head: numbers(head),
        targets: targets.as_slice::<i32>().expect("targets in order"),
        turned,
        width: head.shape()[usize::from(!turned)],
    }
}

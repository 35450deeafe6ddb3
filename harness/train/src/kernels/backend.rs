//! The kernels as operations of Burn, each with its backward pass. Burn's autodiff keeps what a pass needs.

use std::sync::Arc;

use burn::backend::autodiff::{
    Autodiff,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, NodeGuard, Ops, OpsKind},
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

/// `linear`, `linear_pair` and `linear_three` are one operation of one, two and three layers: what makes a trait an
/// extension of Burn takes single tensors alone, not arrays of them.
#[backend_extension(Autodiff, Flex)]
pub trait Fused: Backend {
    fn attend(of: FloatTensor<Self>, heads: usize, turns: Arc<Turns>) -> FloatTensor<Self>;
    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    fn linear_pair(
        x: FloatTensor<Self>,
        weight_1: FloatTensor<Self>,
        weight_2: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn linear_three(
        x: FloatTensor<Self>,
        weight_1: FloatTensor<Self>,
        weight_2: FloatTensor<Self>,
        weight_3: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn linear_past(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        past: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn swiglu(of: FloatTensor<Self>) -> FloatTensor<Self>;
    fn activate(x: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self>;
    fn norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        epsilon: f32,
        flows_past: bool,
    ) -> FloatTensor<Self>;
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
    fn attend(of: FlexTensor, heads: usize, turns: Arc<Turns>) -> FlexTensor {
        let ([_, y], _) = attended(of, heads, &turns);
        y
    }

    fn linear(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        through(&in_order(x), &[weight].map(in_order))
    }

    fn linear_pair(x: FlexTensor, weight_1: FlexTensor, weight_2: FlexTensor) -> FlexTensor {
        through(&in_order(x), &[weight_1, weight_2].map(in_order))
    }

    fn linear_three(
        x: FlexTensor,
        weight_1: FlexTensor,
        weight_2: FlexTensor,
        weight_3: FlexTensor,
    ) -> FlexTensor {
        through(&in_order(x), &[weight_1, weight_2, weight_3].map(in_order))
    }

    fn linear_past(x: FlexTensor, weight: FlexTensor, past: FlexTensor) -> FlexTensor {
        past_through(&in_order(x), &in_order(weight), &in_order(past))
    }

    fn swiglu(of: FlexTensor) -> FlexTensor {
        gated(&in_order(of))
    }

    fn activate(x: FlexTensor, activation: Activation) -> FlexTensor {
        activated(&in_order(x), activation)
    }

    fn norm(x: FlexTensor, gain: FlexTensor, epsilon: f32, _: bool) -> FlexTensor {
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
    ($grads:ident, $ops:ident, $gradients:expr) => {
        for (node, gradient) in $ops.parents.into_iter().zip($gradients) {
            if let Some(node) = node {
                $grads.register::<Flex>(node.id, gradient);
            }
        }
    };
}

/// The output of an operation, with what its backward pass will need where a parent is tracked.
macro_rules! tracked {
    ($operation:ident, $parents:expr, $kept:expr, $y:expr) => {
        match $operation.prepare::<C>($parents).compute_bound().stateful() {
            OpsKind::Tracked(kind) => kind.finish($kept, $y),
            OpsKind::UnTracked(kind) => kind.finish($y),
        }
    };
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn attend(of: FloatTensor<Self>, heads: usize, turns: Arc<Turns>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Attend;
        impl Backward<Flex, 1> for Attend {
            type State = ([FlexTensor; 2], Sizes, Arc<Turns>);
            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let dy = in_order(grads.consume::<Flex>(&ops.node));
                let ([kept, y], sizes, turns) = ops.state;
                let [q, k, v] = parts(&kept);
                let set = instruction_set();
                let of_all = [q, k, v, numbers(&y), numbers(&dy)];
                let mut slopes = attention::backward(of_all, sizes, set);
                attention::turn(&mut slopes[..2 * q.len()], &turns, sizes, true, set);
                hand_on!(grads, ops, [tensor(slopes, kept.shape())]);
            }
        }
        let (of, node) = of.into_parts();
        let (kept, sizes) = attended(of, heads, &turns);
        let y = kept[1].clone();
        tracked!(Attend, [node], (kept, sizes, turns), y)
    }

    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        layers::<C, _>([x, weight])
    }

    fn linear_pair(
        x: FloatTensor<Self>,
        weight_1: FloatTensor<Self>,
        weight_2: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        layers::<C, _>([x, weight_1, weight_2])
    }

    fn linear_three(
        x: FloatTensor<Self>,
        weight_1: FloatTensor<Self>,
        weight_2: FloatTensor<Self>,
        weight_3: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        layers::<C, _>([x, weight_1, weight_2, weight_3])
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
                let mut slopes = through_backward(&dy, &x, &[weight]);
                slopes.push(dy);
                hand_on!(grads, ops, slopes);
            }
        }
        let ((x, of_x), (weight, of_weight)) = (x.into_parts(), weight.into_parts());
        let (past, of_past) = past.into_parts();
        let (x, weight) = (in_order(x), in_order(weight));
        let y = past_through(&x, &weight, &in_order(past));
        tracked!(LinearPast, [of_x, of_weight, of_past], [x, weight], y)
    }

    fn swiglu(of: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Swiglu;
        impl Backward<Flex, 1> for Swiglu {
            type State = FlexTensor;
            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let dy = in_order(grads.consume::<Flex>(&ops.node));
                let mut of = writable(ops.state);
                let (gate, up) = of.storage_mut::<f32>().split_at_mut(numbers(&dy).len());
                activation::swiglu_backward(instruction_set(), gate, up, numbers(&dy));
                hand_on!(grads, ops, [of]);
            }
        }
        let (of, node) = of.into_parts();
        let of = in_order(of);
        let y = gated(&of);
        tracked!(Swiglu, [node], of, y)
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

    fn norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        epsilon: f32,
        flows_past: bool,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Norm;
        impl Backward<Flex, 2> for Norm {
            type State = ([FlexTensor; 2], Arc<Vec<f32>>, bool);
            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let mut dy = writable(grads.consume::<Flex>(&ops.node));
                let ([x, gain], s, flows_past) = ops.state;
                // What flows past joins later than this, so that its slopes are there. They are taken out, since what
                // is handed on has them in it; of a leaf, whose slopes stay, they would count twice. x never is a leaf.
                let of_past = ops.parents[0].as_ref().filter(|_| flows_past);
                let past = of_past.map(|x| in_order(grads.consume::<Flex>(x)));
                let mut dgain = vec![0f32; gain.shape().num_elements()];
                norm::backward(
                    instruction_set(),
                    numbers(&x),
                    numbers(&gain),
                    &s,
                    past.as_ref().map(numbers),
                    dy.storage_mut::<f32>(),
                    &mut dgain,
                );
                hand_on!(grads, ops, [dy, tensor(dgain, gain.shape())]);
            }
        }
        let ((x, of_x), (gain, of_gain)) = (x.into_parts(), gain.into_parts());
        let (x, gain) = (in_order(x), in_order(gain));
        let (y, s) = normed(&x, &gain, epsilon);
        let kept = ([x, gain], Arc::new(s), flows_past);
        tracked!(Norm, [of_x, of_gain], kept, y)
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

/// Layers of one input: their weights come after it.
fn layers<C: CheckpointStrategy, const N: usize>(
    of: [FloatTensor<Autodiff<Flex, C>>; N],
) -> FloatTensor<Autodiff<Flex, C>> {
    #[derive(Debug)]
    struct Layers;
    impl<const N: usize> Backward<Flex, N> for Layers {
        type State = [FlexTensor; N];
        fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
            let dy = in_order(grads.consume::<Flex>(&ops.node));
            let (x, weights) = ops.state.split_first().expect("an input");
            let slopes = through_backward(&dy, x, weights);
            hand_on!(grads, ops, slopes);
        }
    }
    let mut nodes = Vec::with_capacity(N);
    let of = of.map(|it| {
        let (values, node) = it.into_parts();
        nodes.push(node);
        in_order(values)
    });
    let nodes: [NodeGuard; N] = nodes.try_into().expect("a node of each");
    let (x, weights) = of.split_first().expect("an input");
    let y = through(x, weights);
    tracked!(Layers, nodes, of, y)
}

/// Turned queries and keys, values, and what they give.
fn attended(of: FlexTensor, heads: usize, turns: &Turns) -> ([FlexTensor; 2], Sizes) {
    let [_, batch, sequence, row] = [0, 1, 2, 3].map(|at| of.shape()[at]);
    let sizes = Sizes {
        batch,
        sequence,
        heads,
        width: row / heads,
    };
    let set = instruction_set();
    let mut of = writable(of);
    let queries_and_keys = 2 * batch * sequence * row;
    attention::turn(
        &mut of.storage_mut::<f32>()[..queries_and_keys],
        turns,
        sizes,
        false,
        set,
    );
    let y = attention::forward(parts(&of), sizes, set);
    let y = tensor(y, Shape::new([batch, sequence, row]));
    ([of, y], sizes)
}

/// Tensors that lie one after the other in one.
fn parts<const N: usize>(of: &FlexTensor) -> [&[f32]; N] {
    let all = numbers(of);
    let each = all.len() / N;
    std::array::from_fn(|part| &all[part * each..][..each])
}

/// Outputs of linear layers of one input, one after the other.
fn through(x: &FlexTensor, weights: &[FlexTensor]) -> FlexTensor {
    let [inputs, outputs] = [0, 1].map(|at| weights[0].shape()[at]);
    let of_weights: Vec<&[f32]> = weights.iter().map(numbers).collect();
    let y = linear::forward(numbers(x), &of_weights, inputs);
    tensor(y, Shape::new([weights.len(), x.shape()[1], outputs]))
}

/// A linear layer's output, added to what flows past it.
fn past_through(x: &FlexTensor, weight: &FlexTensor, past: &FlexTensor) -> FlexTensor {
    let inputs = weight.shape()[0];
    let y = linear::forward_past(numbers(x), numbers(weight), inputs, numbers(past));
    tensor(y, past.shape())
}

/// `dx` and every `dW`.
fn through_backward(dy: &FlexTensor, x: &FlexTensor, weights: &[FlexTensor]) -> Vec<FlexTensor> {
    let [inputs, outputs] = [0, 1].map(|at| weights[0].shape()[at]);
    let of_weights: Vec<&[f32]> = weights.iter().map(numbers).collect();
    let dx = linear::of_inputs(numbers(dy), &of_weights, inputs);
    let dweights = numbers(dy).chunks_exact(numbers(dy).len() / weights.len());
    let dweights = dweights.zip(weights).map(|(dy, weight)| {
        tensor(
            linear::of_weight(dy, numbers(x), inputs, outputs),
            weight.shape(),
        )
    });
    std::iter::once(tensor(dx, x.shape()))
        .chain(dweights)
        .collect()
}

fn gated(of: &FlexTensor) -> FlexTensor {
    let [gate, up] = parts(of);
    let mut y = gate.to_vec();
    activation::swiglu(instruction_set(), &mut y, up);
    tensor(y, Shape::new([1, of.shape()[1], of.shape()[2]]))
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

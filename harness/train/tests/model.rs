//! The model against computations made another way.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use isoflop_suite::{FeedForward, Model, Precision};
use isoflop_train::{Transformer, cross_entropy};

fn shape(feed_forward: FeedForward, bias: bool, tied_head: bool) -> Model {
    Model {
        vocabulary: 11,
        sequence_length: 6,
        width: 8,
        depth: 2,
        heads: 2,
        head_width: 4,
        hidden: 12,
        feed_forward,
        bias,
        tied_head,
    }
}

fn batch(device: &Device) -> (Tensor<2, Int>, Tensor<2, Int>) {
    let ids = |step: i32| (0..12).map(|i| (i * step + 3) % 11).collect::<Vec<i32>>();
    let tensor = |ids| Tensor::from_data(TensorData::new(ids, [2, 6]), device);
    (tensor(ids(5)), tensor(ids(7)))
}

fn loss(model: &Transformer, device: &Device) -> Tensor<1> {
    let (inputs, targets) = batch(device);
    cross_entropy(model.forward(inputs), targets).mean()
}

/// Every parameter moved by `by` times a fixed pattern; only tensor number `only` is moved.
struct Move {
    only: usize,
    seen: usize,
    by: f32,
}

fn pattern(length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| ((i * 37 + 11) % 17) as f32 / 17.0 - 0.5)
        .collect()
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let number = self.seen;
        self.seen += 1;
        if number != self.only {
            return param;
        }
        let by = self.by;
        param.map(|tensor| {
            let moves: Vec<f32> = pattern(tensor.shape().num_elements())
                .iter()
                .map(|p| p * by)
                .collect();
            let moves = Tensor::from_data(TensorData::new(moves, tensor.shape()), &tensor.device());
            (tensor + moves).detach().require_grad()
        })
    }
}

/// The gradient of each parameter along the same pattern.
struct Slopes<'a> {
    gradients: &'a GradientsParams,
    slopes: Vec<f64>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self
            .gradients
            .get::<D>(param.id)
            .expect("every parameter has a gradient");
        let values: Vec<f32> = gradient.into_data().try_into_vec().unwrap();
        let pattern = pattern(values.len());
        self.slopes.push(
            values
                .iter()
                .zip(pattern)
                .map(|(g, p)| f64::from(*g) * f64::from(p))
                .sum(),
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    for kind in [
        FeedForward::Swiglu,
        FeedForward::Gelu,
        FeedForward::SquaredRelu,
    ] {
        for (bias, tied_head) in [(false, true), (true, false)] {
            let model = Transformer::new(&shape(kind, bias, tied_head), 3, Precision::F32, &device);
            let gradients = GradientsParams::from_grads(loss(&model, &device).backward(), &model);
            let mut slopes = Slopes {
                gradients: &gradients,
                slopes: Vec::new(),
            };
            model.visit(&mut slopes);
            for (only, slope) in slopes.slopes.iter().enumerate() {
                let moved = |by: f32| {
                    let model = model.clone().map(&mut Move { only, seen: 0, by });
                    f64::from(loss(&model, &device).into_scalar::<f32>())
                };
                // Losses near 2.4 are good to 3e-7 in f32, so a slope over this distance is to 5e-5.
                // Further apart, the bends of squared ReLU are worse than rounding.
                let h = 0.005f32;
                let near = (moved(h) - moved(-h)) / (2.0 * f64::from(h));
                let far = (moved(2.0 * h) - moved(-2.0 * h)) / (4.0 * f64::from(h));
                let measured = (4.0 * near - far) / 3.0;
                let error = (measured - slope).abs();
                assert!(
                    error < 2e-4 + 5e-3 * slope.abs(),
                    "{kind:?} {bias} {only}: {measured} {slope}"
                );
            }
        }
    }
}

#[test]
fn no_position_sees_what_follows_it() {
    let device = Device::flex();
    let model = Transformer::new(
        &shape(FeedForward::Swiglu, true, true),
        1,
        Precision::F32,
        &device,
    );
    let logits = |last: i32| -> Vec<f32> {
        let ids = vec![1, 2, 3, 4, 5, last];
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, 6]), &device);
        model.forward(tokens).into_data().try_into_vec().unwrap()
    };
    let (a, b) = (logits(6), logits(9));
    assert_eq!(
        a[..5 * 11],
        b[..5 * 11],
        "logits before the change are the same"
    );
    assert_ne!(a[5 * 11..], b[5 * 11..]);
}

/// Attention depends on distances alone (Su et al. 2021): of one repeated token every position has
/// the same logits, and the order of two different ones matters.
#[test]
fn positions_matter_through_distance() {
    let device = Device::flex();
    let model = Transformer::new(
        &shape(FeedForward::Gelu, false, false),
        1,
        Precision::F32,
        &device,
    );
    let logits = |ids: Vec<i32>| -> Vec<f32> {
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, 6]), &device);
        model.forward(tokens).into_data().try_into_vec().unwrap()
    };
    let same = logits(vec![4; 6]);
    for position in 1..6 {
        for (a, b) in same[..11].iter().zip(&same[position * 11..]) {
            assert!((a - b).abs() < 1e-5);
        }
    }
    let last = |all: Vec<f32>| all[5 * 11..].to_vec();
    assert_ne!(
        last(logits(vec![1, 2, 3, 3, 3, 3])),
        last(logits(vec![2, 1, 3, 3, 3, 3]))
    );
}

#[test]
fn an_untrained_model_guesses_evenly() {
    let device = Device::flex();
    let model = Transformer::new(
        &shape(FeedForward::Swiglu, false, true),
        0,
        Precision::F32,
        &device,
    );
    let loss = f64::from(loss(&model, &device).into_scalar::<f32>());
    assert!((loss - 11f64.ln()).abs() < 0.5, "{loss}");
}

#[test]
fn cross_entropy_of_known_logits() {
    let device = Device::flex();
    let logits = Tensor::<3>::from_data([[[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]], &device);
    let targets = Tensor::<2, Int>::from_data([[2, 0]], &device);
    let losses: Vec<f32> = cross_entropy(logits, targets)
        .into_data()
        .try_into_vec()
        .unwrap();
    let sum = |logits: [f64; 3]| logits.iter().map(|l| l.exp()).sum::<f64>().ln();
    let expected = [sum([0.0, 1.0, 2.0]) - 2.0, sum([3.0, 0.0, 0.0]) - 3.0];
    for (loss, expected) in losses.iter().zip(expected) {
        assert!((f64::from(*loss) - expected).abs() < 1e-6);
    }
}

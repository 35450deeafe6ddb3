//! The fused operations of `flex` against Burn's own, through whole models and whole runs.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, FeedForward, Model, Plan, Precision};
use isoflop_train::{Trainer, Transformer, numbers, on_threads, open_device};

fn shape(feed_forward: FeedForward, bias: bool, tied_head: bool) -> Model {
    Model {
        vocabulary: 37,
        sequence_length: 70,
        width: 24,
        depth: 2,
        heads: 4,
        head_width: 6,
        hidden: 40,
        feed_forward,
        bias,
        tied_head,
    }
}

/// Every parameter's gradient, by the names of the model's parts.
struct Gradients<'a> {
    of: &'a GradientsParams,
    read: Vec<Vec<f32>>,
}

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.of.get::<D>(param.id).expect("a gradient");
        self.read.push(numbers(gradient));
    }
}

fn loss_and_gradients(model: &Transformer, device: &Device) -> (f32, Vec<Vec<f32>>) {
    let ids = |step: i32| (0..140).map(|i| (i * step + 3) % 37).collect::<Vec<i32>>();
    let tensor = |ids| Tensor::<2, Int>::from_data(TensorData::new(ids, [2, 70]), device);
    let loss = model.mean_loss(tensor(ids(5)), tensor(ids(7)));
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    let mut read = Gradients {
        of: &gradients,
        read: Vec::new(),
    };
    model.visit(&mut read);
    (loss.into_scalar::<f32>(), read.read)
}

fn apart(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let pairs = a.iter().zip(b);
    let apart: f64 = pairs
        .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
        .sum();
    let size: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (apart / size.max(1e-30)).sqrt()
}

#[test]
fn gradients_of_whole_models_are_those_of_burns_operations() {
    let device = Device::flex().autodiff();
    for feed_forward in [
        FeedForward::Swiglu,
        FeedForward::Gelu,
        FeedForward::SquaredRelu,
    ] {
        for (bias, tied) in [(false, true), (true, false)] {
            let shape = shape(feed_forward, bias, tied);
            let model = Transformer::new(&shape, 3, Precision::F32, &device);
            let (loss, gradients) = loss_and_gradients(&model, &device);
            let (plain_loss, plain) = loss_and_gradients(&model.plain(), &device);
            assert!(
                (loss / plain_loss - 1.0).abs() < 1e-6,
                "{loss} {plain_loss}"
            );
            for (at, (found, plain)) in gradients.iter().zip(&plain).enumerate() {
                let apart = apart(found, plain);
                assert!(
                    apart < 1e-5,
                    "{feed_forward:?} {tied}: parameter {at} is {apart:e} apart"
                );
            }
        }
    }
}

/// Threads share the work out; what they compute is the same to the last bit.
#[test]
fn threads_change_no_bit() {
    let with = |threads: usize| {
        let work = || {
            let device = Device::flex().autodiff();
            let shape = shape(FeedForward::Swiglu, false, true);
            let model = Transformer::new(&shape, 3, Precision::F32, &device);
            loss_and_gradients(&model, &device)
        };
        on_threads(threads, work).unwrap()
    };
    let (one, two) = (with(1), with(2));
    assert_eq!(one.0.to_bits(), two.0.to_bits());
    assert!(one.1 == two.1);
}

const RUN: &str = r#"
    [corpus.grammar]
    words = 50
    zipf = 1.0
    tokens = 200_000
    validation_tokens = 8_000

    [evaluation]
    tokens = 2048

    [[sweep]]
    width = 16
    depth = 2
    sequence_length = 32
    batch = 4
    tokens = 128_000
"#;

/// A thousand steps by the fused operations, by Burn's, and by Burn's with each batch in four parts, which is another
/// order of the same sums: the first two lie no further apart than the last two.
#[test]
fn a_thousand_steps_differ_as_two_orders_of_the_same_sums_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = |micro: u64, plain: bool| -> Vec<f64> {
        let text = format!("[training]\nmicro_batch = {micro}\n{RUN}");
        let definition = Definition::parse(&text, "run.toml").unwrap();
        let corpus = Corpus::prepare(&definition, folder.path(), folder.path()).unwrap();
        let plan = Plan::new(&definition, &corpus.facts).unwrap();
        let device = open_device(&DeviceName::Flex).unwrap();
        let mut trainer = Trainer::new(&plan.cells[0].cell, &corpus, &device).unwrap();
        if plain {
            trainer.change_model(Transformer::plain);
        }
        (0..1000).map(|_| trainer.step().read().0).collect()
    };
    let (fused, plain, other) = (run(4, false), run(4, true), run(1, true));
    let distance = |a: &[f64], b: &[f64]| {
        let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        (squares / a.len() as f64).sqrt()
    };
    let (found, allowed) = (distance(&fused, &plain), distance(&plain, &other));
    assert!(
        found > 0.0 && found < 3.0 * allowed,
        "{found:e} apart, where order alone is {allowed:e}"
    );
    assert!(
        fused[999] < 0.8 * fused[0],
        "it learns: {} to {}",
        fused[0],
        fused[999]
    );
}

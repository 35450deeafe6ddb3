//! AdamW, and the gradients that it is given.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use isoflop_suite::Cell;

use crate::Transformer;

/// AdamW's epsilon, beside the root of the second moment.
pub const EPSILON: f64 = 1e-8;

/// AdamW with weight decay on matrices alone, as GPT-3 and its followers train.
pub fn optimizer(cell: &Cell, model: &Transformer) -> ModuleOptimizer {
    let given = cell.training.optimizer;
    let adamw = AdamWConfig::new()
        .with_beta_1(given.beta_1 as f32)
        .with_beta_2(given.beta_2 as f32)
        .with_epsilon(EPSILON as f32);
    let decayed = adamw
        .clone()
        .with_weight_decay(given.weight_decay as f32)
        .init();
    let vectors = ParamGroup::from_ids(vectors(model));
    decayed.with_group(vectors, adamw.with_weight_decay(0.0).build(), None)
}

/// Gains and biases.
fn vectors(model: &Transformer) -> Vec<ParamId> {
    struct Vectors(Vec<ParamId>);
    impl ModuleVisitor for Vectors {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D == 1 {
                self.0.push(param.id);
            }
        }
    }
    let mut found = Vectors(Vec::new());
    model.visit(&mut found);
    found.0
}

/// Scales all gradients so that their global norm is at most `most`, and returns the norm before
/// that (Pascanu et al. 2013, arXiv:1211.5063). Burn's own clipping takes each tensor's norm apart.
/// The scale stays on the device, so that no step waits for it.
pub fn clip(
    model: &Transformer,
    mut gradients: GradientsParams,
    most: f64,
) -> (GradientsParams, Tensor<1>) {
    struct Squares<'a>(&'a GradientsParams, Option<Tensor<1>>);
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                let square = gradient.square().sum();
                self.1 = Some(match self.1.take() {
                    Some(sum) => sum + square,
                    None => square,
                });
            }
        }
    }
    let mut squares = Squares(&gradients, None);
    model.visit(&mut squares);
    let norm = squares.1.expect("a model has gradients").sqrt();
    let scale = norm
        .clone()
        .add_scalar(1e-12)
        .recip()
        .mul_scalar(most)
        .clamp_max(1.0);
    multiply(model, &mut gradients, scale);
    (gradients, norm)
}

/// Multiplies all gradients by one number.
pub fn multiply(model: &Transformer, gradients: &mut GradientsParams, factor: Tensor<1>) {
    struct Multiply<'a>(&'a mut GradientsParams, Tensor<1>);
    impl ModuleVisitor for Multiply<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.remove::<D>(param.id) {
                let product = gradient * self.1.clone().unsqueeze::<D>();
                self.0.register(param.id, product);
            }
        }
    }
    model.visit(&mut Multiply(gradients, factor));
}

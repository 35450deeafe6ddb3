//! AdamW, and the gradients that it is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{
    AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, ModuleOptimizer, Optimizer,
};
use burn::store::RecordError;
use burn::tensor::{Bytes, Device, Tensor};
use isoflop_suite::Cell;

use crate::Transformer;
use crate::kernels::{self, AdamWStep};

/// AdamW's epsilon, beside the root of the second moment.
pub const EPSILON: f64 = 1e-8;

/// AdamW with clipped gradients, and weight decay on matrices alone, as GPT-3 and its followers train. Of a model of fused
/// operations all is done in one pass over the parameters, in place; of others by Burn's own.
pub struct AdamW {
    burn: ModuleOptimizer,
    /// What the fused pass multiplies gradients by.
    scale: Option<Scale>,
    most: f64,
}

impl AdamW {
    /// For a cell's model.
    pub fn new(cell: &Cell, model: &Transformer) -> Self {
        let given = cell.training.optimizer;
        let vectors = ParamGroup::from_ids(vectors(model));
        let scale = model.is_fused().then(Scale::one);
        let burn = match &scale {
            Some(scale) => {
                let with = |weight_decay: f64| Fused {
                    beta_1: given.beta_1 as f32,
                    beta_2: given.beta_2 as f32,
                    weight_decay,
                    scale: scale.clone(),
                };
                ModuleOptimizer::from(with(given.weight_decay)).with_group(vectors, with(0.0), None)
            }
            None => {
                let adamw = AdamWConfig::new()
                    .with_beta_1(given.beta_1 as f32)
                    .with_beta_2(given.beta_2 as f32)
                    .with_epsilon(EPSILON as f32);
                let decayed = adamw.clone().with_weight_decay(given.weight_decay as f32);
                let plain = adamw.with_weight_decay(0.0).build();
                decayed.init().with_group(vectors, plain, None)
            }
        };
        AdamW {
            burn,
            scale,
            most: cell.training.gradient_clip,
        }
    }

    /// Scales all gradients so that their global norm is at most what the cell says, and returns the norm before
    /// that (Pascanu et al. 2013, arXiv:1211.5063). Burn's own clipping takes each tensor's norm apart.
    pub fn clip(
        &self,
        model: &Transformer,
        mut gradients: GradientsParams,
    ) -> (GradientsParams, Tensor<1>) {
        let norm = norm(model, &gradients, self.scale.is_some());
        if let Some(scale) = &self.scale {
            // On the processor nothing waits for it; the step itself scales.
            scale.set(self.most / f64::from(norm.clone().into_scalar::<f32>()));
            return (gradients, norm);
        }
        // Elsewhere the scale stays on the device, so that no step waits for it.
        let scale = norm
            .clone()
            .add_scalar(1e-12)
            .recip()
            .mul_scalar(self.most)
            .clamp_max(1.0);
        multiply(model, &mut gradients, scale);
        (gradients, norm)
    }

    /// Moves a model by clipped gradients.
    pub fn step(
        &mut self,
        rate: f64,
        model: Transformer,
        gradients: GradientsParams,
    ) -> Transformer {
        self.burn.step(rate, model, gradients)
    }

    /// The moments, as bytes.
    ///
    /// # Errors
    /// If Burn cannot write them.
    pub fn to_bytes(&self) -> Result<Bytes, RecordError> {
        self.burn.into_bytes()
    }

    /// The same optimizer with moments that were written.
    ///
    /// # Errors
    /// If they are none of its model.
    pub fn with_bytes(self, bytes: Bytes) -> Result<Self, RecordError> {
        Ok(AdamW {
            burn: self.burn.from_bytes(bytes)?,
            ..self
        })
    }
}

/// A number that all parameters' steps share: what clips the gradients.
#[derive(Debug, Clone)]
struct Scale(Arc<AtomicU32>);

impl Scale {
    fn one() -> Self {
        Scale(Arc::new(AtomicU32::new(1f32.to_bits())))
    }

    /// At most one; no number where it is none.
    fn set(&self, scale: f64) {
        let scale = if scale > 1.0 { 1.0 } else { scale };
        self.0.store((scale as f32).to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// AdamW by the fused operation.
#[derive(Debug, Clone)]
struct Fused {
    beta_1: f32,
    beta_2: f32,
    weight_decay: f64,
    scale: Scale,
}

impl Optimizer for Fused {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let before = state.map_or_else(
            || {
                let nothing = || Tensor::zeros(gradient.shape(), &gradient.device());
                AdaptiveMomentumState::new(0, nothing(), nothing())
            },
            |state| state.momentum,
        );
        let by = AdamWStep {
            scale: self.scale.get(),
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: EPSILON as f32,
            rate: rate as f32,
            keep: (1.0 - rate * self.weight_decay) as f32,
            time: before.time as i32 + 1,
        };
        let moments = [before.moment_1, before.moment_2];
        let (parameter, [moment_1, moment_2]) = kernels::adamw(parameter, gradient, moments, by);
        let after = AdaptiveMomentumState::new(before.time + 1, moment_1, moment_2);
        (parameter, Some(AdamWState::new(after)))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
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

/// The norm of all gradients together.
fn norm(model: &Transformer, gradients: &GradientsParams, fused: bool) -> Tensor<1> {
    struct Squares<'a> {
        gradients: &'a GradientsParams,
        fused: bool,
        sum: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradients.get::<D>(param.id) else {
                return;
            };
            let square = if self.fused {
                kernels::square(gradient)
            } else {
                gradient.square().sum()
            };
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
    let mut squares = Squares {
        gradients,
        fused,
        sum: None,
    };
    model.visit(&mut squares);
    squares.sum.expect("a model has gradients").sqrt()
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

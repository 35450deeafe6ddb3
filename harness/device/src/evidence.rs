//! What a device makes of one small cell: every number that the check compares.

use std::time::Instant;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use isoflop_corpus::Corpus;
use isoflop_machine::memory_held;
use isoflop_suite::{Bytes, Cell, Nats, Seconds};
use isoflop_train::{EPSILON, Named, TrainError, Trainer, Transformer, learning_rate, numbers};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::fault::Fault;

/// Steps of the loss curve.
const STEPS: u64 = 50;
/// Memory is looked at after every so many.
const LOOK: u64 = 10;

/// What one run of a small cell gave.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Mean loss of the first batch.
    pub loss: Nats,
    /// The gradient of every parameter, in the order of the backward pass.
    pub gradients: Vec<Named>,
    /// Every parameter after the first step.
    pub parameters: Vec<Named>,
    /// What those should be by these gradients.
    pub expected: Vec<Named>,
    /// The loss of every step.
    pub curve: Vec<Nats>,
    /// The norm of every step's gradient.
    pub norms: Vec<f64>,
    /// Memory held after every tenth step, where it is known.
    pub memory: Vec<Bytes>,
    /// Until the first step was done: kernels compiled and tuned.
    pub first_step: Seconds,
}

/// What is done to a run on purpose.
#[derive(Debug, Clone, Copy)]
pub enum Disturbance {
    /// None, but that the model is computed by Burn's own operations.
    Plain,
    Fault(Fault),
    /// Of a model that is computed by Burn's own operations.
    Rounding(Rounding),
}

/// A disturbance of the initial weights: each is rounded as if to this precision.
#[derive(Debug, Clone, Copy)]
pub struct Rounding {
    pub unit: f64,
    pub seed: u64,
}

impl Evidence {
    /// Trains a cell for fifty steps and keeps what comes of it.
    ///
    /// # Errors
    /// If the cell cannot be trained.
    pub fn collect(
        cell: &Cell,
        corpus: &Corpus,
        device: &Device,
        disturbance: Option<Disturbance>,
    ) -> Result<Self, TrainError> {
        let begin = Instant::now();
        let fault = match disturbance {
            Some(Disturbance::Fault(fault)) => Some(fault),
            _ => None,
        };
        let mut trainer = trainer(cell, corpus, device, disturbance)?;
        let (loss, mut gradients) = trainer.gradients();
        if let Some(fault) = fault {
            fault.strike(1, trainer.model(), &mut gradients);
        }
        let before = named(trainer.model(), None);
        let mut of_gradients = named(trainer.model(), Some(&gradients));
        let expected = stepped(cell, &before, &of_gradients);
        of_gradients.reverse();
        let (loss, norm) = trainer.apply(loss, gradients).read();
        let mut evidence = Evidence {
            loss,
            gradients: of_gradients,
            parameters: named(trainer.model(), None),
            expected,
            curve: vec![loss],
            norms: vec![norm],
            memory: Vec::new(),
            first_step: begin.elapsed().as_secs_f64(),
        };
        for step in 2..=STEPS {
            let (loss, mut gradients) = trainer.gradients();
            if let Some(fault) = fault {
                fault.strike(step, trainer.model(), &mut gradients);
            }
            let (loss, norm) = trainer.apply(loss, gradients).read();
            evidence.curve.push(loss);
            evidence.norms.push(norm);
            if step % LOOK == 0 {
                evidence.memory.extend(held(device));
            }
        }
        Ok(evidence)
    }
}

/// Each layer's output on the first batch, in the order of the forward pass. Looking at them keeps
/// Burn from fusing one layer's kernels with the next one's, so training does without.
///
/// # Errors
/// If the cell cannot be trained.
pub fn outputs(
    cell: &Cell,
    corpus: &Corpus,
    device: &Device,
    disturbance: Option<Disturbance>,
) -> Result<Vec<Named>, TrainError> {
    Ok(trainer(cell, corpus, device, disturbance)?.outputs())
}

fn trainer<'a>(
    cell: &'a Cell,
    corpus: &'a Corpus,
    device: &Device,
    disturbance: Option<Disturbance>,
) -> Result<Trainer<'a>, TrainError> {
    let mut trainer = Trainer::new(cell, corpus, device)?;
    if let Some(disturbance) = disturbance {
        trainer.change_model(|model| match disturbance {
            Disturbance::Plain => model.plain(),
            Disturbance::Fault(fault) => fault.distort(model),
            Disturbance::Rounding(rounding) => rounded(model.plain(), rounding),
        });
    }
    Ok(trainer)
}

/// Parameters after a first step of AdamW with these gradients (Loshchilov and Hutter 2019, algorithm
/// 2): its moments, corrected for their start, are then the clipped gradient and its square.
fn stepped(cell: &Cell, before: &[Named], gradients: &[Named]) -> Vec<Named> {
    let training = &cell.training;
    let rate = learning_rate(&training.schedule, 1, training.steps);
    let of_all = gradients.iter().flat_map(|gradient| &gradient.values);
    let norm = of_all.map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let clip = (training.gradient_clip / norm).min(1.0);
    let step = |(parameter, gradient): (&Named, &Named)| {
        let decay = if parameter.matrix {
            training.optimizer.weight_decay
        } else {
            0.0
        };
        let pairs = parameter.values.iter().zip(&gradient.values);
        let values = pairs.map(|(value, gradient)| {
            let gradient = f64::from(*gradient) * clip;
            let update = gradient / (gradient.abs() + EPSILON);
            (f64::from(*value) * (1.0 - rate * decay) - rate * update) as f32
        });
        Named {
            values: values.collect(),
            ..parameter.clone()
        }
    };
    before.iter().zip(gradients).map(step).collect()
}

/// Memory in use on a device, or by this process where the device is the processor.
pub(crate) fn held(device: &Device) -> Option<Bytes> {
    match device.memory_pool_usage() {
        Some(usage) => Some(usage.bytes_in_use),
        None => memory_held(),
    }
}

/// The numbers of every parameter, or of its gradient, in the order of the model.
fn named(model: &Transformer, gradients: Option<&GradientsParams>) -> Vec<Named> {
    struct Reader<'a> {
        path: Vec<String>,
        gradients: Option<&'a GradientsParams>,
        read: Vec<Named>,
    }
    impl ModuleVisitor for Reader<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values = match self.gradients {
                // A parameter without a gradient has nothing to compare, and that is found.
                Some(gradients) => gradients.get::<D>(param.id).map(numbers),
                None => Some(numbers(param.val().inner())),
            };
            self.read.push(Named {
                name: self.path.join("."),
                values: values.unwrap_or_default(),
                matrix: D > 1,
            });
        }
    }
    let mut reader = Reader {
        path: Vec::new(),
        gradients,
        read: Vec::new(),
    };
    model.visit(&mut reader);
    reader.read
}

/// The model with every weight multiplied by a random number within `unit` of one.
fn rounded(model: Transformer, rounding: Rounding) -> Transformer {
    struct Round(ChaCha8Rng, f64);
    impl ModuleMapper for Round {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (shape, device) = (param.shape(), param.device());
            param.map(|tensor| {
                let mut values = numbers(tensor.inner());
                for value in &mut values {
                    let factor = 1.0 + self.0.random_range(-self.1..=self.1);
                    *value = (f64::from(*value) * factor) as f32;
                }
                Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
            })
        }
    }
    let mut round = Round(ChaCha8Rng::seed_from_u64(rounding.seed), rounding.unit);
    model.map(&mut round)
}

//! A cell in training, step by step.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Device, Int, Tensor};
use isoflop_corpus::{Corpus, Windows};
use isoflop_machine::peak_memory;
use isoflop_suite::{Bytes, Cell, Seconds};

use crate::checkpoint::{Checkpoint, RunState};
use crate::evaluate::tokens;
use crate::loss_scale::LossScale;
use crate::optimizer::{AdamW, multiply};
use crate::schedule::learning_rate;
use crate::{Named, TrainError, Transformer, numbers};

/// A cell in training.
pub struct Trainer<'a> {
    cell: &'a Cell,
    corpus: &'a Corpus,
    device: Device,
    windows: Windows,
    /// Only ever gone while the optimizer has it: a second holder would make it copy every parameter.
    model: Option<Transformer>,
    optimizer: AdamW,
    step: u64,
    loss_scale: Option<LossScale>,
    /// Sum of the losses of steps that have not been read yet.
    unread: Option<Tensor<1>>,
    data_seconds: Seconds,
}

/// What a step leaves on the device; reading it waits for the step.
pub struct StepResult {
    loss: Tensor<1>,
    gradient_norm: Tensor<1>,
    /// Whether its gradient overflowed, and its update was left out.
    skipped: bool,
}

impl StepResult {
    /// Whether its gradient overflowed, and its update was left out.
    pub(crate) fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// Mean training loss and global gradient norm of the step.
    pub fn read(self) -> (f64, f64) {
        let [loss, norm] = read([self.loss, self.gradient_norm]);
        (loss, norm)
    }
}

/// Several numbers by one read: each would wait for the device.
fn read<const N: usize>(numbers: [Tensor<1>; N]) -> [f64; N] {
    let together = Tensor::cat(numbers.to_vec(), 0).into_data_as::<f32>();
    let together: Vec<f32> = together.try_into_vec().expect("losses are floats");
    std::array::from_fn(|at| f64::from(together[at]))
}

impl<'a> Trainer<'a> {
    /// Builds the cell's model on a device.
    ///
    /// # Errors
    /// If the corpus is not the cell's, or the model built has another number of parameters than
    /// the formula says.
    pub fn new(cell: &'a Cell, corpus: &'a Corpus, device: &Device) -> Result<Self, TrainError> {
        if cell.corpus.sha256 != corpus.facts.sha256 {
            return Err(TrainError::OtherCorpus {
                wanted: cell.corpus.sha256.clone(),
                opened: corpus.facts.sha256.clone(),
            });
        }
        let device = device.clone().autodiff();
        let model = Transformer::new(&cell.model, cell.seed, cell.training.precision, &device);
        let (built, formula) = (model.parameters(), cell.model.parameters().total());
        if built != formula {
            return Err(TrainError::ParameterCount { built, formula });
        }
        Ok(Trainer {
            cell,
            corpus,
            windows: Windows::new(
                &corpus.train,
                cell.model.sequence_length as usize,
                cell.order_seed(),
                cell.unique_tokens,
            ),
            optimizer: AdamW::new(cell, &model),
            model: Some(model),
            device,
            step: 0,
            loss_scale: LossScale::of(cell.training.precision),
            unread: None,
            data_seconds: 0.0,
        })
    }

    /// The model as trained so far.
    ///
    /// # Panics
    /// If the optimizer's last step panicked.
    pub fn model(&self) -> &Transformer {
        self.model.as_ref().expect("no step was broken off")
    }

    /// Puts another model of the same parameters in its place, before the first step.
    pub fn change_model(&mut self, change: impl FnOnce(Transformer) -> Transformer) {
        let model = change(self.model().clone());
        self.optimizer = AdamW::new(self.cell, &model);
        self.model = Some(model);
    }

    /// What each layer hands on of the next step's first micro-batch.
    pub fn outputs(&mut self) -> Vec<Named> {
        let mut outputs = Vec::new();
        let training = &self.cell.training;
        let (inputs, _) = self.batch(self.step * training.batch, training.micro_batch);
        self.model().forward_seen(inputs, |name, output| {
            let values = numbers(output.clone().inner());
            outputs.push(Named {
                name,
                values,
                matrix: false,
            });
        });
        outputs
    }

    /// The loss of the next step's first micro-batch, by a forward pass alone. Waits for the device.
    pub fn loss(&mut self) -> f64 {
        let training = &self.cell.training;
        let loss = self.forward(self.step * training.batch, training.micro_batch);
        f64::from(loss.into_scalar::<f32>())
    }

    /// Does one optimizer step.
    pub fn step(&mut self) -> StepResult {
        let (loss, gradients) = self.gradients();
        self.apply(loss, gradients)
    }

    /// The loss of the next step's batch, and the gradients of its mean, in f32.
    pub fn gradients(&mut self) -> (Tensor<1>, GradientsParams) {
        let (batch, at_once) = (self.cell.training.batch, self.at_once());
        let parts = batch / at_once;
        let scale = self.loss_scale.map(|scale| scale.factor());
        let mut gradients = GradientsAccumulator::new();
        let mut losses = Vec::with_capacity(parts as usize);
        for part in 0..parts {
            let first = self.step * batch + part * at_once;
            let loss = self.forward(first, at_once).div_scalar(parts as f64);
            losses.push(loss.clone().inner());
            let scaled = match scale {
                Some(scale) => loss.mul_scalar(scale),
                None => loss,
            };
            let micro_gradients = GradientsParams::from_grads(scaled.backward(), self.model());
            gradients.accumulate(self.model(), micro_gradients);
        }
        let mut gradients = gradients.grads();
        if let Some(scale) = scale {
            let back = Tensor::from_floats([1.0 / scale as f32], &self.device.clone().inner());
            multiply(self.model(), &mut gradients, back);
        }
        let loss = losses.into_iter().reduce(|sum, loss| sum + loss);
        let loss = loss.expect("a batch has at least one micro-batch");
        (loss, gradients)
    }

    /// Does the optimizer's step with these gradients.
    pub fn apply(&mut self, loss: Tensor<1>, gradients: GradientsParams) -> StepResult {
        let training = &self.cell.training;
        self.step += 1;
        let rate = learning_rate(&training.schedule, self.step, training.steps);
        let (gradients, gradient_norm) = self.optimizer.clip(self.model(), gradients);
        // Only where the loss is scaled does a step wait for its norm.
        let skipped = self.loss_scale.as_mut().is_some_and(|scale| {
            let finite = gradient_norm.clone().into_scalar::<f32>().is_finite();
            scale.hear(finite);
            !finite
        });
        if !skipped {
            let model = self.model.take().expect("no step was broken off");
            self.model = Some(self.optimizer.step(rate, model, gradients));
        }
        self.unread = Some(match self.unread.take() {
            Some(sum) => sum + loss.clone(),
            None => loss.clone(),
        });
        StepResult {
            loss,
            gradient_norm,
            skipped,
        }
    }

    /// Loss and gradient norm of the step just done, and the sum of the losses of all steps since this was last
    /// asked. Waits for the device, once.
    pub(crate) fn log(&mut self, step: StepResult) -> [f64; 3] {
        let sum = self.unread.take().unwrap_or_else(|| step.loss.clone());
        read([step.loss, step.gradient_norm, sum])
    }

    /// The state after the steps done so far.
    pub(crate) fn checkpoint(&self, state: &RunState) -> Result<Vec<u8>, TrainError> {
        let failed = |error: RecordError| TrainError::Checkpoint(error.to_string());
        let mut state = state.clone();
        state.data += self.data_seconds;
        state.loss_scale = self.loss_scale;
        let unread = self.unread.clone();
        state.unread = unread.map(|sum| f64::from(sum.into_scalar::<f32>()));
        let checkpoint = Checkpoint {
            state,
            model: self
                .model()
                .clone()
                .into_record()
                .into_bytes()
                .map_err(failed)?,
            optimizer: self.optimizer.to_bytes().map_err(failed)?,
        };
        Ok(checkpoint.to_bytes())
    }

    /// Goes back to a checkpoint of this cell. Parameters keep the identities they had, by which the
    /// optimizer knows its moments.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<RunState, TrainError> {
        let failed = |error: RecordError| TrainError::Checkpoint(error.to_string());
        let model = ModuleRecord::from_bytes(checkpoint.model).map_err(failed)?;
        let model = self.model().clone().load_record(model);
        self.optimizer = AdamW::new(self.cell, &model)
            .with_bytes(checkpoint.optimizer)
            .map_err(failed)?;
        self.model = Some(model);
        self.step = checkpoint.state.step;
        self.loss_scale = checkpoint.state.loss_scale;
        let unread = checkpoint.state.unread;
        let device = self.device.clone().inner();
        self.unread = unread.map(|sum| Tensor::from_floats([sum as f32], &device));
        Ok(checkpoint.state)
    }

    /// Sequences that a pass trains on: a micro-batch, or the part of one that a processor has at hand.
    fn at_once(&self) -> u64 {
        if self.model().is_fused() {
            self.cell.sequences_in_cache()
        } else {
            self.cell.training.micro_batch
        }
    }

    /// Mean loss of so many sequences, from the `first` of the run on.
    fn forward(&mut self, first: u64, rows: u64) -> Tensor<1> {
        let (inputs, targets) = self.batch(first, rows);
        self.model().mean_loss(inputs, targets)
    }

    /// Inputs and targets of so many sequences, from the `first` of the run on.
    fn batch(&mut self, first: u64, rows: u64) -> (Tensor<2, Int>, Tensor<2, Int>) {
        let begin = Instant::now();
        let shape = [rows as usize, self.cell.model.sequence_length as usize];
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for sequence in first..first + rows {
            let window = self.windows.at(sequence);
            self.windows
                .read(&self.corpus.train, window, &mut inputs, &mut targets);
        }
        let inputs = tokens(inputs, shape, &self.device);
        let targets = tokens(targets, shape, &self.device);
        self.data_seconds += begin.elapsed().as_secs_f64();
        (inputs, targets)
    }

    /// Steps whose update was left out because a gradient overflowed.
    pub fn skipped_steps(&self) -> u64 {
        self.loss_scale.map_or(0, |scale| scale.skipped)
    }

    /// Whether gradients overflow at every loss scale.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.loss_scale.is_some_and(|scale| scale.is_exhausted())
    }

    /// Seconds spent on reading batches since these were last taken.
    pub(crate) fn data_seconds(&self) -> Seconds {
        self.data_seconds
    }

    /// Forgets the seconds spent on reading batches.
    pub(crate) fn forget_data_seconds(&mut self) {
        self.data_seconds = 0.0;
    }

    /// Most memory held on the device since the last reset, where it is known: on a GPU all that its
    /// allocator has taken, elsewhere the process's.
    pub fn peak_memory(&self) -> Option<Bytes> {
        match self.device.memory_pool_usage() {
            Some(usage) => Some(usage.bytes_reserved),
            None => peak_memory(),
        }
    }

    /// Waits until all that was asked of the device is done.
    ///
    /// # Errors
    /// If some of it failed.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.device
            .sync()
            .map_err(|error| TrainError::Device(format!("{error:?}")))
    }
}

#[cfg(test)]
mod tests {
    use isoflop_suite::{Definition, Plan};

    use super::*;

    const HALF: &str = r#"
        [corpus.grammar]
        words = 50
        zipf = 1.0
        tokens = 20_000
        validation_tokens = 8_000

        [evaluation]
        tokens = 2048

        [[sweep]]
        width = 16
        depth = 1
        sequence_length = 32
        batch = 4
        tokens = 12_800
        precision = "f16"
    "#;

    /// A scale so large that gradients overflow: steps change nothing until it has fallen far enough, and
    /// then training goes on.
    #[test]
    fn a_step_that_overflows_is_skipped_and_the_next_has_half_the_scale() {
        let folder = tempfile::tempdir().unwrap();
        let definition = Definition::parse(HALF, "half.toml").unwrap();
        let corpus = Corpus::prepare(&definition, folder.path(), folder.path()).unwrap();
        let plan = Plan::new(&definition, &corpus.facts).unwrap();
        let cell = &plan.cells[0].cell;
        let mut trainer = Trainer::new(cell, &corpus, &Device::flex()).unwrap();
        let scale = r#"{"scale": 67108864.0, "good_steps": 0, "skipped": 0}"#;
        trainer.loss_scale = Some(serde_json::from_str(scale).unwrap());
        let weights =
            |trainer: &Trainer| trainer.model().clone().into_record().into_bytes().unwrap();
        let before = weights(&trainer);
        let first = trainer.step();
        assert!(first.skipped);
        assert_eq!(
            weights(&trainer)[..],
            before[..],
            "a skipped step changes nothing"
        );
        let (loss, norm) = first.read();
        assert!(loss.is_finite() && !norm.is_finite(), "{loss} {norm}");
        let skipped = (0..40).filter(|_| trainer.step().skipped).count() as u64 + 1;
        let scale = trainer.loss_scale.unwrap();
        assert_eq!(scale.skipped, skipped);
        assert!(skipped < 30, "{skipped}");
        assert_eq!(scale.factor(), 67108864.0 / 2f64.powi(skipped as i32));
        assert_ne!(weights(&trainer)[..], before[..]);
    }
}

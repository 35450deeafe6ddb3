//! One training run of one cell on one device.

use std::io;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Device, Int, Tensor};
use isoflop_corpus::{Corpus, Windows};
use isoflop_machine::{give_back_memory, peak_memory, reset_peak_memory};
use isoflop_suite::{Bytes, Cell, Nats, Outcome, Seconds, Status, Step, TimeSplit};

use crate::checkpoint::{Checkpoint, Mean, Progress};
use crate::evaluate::tokens;
use crate::loss_scale::LossScale;
use crate::model::cross_entropy;
use crate::schedule::learning_rate;
use crate::{Named, TrainError, Transformer, evaluate, numbers};

/// Steps in which kernels are compiled and tuned and allocators fill; they are timed apart.
pub const FIRST_STEPS: u64 = 3;
/// About how many steps of a run are logged. Reading a loss waits for the device.
const LOGGED_STEPS: u64 = 256;
/// Logged steps in a row above the first one's loss after which a run has diverged.
const LONG_ABOVE_START: u64 = 48;
/// AdamW's epsilon, beside the root of the second moment.
pub const EPSILON: f64 = 1e-8;
/// The training loss of a run is the mean over its last logged steps, one in this many.
const LAST_SHARE: usize = 20;

/// A cell in training.
pub struct Trainer<'a> {
    cell: &'a Cell,
    corpus: &'a Corpus,
    device: Device,
    windows: Windows,
    model: Transformer,
    optimizer: ModuleOptimizer,
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
    /// Mean training loss and global gradient norm of the step.
    pub fn read(self) -> (f64, f64) {
        (
            f64::from(self.loss.into_scalar::<f32>()),
            f64::from(self.gradient_norm.into_scalar::<f32>()),
        )
    }
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
                cell.seed,
            ),
            optimizer: optimizer(cell, &model),
            model,
            device,
            step: 0,
            loss_scale: LossScale::of(cell.training.precision),
            unread: None,
            data_seconds: 0.0,
        })
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Transformer {
        &self.model
    }

    /// Puts another model of the same parameters in its place.
    pub fn change_model(&mut self, change: impl FnOnce(Transformer) -> Transformer) {
        self.model = change(self.model.clone());
    }

    /// What each layer hands on of the next step's first micro-batch.
    pub fn outputs(&mut self) -> Vec<Named> {
        let mut outputs = Vec::new();
        let (inputs, _) = self.batch(self.step * self.cell.training.batch);
        self.model.forward_seen(inputs, |name, output| {
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
        let loss = self.forward(self.step * self.cell.training.batch);
        f64::from(loss.into_scalar::<f32>())
    }

    /// Does one optimizer step.
    pub fn step(&mut self) -> StepResult {
        let (loss, gradients) = self.gradients();
        self.apply(loss, gradients)
    }

    /// The loss of the next step's batch, and the gradients of its mean, in f32.
    pub fn gradients(&mut self) -> (Tensor<1>, GradientsParams) {
        let training = &self.cell.training;
        let micro_batches = training.batch / training.micro_batch;
        let scale = self.loss_scale.map(|scale| scale.factor());
        let mut gradients = GradientsAccumulator::new();
        let mut losses = Vec::with_capacity(micro_batches as usize);
        for micro in 0..micro_batches {
            let first = self.step * training.batch + micro * training.micro_batch;
            let loss = self.forward(first).div_scalar(micro_batches as f64);
            losses.push(loss.clone().inner());
            let scaled = match scale {
                Some(scale) => loss.mul_scalar(scale),
                None => loss,
            };
            let micro_gradients = GradientsParams::from_grads(scaled.backward(), &self.model);
            gradients.accumulate(&self.model, micro_gradients);
        }
        let mut gradients = gradients.grads();
        if let Some(scale) = scale {
            let back = Tensor::from_floats([1.0 / scale as f32], &self.device.clone().inner());
            multiply(&self.model, &mut gradients, back);
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
        let (gradients, gradient_norm) = clip(&self.model, gradients, training.gradient_clip);
        // Only where the loss is scaled does a step wait for its norm.
        let skipped = self.loss_scale.as_mut().is_some_and(|scale| {
            let finite = gradient_norm.clone().into_scalar::<f32>().is_finite();
            scale.hear(finite);
            !finite
        });
        if !skipped {
            self.model = self.optimizer.step(rate, self.model.clone(), gradients);
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

    /// The sum of the losses of all steps since it was last taken. Waits for the device.
    fn take_unread(&mut self) -> Option<f32> {
        self.unread.take().map(|sum| sum.into_scalar::<f32>())
    }

    /// The state after the steps done so far.
    fn checkpoint(&self, progress: &Progress) -> Result<Vec<u8>, TrainError> {
        let failed = |error: RecordError| TrainError::Checkpoint(error.to_string());
        let mut progress = progress.clone();
        progress.data += self.data_seconds;
        progress.loss_scale = self.loss_scale;
        let unread = self.unread.clone();
        progress.unread = unread.map(|sum| f64::from(sum.into_scalar::<f32>()));
        let checkpoint = Checkpoint {
            progress,
            model: self
                .model
                .clone()
                .into_record()
                .into_bytes()
                .map_err(failed)?,
            optimizer: self.optimizer.into_bytes().map_err(failed)?,
        };
        Ok(checkpoint.to_bytes())
    }

    /// Goes back to a checkpoint of this cell. Parameters keep the identities they had, by which the
    /// optimizer knows its moments.
    fn restore(&mut self, checkpoint: Checkpoint) -> Result<Progress, TrainError> {
        let failed = |error: RecordError| TrainError::Checkpoint(error.to_string());
        let model = ModuleRecord::from_bytes(checkpoint.model).map_err(failed)?;
        self.model = self.model.clone().load_record(model);
        self.optimizer = optimizer(self.cell, &self.model)
            .from_bytes(checkpoint.optimizer)
            .map_err(failed)?;
        self.step = checkpoint.progress.step;
        self.loss_scale = checkpoint.progress.loss_scale;
        let unread = checkpoint.progress.unread;
        let device = self.device.clone().inner();
        self.unread = unread.map(|sum| Tensor::from_floats([sum as f32], &device));
        Ok(checkpoint.progress)
    }

    /// Mean loss of the micro-batch that begins with the `first` sequence of the run.
    fn forward(&mut self, first: u64) -> Tensor<1> {
        let (inputs, targets) = self.batch(first);
        cross_entropy(self.model.forward(inputs), targets).mean()
    }

    /// Inputs and targets of the micro-batch that begins with the `first` sequence of the run.
    fn batch(&mut self, first: u64) -> (Tensor<2, Int>, Tensor<2, Int>) {
        let begin = Instant::now();
        let rows = self.cell.training.micro_batch;
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

/// AdamW with weight decay on matrices alone, as GPT-3 and its followers train.
fn optimizer(cell: &Cell, model: &Transformer) -> ModuleOptimizer {
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
fn clip(
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
fn multiply(model: &Transformer, gradients: &mut GradientsParams, factor: Tensor<1>) {
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

/// Who keeps a run: its log, its checkpoints, and whether it is to go on.
pub trait Keeper {
    /// The checkpoint to go on from, if there is one.
    fn checkpoint(&mut self) -> Option<Vec<u8>>;

    /// Hears after which step the run begins.
    ///
    /// # Errors
    /// If later steps of an earlier attempt cannot be forgotten; the run ends.
    fn begin(&mut self, step: u64) -> io::Result<()>;

    /// Takes a logged step.
    ///
    /// # Errors
    /// If it cannot be kept; the run ends.
    fn record(&mut self, step: &Step) -> io::Result<()>;

    /// Whether a checkpoint is wanted after this step.
    fn wants_checkpoint(&mut self) -> bool;

    /// Takes a checkpoint.
    ///
    /// # Errors
    /// If it cannot be kept; the run ends.
    fn keep(&mut self, checkpoint: &[u8]) -> io::Result<()>;

    /// Whether the run is to stop, after a last checkpoint.
    fn stops(&self) -> bool;
}

/// Trains a cell, from its initial weights or from its keeper's checkpoint, to its last step and
/// scores it.
///
/// # Errors
/// If the corpus is not the cell's, the device fails, the run is stopped, or its keeper fails. A run
/// that diverges is an outcome, not an error.
pub fn train(
    cell: &Cell,
    corpus: &Corpus,
    device: &Device,
    keeper: &mut dyn Keeper,
) -> Result<Outcome, TrainError> {
    give_back_memory();
    reset_peak_memory();
    let begin = Instant::now();
    let mut trainer = Trainer::new(cell, corpus, device)?;
    let mut progress = Progress::default();
    if let Some(bytes) = keeper.checkpoint() {
        // One that cannot be used costs the steps it held, and nothing else.
        match Checkpoint::from_bytes(&bytes).and_then(|checkpoint| trainer.restore(checkpoint)) {
            Ok(restored) => progress = restored,
            Err(_) => trainer = Trainer::new(cell, corpus, device)?,
        }
    }
    keeper.begin(progress.step)?;
    let mut run = Run {
        cell,
        // As if all of it had been spent in one go.
        begin,
        before: progress.seconds,
        first: progress.step,
        progress,
    };
    if let Some(diverged) = run.steps(&mut trainer, keeper)? {
        return Ok(diverged);
    }
    run.score(&trainer, corpus, device)
}

/// A run under way.
struct Run<'a> {
    cell: &'a Cell,
    begin: Instant,
    /// Seconds spent before this process took it on.
    before: Seconds,
    /// The step at which this process took it on.
    first: u64,
    progress: Progress,
}

impl Run<'_> {
    fn seconds(&self) -> Seconds {
        self.before + self.begin.elapsed().as_secs_f64()
    }

    /// Trains to the last step; an outcome where it diverges on the way.
    fn steps(
        &mut self,
        trainer: &mut Trainer,
        keeper: &mut dyn Keeper,
    ) -> Result<Option<Outcome>, TrainError> {
        let steps = self.cell.training.steps;
        let every = steps.div_ceil(LOGGED_STEPS).max(1);
        for step in self.progress.step + 1..=steps {
            let result = trainer.step();
            self.progress.step = step;
            if step == (self.first + FIRST_STEPS).min(steps) {
                trainer.sync()?;
                self.compiled(trainer);
            }
            if step % every == 0 || step == steps || step == 1 {
                let diverged = self.log(result, trainer, keeper)?;
                if diverged.is_some() {
                    return Ok(diverged);
                }
            }
            if let Some(diverged) = self.overflows(trainer) {
                return Ok(Some(diverged));
            }
            let stops = keeper.stops();
            if stops || keeper.wants_checkpoint() {
                self.progress.seconds = self.seconds();
                keeper.keep(&trainer.checkpoint(&self.progress)?)?;
            }
            if stops {
                return Err(TrainError::Stopped);
            }
        }
        trainer.sync()?;
        Ok(None)
    }

    /// The first steps are over: kernels are compiled, allocators filled.
    fn compiled(&mut self, trainer: &mut Trainer) {
        self.progress.compile += self.begin.elapsed().as_secs_f64();
        trainer.data_seconds = 0.0;
    }

    /// Logs a step; an outcome where it has diverged.
    fn log(
        &mut self,
        result: StepResult,
        trainer: &mut Trainer,
        keeper: &mut dyn Keeper,
    ) -> Result<Option<Outcome>, TrainError> {
        let training = &self.cell.training;
        let tokens_per_step = self.cell.tokens() / training.steps;
        let skipped = result.skipped;
        let (loss, gradient_norm) = result.read();
        let mean_loss = self.mean_loss(trainer);
        let step = Step {
            step: self.progress.step,
            tokens: self.progress.step * tokens_per_step,
            loss,
            mean_loss: Some(mean_loss),
            learning_rate: learning_rate(&training.schedule, self.progress.step, training.steps),
            gradient_norm,
            seconds: self.seconds(),
        };
        keeper.record(&step)?;
        let start = *self.progress.first_loss.get_or_insert(loss);
        self.progress.above_start = if loss > start {
            self.progress.above_start + 1
        } else {
            0
        };
        let reason = if !loss.is_finite() {
            format!("the loss was no longer finite at step {}", step.step)
        } else if !gradient_norm.is_finite() && !skipped {
            format!("the gradient was no longer finite at step {}", step.step)
        } else if self.progress.above_start >= LONG_ABOVE_START {
            format!(
                "the loss lay above its start for {LONG_ABOVE_START} logged steps, until step {}",
                step.step
            )
        } else {
            return Ok(None);
        };
        Ok(Some(self.diverged(trainer, reason)))
    }

    /// The outcome of a run whose gradient overflows whatever the loss scale.
    fn overflows(&self, trainer: &Trainer) -> Option<Outcome> {
        let exhausted = trainer.loss_scale.is_some_and(|scale| scale.is_exhausted());
        exhausted.then(|| {
            let reason = format!(
                "the gradient overflowed at every loss scale down to 1, until step {}",
                self.progress.step
            );
            self.diverged(trainer, reason)
        })
    }

    fn diverged(&self, trainer: &Trainer, reason: String) -> Outcome {
        Outcome {
            seconds: self.split(),
            peak_memory: trainer.peak_memory(),
            skipped_steps: trainer.loss_scale.map_or(0, |scale| scale.skipped),
            ..Outcome::unscored(Status::Diverged, reason)
        }
    }

    /// The mean loss of the steps since the last logged one.
    fn mean_loss(&mut self, trainer: &mut Trainer) -> Nats {
        let before = self.progress.means.last().map_or(0, |mean| mean.step);
        let step = self.progress.step;
        let loss = trainer.take_unread().map_or(f64::NAN, f64::from) / (step - before) as f64;
        self.progress.means.push(Mean { step, loss });
        loss
    }

    /// The mean loss of the last of the steps, from the logged step before them on.
    fn train_loss(&self) -> Nats {
        let means = &self.progress.means;
        let last = means.len().div_ceil(LAST_SHARE);
        let from = means.len() - last;
        let mut before = from.checked_sub(1).map_or(0, |at| means[at].step);
        let (mut sum, mut steps) = (0.0, 0.0);
        for mean in &means[from..] {
            let weight = (mean.step - before) as f64;
            sum += weight * mean.loss;
            steps += weight;
            before = mean.step;
        }
        sum / steps
    }

    fn split(&self) -> TimeSplit {
        let steps = self.seconds() - self.progress.compile - self.progress.data;
        TimeSplit {
            compile: self.progress.compile,
            data: self.progress.data,
            steps: steps.max(0.0),
            evaluation: 0.0,
        }
    }

    fn score(
        mut self,
        trainer: &Trainer,
        corpus: &Corpus,
        device: &Device,
    ) -> Result<Outcome, TrainError> {
        self.progress.data += trainer.data_seconds;
        let mut seconds = self.split();
        let scoring = Instant::now();
        let score = evaluate(&trainer.model, self.cell, &corpus.validation, device);
        seconds.evaluation = scoring.elapsed().as_secs_f64();
        let steps = self.cell.training.steps;
        let timed_tokens = steps.saturating_sub(FIRST_STEPS) * (self.cell.tokens() / steps);
        let timed = seconds.data + seconds.steps;
        let finite = score.loss.is_finite();
        Ok(Outcome {
            status: if finite {
                Status::Done
            } else {
                Status::Diverged
            },
            reason: (!finite).then(|| "the validation loss is not finite".to_owned()),
            loss: finite.then_some(score.loss),
            loss_se: finite.then_some(score.se),
            train_loss: Some(self.train_loss()).filter(|loss| loss.is_finite()),
            skipped_steps: trainer.loss_scale.map_or(0, |scale| scale.skipped),
            scored_tokens: score.tokens,
            tokens_per_second: (timed_tokens > 0).then(|| timed_tokens as f64 / timed),
            seconds,
            peak_memory: trainer.peak_memory(),
        })
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
        let weights = |trainer: &Trainer| trainer.model.clone().into_record().into_bytes().unwrap();
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

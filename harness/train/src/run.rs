//! One training run of one cell, from its first step or a checkpoint to its score.

use std::io;
use std::time::Instant;

use burn::tensor::Device;
use isoflop_corpus::Corpus;
use isoflop_machine::{give_back_memory, reset_peak_memory};
use isoflop_suite::{
    Cell, DeviceName, End, Nats, Outcome, Scores, Seconds, SetScore, Step, TimeSplit,
};

use crate::checkpoint::{Checkpoint, Mean, RunState};
use crate::schedule::learning_rate;
use crate::step::{StepResult, Trainer};
use crate::{Scored, TrainError, evaluate, on_threads, open_device};

/// Steps in which kernels are compiled and tuned and allocators fill; they are timed apart.
pub const FIRST_STEPS: u64 = 3;
/// About how many steps of a run are logged. Reading a loss waits for the device.
const LOGGED_STEPS: u64 = 256;
/// Logged steps in a row above the first one's loss after which a run has diverged.
const LONG_ABOVE_START: u64 = 48;
/// The training loss of a run is the mean over its last logged steps, one in this many.
const LAST_SHARE: usize = 20;

/// Who keeps a run: its log, its checkpoints, and whether it is to go on.
pub trait Keeper {
    /// The checkpoint to go on from, if there is one.
    ///
    /// # Errors
    /// If it cannot be read; the run ends.
    fn checkpoint(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Hears after which step the run begins and how many steps were logged up to it, and forgets those
    /// logged later. Returns whether it has all of them: a log that is shorter than its checkpoint is
    /// of no use.
    ///
    /// # Errors
    /// If the log cannot be read or written; the run ends.
    fn begin(&mut self, step: u64, logged: usize) -> io::Result<bool>;

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

    /// How many threads of the processor the run has, which may change from step to step.
    fn threads(&self) -> usize;
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
    device: &DeviceName,
    keeper: &mut (dyn Keeper + Send),
) -> Result<Outcome, TrainError> {
    let (device, mut run, mut trainer) = on_threads(keeper.threads(), || {
        let device = open_device(device)?;
        let (run, trainer) = begin(cell, corpus, &device, keeper)?;
        Ok::<_, TrainError>((device, run, trainer))
    })??;
    loop {
        let threads = keeper.threads();
        let outcome = on_threads(threads, || {
            match run.steps(&mut trainer, keeper, threads)? {
                Pause::OtherThreads => Ok(None),
                Pause::Diverged(outcome) => Ok(Some(outcome)),
                Pause::Trained => run.score(&trainer, corpus, &device).map(Some),
            }
        })??;
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
}

/// A run before its next step, from its beginning or its keeper's checkpoint.
fn begin<'a>(
    cell: &'a Cell,
    corpus: &'a Corpus,
    device: &Device,
    keeper: &mut dyn Keeper,
) -> Result<(Run<'a>, Trainer<'a>), TrainError> {
    give_back_memory();
    reset_peak_memory();
    let begin = Instant::now();
    let mut trainer = Trainer::new(cell, corpus, device)?;
    let mut state = RunState::default();
    if let Some(bytes) = keeper.checkpoint()? {
        // One that cannot be used costs the steps it held, and nothing else.
        match Checkpoint::from_bytes(&bytes).and_then(|checkpoint| trainer.restore(checkpoint)) {
            Ok(restored) => state = restored,
            Err(_) => trainer = Trainer::new(cell, corpus, device)?,
        }
    }
    if !keeper.begin(state.step, state.means.len())? {
        (trainer, state) = (Trainer::new(cell, corpus, device)?, RunState::default());
        keeper.begin(0, 0)?;
    }
    let run = Run {
        cell,
        // As if all of it had been spent in one go.
        begin,
        before: state.seconds,
        first: state.step,
        state,
    };
    Ok((run, trainer))
}

/// Why a run does no further step for now.
enum Pause {
    /// It is to go on with other threads.
    OtherThreads,
    Diverged(Outcome),
    /// It has done them all.
    Trained,
}

/// A run under way.
struct Run<'a> {
    cell: &'a Cell,
    begin: Instant,
    /// Seconds spent before this process took it on.
    before: Seconds,
    /// The step at which this process took it on.
    first: u64,
    state: RunState,
}

impl Run<'_> {
    fn seconds(&self) -> Seconds {
        self.before + self.begin.elapsed().as_secs_f64()
    }

    /// Trains to the last step, as long as it has so many threads.
    fn steps(
        &mut self,
        trainer: &mut Trainer,
        keeper: &mut dyn Keeper,
        threads: usize,
    ) -> Result<Pause, TrainError> {
        let steps = self.cell.training.steps;
        let every = steps.div_ceil(LOGGED_STEPS).max(1);
        for step in self.state.step + 1..=steps {
            let result = trainer.step();
            self.state.step = step;
            if step == (self.first + FIRST_STEPS).min(steps) {
                trainer.sync()?;
                self.compiled(trainer);
            }
            let logged = step % every == 0 || step == steps || step == 1;
            if logged && let Some(diverged) = self.log(result, trainer, keeper)? {
                return Ok(Pause::Diverged(diverged));
            }
            if let Some(diverged) = self.overflows(trainer) {
                return Ok(Pause::Diverged(diverged));
            }
            let stops = keeper.stops();
            if stops || keeper.wants_checkpoint() {
                self.state.seconds = self.seconds();
                keeper.keep(&trainer.checkpoint(&self.state)?)?;
            }
            if stops {
                return Err(TrainError::Stopped);
            }
            if keeper.threads() != threads && step < steps {
                return Ok(Pause::OtherThreads);
            }
        }
        trainer.sync()?;
        Ok(Pause::Trained)
    }

    /// The first steps are over: kernels are compiled, allocators filled.
    fn compiled(&mut self, trainer: &mut Trainer) {
        self.state.compile += self.begin.elapsed().as_secs_f64();
        trainer.forget_data_seconds();
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
        let skipped = result.is_skipped();
        let [loss, gradient_norm, sum] = trainer.log(result);
        if self.state.step == 1 && loss == 0.0 && self.cell.model.vocabulary > 1 {
            // A backend whose kernels could not be compiled went on with buffers that nothing was written to.
            let what = "the loss of the first step is exactly 0, so its kernels did not run";
            return Err(TrainError::Device(what.to_owned()));
        }
        let mean_loss = self.mean_loss(sum);
        let step = Step {
            step: self.state.step,
            tokens: self.state.step * tokens_per_step,
            loss,
            mean_loss: Some(mean_loss),
            learning_rate: learning_rate(&training.schedule, self.state.step, training.steps),
            gradient_norm,
            seconds: self.seconds(),
        };
        keeper.record(&step)?;
        let start = *self.state.first_loss.get_or_insert(loss);
        self.state.above_start = if loss > start {
            self.state.above_start + 1
        } else {
            0
        };
        let reason = if !loss.is_finite() {
            format!("the loss was no longer finite at step {}", step.step)
        } else if !gradient_norm.is_finite() && !skipped {
            format!("the gradient was no longer finite at step {}", step.step)
        } else if self.state.above_start >= LONG_ABOVE_START {
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
        trainer.is_exhausted().then(|| {
            let reason = format!(
                "the gradient overflowed at every loss scale down to 1, until step {}",
                self.state.step
            );
            self.diverged(trainer, reason)
        })
    }

    fn diverged(&self, trainer: &Trainer, reason: String) -> Outcome {
        Outcome {
            end: End::Diverged(reason),
            tokens_per_second: None,
            skipped_steps: trainer.skipped_steps(),
            seconds: self.split(),
            peak_memory: trainer.peak_memory(),
        }
    }

    /// The mean loss of the steps since the last logged one, whose losses have this sum.
    fn mean_loss(&mut self, sum: f64) -> Nats {
        let before = self.state.means.last().map_or(0, |mean| mean.step);
        let step = self.state.step;
        let loss = sum / (step - before) as f64;
        self.state.means.push(Mean { step, loss });
        loss
    }

    /// The mean loss of the last of the steps, from the logged step before them on.
    fn train_loss(&self) -> Nats {
        let means = &self.state.means;
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
        let steps = self.seconds() - self.state.compile - self.state.data;
        TimeSplit {
            compile: self.state.compile,
            data: self.state.data,
            steps: steps.max(0.0),
            evaluation: 0.0,
        }
    }

    fn score(
        &mut self,
        trainer: &Trainer,
        corpus: &Corpus,
        device: &Device,
    ) -> Result<Outcome, TrainError> {
        self.state.data += trainer.data_seconds();
        let mut seconds = self.split();
        let scoring = Instant::now();
        let cell = self.cell;
        let own = Scored::held_out(cell, corpus);
        let score = evaluate(trainer.model(), cell, own, device);
        let sets = cell.evaluation.sets.iter().map(|set| {
            let text = Scored::set(set, corpus).expect("the plan's sets are the corpus's");
            let score = evaluate(trainer.model(), cell, text, device);
            SetScore {
                name: set.name.clone(),
                bytes_per_token: text.bytes_per_token(),
                loss: score.loss,
                loss_se: score.se,
                scored_tokens: score.tokens,
                documents: score.documents,
            }
        });
        let sets: Vec<SetScore> = sets.collect();
        seconds.evaluation = scoring.elapsed().as_secs_f64();
        let steps = self.cell.training.steps;
        let timed_tokens = steps.saturating_sub(FIRST_STEPS) * (self.cell.tokens() / steps);
        let timed = seconds.data + seconds.steps;
        let end = if score.loss.is_finite() && sets.iter().all(|set| set.loss.is_finite()) {
            End::Done(Scores {
                loss: score.loss,
                loss_se: score.se,
                documents: score.documents,
                train_loss: Some(self.train_loss()).filter(|loss| loss.is_finite()),
                scored_tokens: score.tokens,
                sets,
            })
        } else {
            let set = sets.iter().find(|set| !set.loss.is_finite());
            let of = set.map_or_else(String::new, |set| format!(" of `{}`", set.name));
            End::Diverged(format!("the validation loss{of} is not finite"))
        };
        Ok(Outcome {
            end,
            tokens_per_second: (timed_tokens > 0).then(|| timed_tokens as f64 / timed),
            skipped_steps: trainer.skipped_steps(),
            seconds,
            peak_memory: trainer.peak_memory(),
        })
    }
}

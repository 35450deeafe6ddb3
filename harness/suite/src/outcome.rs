//! What training a cell reports: its steps, and how it ended.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Nats, Seconds, Tokens};

/// One logged optimizer step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Steps done, from 1.
    pub step: u64,
    /// Tokens trained on so far.
    pub tokens: Tokens,
    /// Mean training loss of the step's batch, before its update.
    #[serde(with = "crate::number")]
    pub loss: Nats,
    /// Mean of that loss over all steps since the last logged one. Logs of before have only `loss`.
    #[serde(default, with = "crate::number::option")]
    pub mean_loss: Option<Nats>,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Global norm of the gradient before clipping.
    #[serde(with = "crate::number")]
    pub gradient_norm: f64,
    /// Since training began, without evaluation.
    pub seconds: Seconds,
}

/// How a run ended. A status is data in the table, never a line of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Trained and scored.
    Done,
    /// The loss or the gradient was no longer finite.
    Diverged,
    /// The device or the machine had no memory left.
    OutOfMemory,
    /// An error, or the end of the process.
    Failed,
    /// Left out by the user.
    Excluded,
}

impl Status {
    /// The word for it in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Diverged => "diverged",
            Status::OutOfMemory => "out-of-memory",
            Status::Failed => "failed",
            Status::Excluded => "excluded",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        const ALL: [Status; 5] = [
            Status::Done,
            Status::Diverged,
            Status::OutOfMemory,
            Status::Failed,
            Status::Excluded,
        ];
        let found = ALL.into_iter().find(|status| status.as_str() == name);
        found.ok_or_else(|| {
            "it is one of done, diverged, out-of-memory, failed, excluded".to_owned()
        })
    }
}

/// Where a run's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSplit {
    /// Building the model and the first steps, in which kernels are compiled and tuned.
    pub compile: Seconds,
    /// Reading batches and moving them to the device.
    pub data: Seconds,
    /// Forward, backward and update, after the first steps.
    pub steps: Seconds,
    /// Scoring.
    pub evaluation: Seconds,
}

/// What a finished run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// Why, where the status is not `Done`.
    pub reason: Option<String>,
    /// Mean loss over the scored validation tokens.
    pub loss: Option<Nats>,
    /// Its standard error, from the spread between sequences.
    pub loss_se: Option<Nats>,
    /// Mean training loss over the last twentieth of the steps.
    pub train_loss: Option<Nats>,
    /// Steps left out because a gradient overflowed in 16-bit floats at the loss scale of the time.
    #[serde(default)]
    pub skipped_steps: u64,
    /// Validation tokens scored.
    pub scored_tokens: Tokens,
    /// Tokens per second over the steps after warm-up of the device.
    pub tokens_per_second: Option<f64>,
    /// Where the time went.
    pub seconds: TimeSplit,
    /// Most memory held while it trained: on a GPU what its allocator has taken, on a processor the
    /// process's resident memory.
    pub peak_memory: Option<Bytes>,
}

impl Outcome {
    /// The outcome of a run that ended before it was scored.
    pub fn unscored(status: Status, reason: String) -> Self {
        Outcome {
            status,
            reason: Some(reason),
            loss: None,
            loss_se: None,
            train_loss: None,
            skipped_steps: 0,
            scored_tokens: 0,
            tokens_per_second: None,
            seconds: TimeSplit::default(),
            peak_memory: None,
        }
    }
}

/// How often a cell that did not end well is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retry {
    /// After an error, or the end of its process.
    pub failed: u32,
    /// After the device or the machine had no memory left.
    pub out_of_memory: u32,
    /// After its loss was no longer finite, or above its start for long.
    pub diverged: u32,
}

impl Default for Retry {
    /// A process may die of what is over by now; memory and divergence are the cell's own.
    fn default() -> Self {
        Retry {
            failed: 1,
            out_of_memory: 0,
            diverged: 0,
        }
    }
}

impl Retry {
    /// Whether a cell that ended so, in this many tries, is tried again.
    pub fn again(&self, status: Status, tries: u32) -> bool {
        tries <= self.times(status)
    }

    /// How often a cell that ended so is tried again.
    pub fn times(&self, status: Status) -> u32 {
        match status {
            Status::Done | Status::Excluded => 0,
            Status::Diverged => self.diverged,
            Status::OutOfMemory => self.out_of_memory,
            Status::Failed => self.failed,
        }
    }
}

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
    pub loss: Nats,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Global norm of the gradient before clipping.
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
    /// As written in tables.
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
    /// Validation tokens scored.
    pub scored_tokens: Tokens,
    /// Tokens per second over the steps after warm-up of the device.
    pub tokens_per_second: Option<f64>,
    /// Where the time went.
    pub seconds: TimeSplit,
    /// The process's peak of resident memory, where the system tells.
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
            scored_tokens: 0,
            tokens_per_second: None,
            seconds: TimeSplit::default(),
            peak_memory: None,
        }
    }
}

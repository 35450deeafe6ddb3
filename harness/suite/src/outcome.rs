//! What training a cell reports: its steps, and how it ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Status {
    /// Trained and scored.
    Done,
    /// The loss or the gradient was no longer finite, or the loss was above its start for long.
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
        self.into()
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Status::VARIANTS.iter().copied();
        all.find(|status| status.as_str() == name).ok_or_else(|| {
            let words: Vec<&str> = Status::VARIANTS.iter().map(|it| it.as_str()).collect();
            format!("it must be one of {}", words.join(", "))
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

/// How a run ended, and what it measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Tokens per second over the steps after the first ones.
    pub tokens_per_second: Option<f64>,
    /// Steps left out because a gradient overflowed in 16-bit floats at the loss scale of the time.
    pub skipped_steps: u64,
    /// Where the time went.
    pub seconds: TimeSplit,
    /// Most memory held while it trained: on a GPU what its allocator has taken, on a processor the
    /// process's resident memory.
    pub peak_memory: Option<Bytes>,
}

/// How a run ended, with its scores or with the reason why it has none.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// Trained and scored.
    Done(Scores),
    /// The loss or the gradient was no longer finite, or the loss was above its start for long.
    Diverged(String),
    /// The device or the machine had no memory left.
    OutOfMemory(String),
    /// An error, or the end of the process.
    Failed(String),
    /// Left out by the user.
    Excluded(String),
}

/// What a trained model was found to be worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Mean loss over the scored validation tokens.
    pub loss: Nats,
    /// Its standard error, from the spread between documents.
    pub loss_se: Option<Nats>,
    /// The loss of each document, in their order.
    pub documents: Vec<DocumentLoss>,
    /// Mean training loss over the last twentieth of the steps.
    pub train_loss: Option<Nats>,
    /// Validation tokens scored.
    pub scored_tokens: Tokens,
    /// The same of the named validation sets.
    pub sets: Vec<SetScore>,
}

/// A model's loss on a named validation set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetScore {
    /// The set's name.
    pub name: String,
    /// Mean loss over its tokens that were scored.
    pub loss: Nats,
    /// Its standard error, from the spread between documents.
    pub loss_se: Option<Nats>,
    /// Tokens scored.
    pub scored_tokens: Tokens,
    /// Bytes of text per token, where that is known.
    pub bytes_per_token: Option<f64>,
    /// The loss of each document, in their order.
    pub documents: Vec<DocumentLoss>,
}

/// A model's loss on a document held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentLoss {
    /// A hash of the document's text.
    pub id: String,
    /// Its tokens that were scored.
    pub tokens: Tokens,
    /// Mean loss over these.
    pub loss: Nats,
    /// Mean loss of the exact language over these, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle_loss: Option<Nats>,
}

impl DocumentLoss {
    /// The mean over the tokens of documents, of numbers per token.
    fn mean(documents: &[Self], of: impl Fn(&Self) -> f64) -> f64 {
        let tokens: f64 = documents.iter().map(|it| it.tokens as f64).sum();
        documents
            .iter()
            .map(|it| it.tokens as f64 * of(it))
            .sum::<f64>()
            / tokens
    }

    /// The standard error of such a mean, from its spread between documents (that of a ratio, Cochran 1977, eq. 6.13);
    /// `None` of fewer than two.
    pub fn standard_error(documents: &[Self], of: impl Fn(&Self) -> f64) -> Option<f64> {
        let n = documents.len() as f64;
        let tokens: f64 = documents.iter().map(|it| it.tokens as f64).sum();
        let mean = Self::mean(documents, &of);
        let off = |it: &Self| (it.tokens as f64 * (of(it) - mean)).powi(2);
        let sum: f64 = documents.iter().map(off).sum();
        (documents.len() > 1).then(|| (n / (n - 1.0) * sum).sqrt() / tokens)
    }
}

impl Scores {
    /// Loss of the exact language on the tokens scored, where it is known.
    pub fn oracle_loss(&self) -> Option<Nats> {
        let known = self.documents.iter().all(|it| it.oracle_loss.is_some());
        let oracle = |it: &DocumentLoss| it.oracle_loss.unwrap_or(f64::NAN);
        (known && !self.documents.is_empty()).then(|| DocumentLoss::mean(&self.documents, oracle))
    }

    /// The standard error of the loss over that of the exact language: document by document most of what makes a
    /// text hard is gone.
    pub fn excess_se(&self) -> Option<Nats> {
        self.oracle_loss()?;
        let excess = |it: &DocumentLoss| it.loss - it.oracle_loss.unwrap_or(f64::NAN);
        DocumentLoss::standard_error(&self.documents, excess)
    }
}

impl End {
    /// The status that tables have.
    pub fn status(&self) -> Status {
        match self {
            End::Done(_) => Status::Done,
            End::Diverged(_) => Status::Diverged,
            End::OutOfMemory(_) => Status::OutOfMemory,
            End::Failed(_) => Status::Failed,
            End::Excluded(_) => Status::Excluded,
        }
    }

    /// The scores of a run that is done.
    pub fn scores(&self) -> Option<&Scores> {
        match self {
            End::Done(scores) => Some(scores),
            _ => None,
        }
    }

    /// Why a run is not done.
    pub fn reason(&self) -> Option<&str> {
        match self {
            End::Done(_) => None,
            End::Diverged(reason)
            | End::OutOfMemory(reason)
            | End::Failed(reason)
            | End::Excluded(reason) => Some(reason),
        }
    }
}

impl Outcome {
    /// The outcome of a run of which nothing is known but its end.
    pub fn unmeasured(end: End) -> Self {
        Outcome {
            end,
            tokens_per_second: None,
            skipped_steps: 0,
            seconds: TimeSplit::default(),
            peak_memory: None,
        }
    }
}

/// How often a cell that did not end well is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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

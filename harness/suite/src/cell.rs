//! A cell: everything that decides a result, and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Flops, Model, Precision, ScheduleKind, Tokenizer, Tokens};

/// One point of a suite, fully resolved. The same cell can run on several devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The tokens.
    pub corpus: CorpusIdentity,
    /// The model.
    pub model: Model,
    /// How it is trained.
    pub training: Training,
    /// How it is scored.
    pub evaluation: Evaluation,
    /// Seed of initial weights, and of data order where that has none of its own.
    pub seed: u64,
    /// Seed of data order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_seed: Option<u64>,
    /// How many of the training tokens, a sample of all, are trained on, again and again where that is needed; all, where nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_tokens: Option<Tokens>,
}

/// A corpus by what it holds, not by where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusIdentity {
    /// Hash of both parts' tokens.
    pub sha256: String,
    /// How its bytes became tokens.
    pub tokenizer: Tokenizer,
}

/// Training, resolved to steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Optimizer steps.
    pub steps: u64,
    /// Sequences per step.
    pub batch: u64,
    /// Sequences per forward pass; divides the batch.
    pub micro_batch: u64,
    /// The learning rate's course.
    pub schedule: Schedule,
    /// AdamW's settings.
    pub optimizer: Optimizer,
    /// The gradient's global norm is clipped to this.
    pub gradient_clip: f64,
    /// What a step computes in.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

/// The learning rate's course, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Shape after warm-up.
    pub kind: ScheduleKind,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear rise.
    pub warmup_steps: u64,
    /// Steps of linear fall, for `warmup-stable-decay`.
    pub decay_steps: u64,
}

/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Weight decay per unit of learning rate, on matrices alone.
    pub weight_decay: f64,
}

/// The fixed validation tokens a model is scored on: those of the first documents held out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The last token scored, by its place in the validation part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens: Tokens,
    /// Sequences scored at equal distances, in cells of versions that did so; 0 in cells of this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequences: u64,
    /// Tokens that every token scored has before it at least.
    pub context: u64,
    /// Further texts that are scored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<EvaluationSet>,
}

/// A named validation set, of which the first documents are scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSet {
    /// Its name.
    pub name: String,
    /// Hash of its tokens.
    pub sha256: String,
    /// The last token scored, by its place.
    pub tokens: Tokens,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Evaluation {
    /// Sequences of this length that the model reads for it.
    pub fn windows(&self, sequence_length: u64) -> u64 {
        let scored = [self.tokens]
            .into_iter()
            .chain(self.sets.iter().map(|set| set.tokens));
        scored
            .map(|tokens| tokens.div_ceil(sequence_length - self.context))
            .sum()
    }
}

impl Cell {
    /// Tokens trained on: D.
    pub fn tokens(&self) -> Tokens {
        self.training.steps * self.training.batch * self.model.sequence_length
    }

    /// Seed of data order.
    pub fn order_seed(&self) -> u64 {
        self.order_seed.unwrap_or(self.seed)
    }

    /// The identity that replicates share: of the cell but for its seeds.
    pub fn replicate(&self) -> CellId {
        let without_seeds = Cell {
            seed: 0,
            order_seed: None,
            ..self.clone()
        };
        without_seeds.id()
    }

    /// What a run costs on a device, for sharing out work and for remaining time: every matrix
    /// multiply as kernels run it.
    pub fn cost(&self) -> Flops {
        crate::TrainingFlops::new(&self.model, self.tokens()).matmul_full
    }

    /// The cell's identity: a hash of its canonical JSON.
    pub fn id(&self) -> CellId {
        let value = serde_json::to_value(self).expect("a cell is plain data");
        let mut text = String::new();
        write_canonical(&value, &mut text);
        let digest = Sha256::digest(text.as_bytes());
        CellId(
            digest[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

/// Sixteen hexadecimal digits that name a cell, wherever and whenever it runs. They name a folder too, so
/// nothing else is read as an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellId(String);

/// A word that is no id of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no id of a cell: an id is 16 hexadecimal digits", .0.escape_debug())]
pub struct NoCellId(String);

impl TryFrom<String> for CellId {
    type Error = NoCellId;

    fn try_from(word: String) -> Result<Self, NoCellId> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if word.len() == 16 && word.bytes().all(digit) {
            Ok(CellId(word))
        } else {
            Err(NoCellId(word))
        }
    }
}

impl From<CellId> for String {
    fn from(id: CellId) -> String {
        id.0
    }
}

impl CellId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// JSON with keys in order and no white space. `serde_json` keeps keys in order only while no
/// crate of the build turns on its `preserve_order`, so the order is made here.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

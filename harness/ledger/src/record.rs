//! What goes to disk. These types are the file format; a change of theirs is a new `FORMAT`.

use std::collections::BTreeMap;

use isoflop_suite::{
    Cell, CellId, DocumentLoss, End, EvaluationSet, Flops, Nats, Outcome, Scores, SetScore, Status,
    TimeSplit, Verdict,
};
use serde::{Deserialize, Serialize};

/// Version of `cell.json`, `result.json` and `machine.json`.
pub const FORMAT: u32 = 1;

/// `cell.json`: the resolved cell of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Version of this format.
    pub format: u32,
    /// The cell's identity.
    pub id: CellId,
    /// The compute budget it was made for, if any. It labels the cell's slice and decides nothing.
    pub flops_budget: Option<Flops>,
    /// The cell.
    pub cell: Cell,
}

impl CellRecord {
    /// The record of a cell.
    pub fn new(cell: Cell, flops_budget: Option<Flops>) -> Self {
        CellRecord {
            format: FORMAT,
            id: cell.id(),
            flops_budget,
            cell,
        }
    }
}

/// `result.json`: how a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this format.
    pub format: u32,
    /// The cell's identity.
    pub id: CellId,
    /// The attempt that published it.
    pub attempt: u32,
    /// How often the cell has been tried to its end.
    #[serde(default = "once")]
    pub tries: u32,
    /// The device's name.
    pub device: String,
    /// Its adapter, as the driver names it; the processor has none.
    pub adapter: Option<String>,
    /// Its driver and the driver's version; the processor has none.
    #[serde(default)]
    pub driver: Option<String>,
    /// What the check of the device in the cell's precision said. Results from before there was a check
    /// have nothing here.
    #[serde(default)]
    pub device_check: Option<Verdict>,
    /// Threads the run could use, on a CPU.
    pub threads: usize,
    /// This program's version.
    pub version: String,
    /// Bytes of text per token.
    pub bytes_per_token: Option<f64>,
    /// The corpus's exact entropy rate, where it is known.
    pub entropy_rate: Option<Nats>,
    /// How it ended, and what it measured.
    #[serde(with = "crate::outcome")]
    pub outcome: Outcome,
    /// SHA-256 of its log of steps.
    #[serde(default)]
    pub steps_sha256: Option<String>,
    /// What made it.
    #[serde(default)]
    pub provenance: Option<RunProvenance>,
}

impl RunRecord {
    /// How the run ended, in a word.
    pub fn status(&self) -> Status {
        self.outcome.end.status()
    }

    /// The record of a run that has not been made, as if it were done with this loss.
    pub(crate) fn placeholder(cell: &CellRecord, loss: Nats) -> Self {
        // No two alike, so that errors are above zero.
        let tilt = u64::from_str_radix(&cell.id.as_str()[..4], 16).unwrap_or(1) as f64 * 1e-6;
        let document = |number: u64, tilt: f64| DocumentLoss {
            id: number.to_string(),
            tokens: 1,
            loss: loss * (1.0 + tilt),
            oracle_loss: None,
        };
        let set = |set: &EvaluationSet| SetScore {
            name: set.name.clone(),
            loss,
            loss_se: Some(0.01 * loss),
            scored_tokens: set.tokens,
            bytes_per_token: Some(1.0),
            documents: vec![document(0, tilt), document(1, -tilt)],
        };
        let outcome = Outcome {
            end: End::Done(Scores {
                loss,
                loss_se: Some(0.01 * loss),
                train_loss: Some(loss),
                scored_tokens: 0,
                // As of a language that is known, which a law may be of.
                documents: vec![DocumentLoss {
                    id: String::new(),
                    tokens: 1,
                    loss,
                    oracle_loss: Some(0.5 * loss),
                }],
                sets: cell.cell.evaluation.sets.iter().map(set).collect(),
            }),
            tokens_per_second: Some(loss),
            skipped_steps: 0,
            seconds: TimeSplit {
                compile: loss,
                data: loss,
                steps: loss,
                evaluation: loss,
            },
            peak_memory: Some((1e9 * loss) as u64),
        };
        RunRecord {
            format: FORMAT,
            id: cell.id.clone(),
            attempt: 1,
            tries: 1,
            device: String::new(),
            adapter: None,
            driver: None,
            device_check: None,
            threads: 1,
            version: String::new(),
            bytes_per_token: Some(1.0),
            entropy_rate: Some(0.5 * loss),
            outcome,
            steps_sha256: None,
            provenance: None,
        }
    }
}

/// What made a result: the program, how it was called, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunProvenance {
    /// The commit that the program was built from, where it was built in a checkout.
    pub commit: Option<String>,
    /// Whether the checkout had changes of its own.
    pub dirty: Option<bool>,
    /// SHA-256 of the Cargo.lock that the program was built with.
    pub cargo_lock_sha256: String,
    /// Its Cargo features.
    pub features: Vec<String>,
    /// The user's command line.
    pub command: Vec<String>,
    /// Operating system and architecture.
    pub system: String,
    /// The processor, where the system tells.
    pub processor: Option<String>,
    /// The vector instructions that the processor computed with, where it was the device.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Settings of the environment that can change numbers or speed, of those that are set.
    pub environment: BTreeMap<String, String>,
    /// The corpus trained on.
    pub corpus_sha256: String,
    /// The machine of a cluster that it was trained on.
    #[serde(default)]
    pub node: Option<String>,
}

/// `machine.json`: where the results of a folder were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineRecord {
    /// Version of this format.
    pub format: u32,
    /// Operating system and architecture.
    pub system: String,
    /// The processor, where the system tells.
    pub processor: Option<String>,
    /// Hardware threads.
    pub threads: usize,
    /// The device's name.
    pub device: String,
    /// Worker processes that shared it.
    pub workers: usize,
    /// This program's version.
    pub version: String,
}

fn once() -> u32 {
    1
}

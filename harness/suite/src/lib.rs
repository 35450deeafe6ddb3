//! Experiment definitions and everything that follows from them before a device is touched:
//! the plan (a list of cells), parameter, FLOP and memory accounting, and cell identity.
//!
//! ```
//! let toml = r#"
//!     [corpus.files]
//!     paths = ["book.txt"]
//!
//!     [[sweep]]
//!     width = [32, 64]
//!     depth = 2
//!     tokens = [1e6, 2e6]
//! "#;
//! let definition = isoflop_suite::Definition::parse(toml, "tiny.toml").unwrap();
//! let corpus = isoflop_suite::CorpusFacts {
//!     sets: Vec::new(),
//!     sha256: "0".repeat(64),
//!     tokenizer: isoflop_suite::Tokenizer::Bytes,
//!     vocabulary: 256,
//!     train_tokens: 10_000_000,
//!     validation_tokens: 500_000,
//!     bytes_per_token: Some(1.0),
//!     held_out: vec![1 << 14; 60],
//! };
//! let plan = isoflop_suite::Plan::new(&definition, &corpus).unwrap();
//! assert_eq!(plan.cells.len(), 4);
//! ```

mod axis;
mod cell;
mod definition;
mod device;
mod error;
mod flops;
mod memory;
mod model;
pub mod number;
mod outcome;
mod plan;
mod precision;
mod rules;
pub mod slips;
mod verdict;

pub use axis::Axis;
pub use cell::{
    Cell, CellId, CorpusIdentity, Evaluation, EvaluationSet, NoCellId, Optimizer, Schedule,
    Training,
};
pub use definition::{
    CargoCorpus, Change, CorpusDefinition, CorpusFacts, CorpusSource, Definition,
    EvaluationDefinition, Figure, FilesCorpus, FitDefinition, GrammarCorpus, HubCorpus,
    ModelDefinition, NoChange, ScheduleKind, ShardsCorpus, SlurmDefinition, Sweep, TextTokens,
    TokenType, Tokenizer, TrainingDefinition, ValidationDefinition, ValidationFacts,
};
pub use device::{Backend, DeviceName, NoDevice};
pub use error::DefinitionError;
pub use flops::TrainingFlops;
pub use memory::{process_memory, training_memory};
pub use model::{FeedForward, Model, ParameterCount};
pub use outcome::{DocumentLoss, End, Outcome, Retry, Scores, SetScore, Status, Step, TimeSplit};
pub use plan::{Plan, PlannedCell};
pub use precision::{NoPrecision, Precision};
pub use rules::Decision;
pub use verdict::Verdict;

/// Parameters, as a count.
pub type Parameters = u64;
/// Tokens, as a count.
pub type Tokens = u64;
/// Floating-point operations, as a count (never a rate).
pub type Flops = f64;
/// Seconds of wall-clock time.
pub type Seconds = f64;
/// Nats per token.
pub type Nats = f64;
/// Bytes.
pub type Bytes = u64;

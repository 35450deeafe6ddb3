//! What can go wrong with training, and what to do about it.

use isoflop_suite::NoDevice;

/// A run that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A device's name that names nothing.
    #[error(transparent)]
    NoDevice(#[from] NoDevice),
    /// A cell made for another corpus.
    #[error("the cell is of corpus {wanted}, and the corpus opened is {opened}")]
    OtherCorpus {
        /// Hash in the cell.
        wanted: String,
        /// Hash of the corpus.
        opened: String,
    },
    /// The model built has another number of parameters than the formula says.
    #[error("the model built has {built} parameters, and the formula says {formula}")]
    ParameterCount {
        /// Counted on the module.
        built: u64,
        /// By formula.
        formula: u64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A checkpoint that a run cannot go on from.
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(String),
    /// The run was asked to stop, and left a checkpoint.
    #[error("stopped, with a checkpoint to go on from")]
    Stopped,
    /// What is kept of the run could not be read or written.
    #[error("the run could not be kept")]
    Record(#[from] std::io::Error),
}

//! What a child needs to train cells of a suite.

use std::path::{Path, PathBuf};

use isoflop_device::Standing;
use isoflop_machine::cores;
use isoflop_suite::{Definition, DeviceName, Seconds};
use serde::{Deserialize, Serialize};

use crate::planning::Suite;
use crate::training::program::command_line;

/// Seconds after which a process that gives no sign of life loses its cell to another.
pub const LEASE: Seconds = 60.0;
/// Seconds between checkpoints.
pub const CHECKPOINT: Seconds = 60.0;

/// A suite to train, as the coordinator has read it: an edit of the file changes nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// The definition's file, as the user named it.
    pub file: String,
    /// What it held.
    pub text: String,
    pub device: DeviceName,
    /// How the device stands, as the coordinator found out.
    pub standing: Standing,
    /// Where prepared corpora are kept.
    pub cache: PathBuf,
    /// The folder of the suite's results on the device.
    pub folder: PathBuf,
    /// Processor threads to use.
    pub threads: usize,
    /// Seconds after which a process that gives no sign of life loses its cell to another.
    pub lease: Seconds,
    /// Seconds between checkpoints.
    pub checkpoint: Seconds,
    /// The user's command line.
    pub command: Vec<String>,
}

impl Assignment {
    /// A suite's, on all threads of the processor.
    pub fn new(suite: &Suite, cache: &Path, standing: Standing, folder: &Path) -> Self {
        Assignment {
            file: suite.definition.file().to_owned(),
            text: suite.definition.text().to_owned(),
            device: suite.device.clone(),
            standing,
            cache: cache.to_owned(),
            folder: folder.to_owned(),
            threads: cores(),
            lease: LEASE,
            checkpoint: CHECKPOINT,
            command: command_line(),
        }
    }

    /// The suite, in a child that was told to train it.
    ///
    /// # Errors
    /// If its corpus is not there any more.
    pub fn open(&self) -> anyhow::Result<Suite> {
        let definition = Definition::parse(&self.text, &self.file)?;
        Suite::new(definition, &self.cache, self.device.clone())
    }
}

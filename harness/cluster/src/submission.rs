//! `cluster.json`: what was submitted, beside the results.

use std::path::Path;

use isoflop_files::{exists, read_text, write_atomically};
use serde::{Deserialize, Serialize};

use crate::{ClusterError, Group};

/// What was submitted, beside the results.
pub const SUBMISSIONS: &str = "cluster.json";
/// The folder beside the results where elements' logs are.
pub const LOGS: &str = "cluster";

/// An array of elements that Slurm has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// Slurm's number for it.
    pub job: String,
    /// What it is.
    pub group: Group,
}

/// What one `submit` gave to Slurm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The arrays.
    pub arrays: Vec<Array>,
    /// The job that comes after all elements.
    pub last: String,
}

impl Submission {
    /// Slurm's numbers of all that was submitted.
    pub fn jobs(&self) -> impl Iterator<Item = &str> {
        self.arrays
            .iter()
            .map(|it| it.job.as_str())
            .chain([self.last.as_str()])
    }

    /// Adds it to the others of a folder of results.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub fn note(&self, path: &Path) -> Result<(), ClusterError> {
        let mut all = submissions(path)?;
        all.push(self.clone());
        let text = serde_json::to_vec_pretty(&all).expect("numbers and words are plain data");
        Ok(write_atomically(path, &text)?)
    }
}

/// All that was submitted for a folder of results, in order.
///
/// # Errors
/// If the record cannot be read.
pub fn submissions(path: &Path) -> Result<Vec<Submission>, ClusterError> {
    if !exists(path)? {
        return Ok(Vec::new());
    }
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|error| ClusterError::Record {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

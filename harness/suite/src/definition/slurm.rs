//! `[slurm]`: what a suite asks of a cluster.

use schemars::JsonSchema;
use serde::Deserialize;

/// `[slurm]`: what `isoflop submit --slurm` asks Slurm for. What is left out follows from the plan, or is the cluster's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlurmDefinition {
    /// The partition.
    pub partition: Option<String>,
    /// The account that pays.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// The time limit of an element, as Slurm writes it: `4:00:00`. A cell that takes longer goes on where it was.
    pub time: Option<String>,
    /// How many elements, at most.
    pub elements: Option<usize>,
    /// Cores of an element.
    pub cpus: Option<usize>,
    /// The GPU of an element, as Slurm names it: `1`, or `a100:1`.
    pub gpus: Option<String>,
    /// Lines of the script before the program, such as `module load cuda`.
    #[serde(default)]
    pub setup: Vec<String>,
    /// More options, such as `--constraint=ib`.
    #[serde(default)]
    pub options: Vec<String>,
}

//! Where a cluster's engine has put this process, and what of the machine it may use.

use isoflop_suite::Bytes;
use serde::{Deserialize, Serialize};

/// Where a process is, in the words of a cluster's engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The element of a job: `12_3` of Slurm's job 12.
    pub element: String,
    /// The name of the machine.
    pub node: Option<String>,
}

impl Place {
    /// Of this process, if an engine has started it.
    pub fn here() -> Option<Self> {
        // What the manifest of Kubernetes sets.
        if let Some(element) = variable("ISOFLOP_ELEMENT") {
            let node = variable("ISOFLOP_NODE");
            return Some(Place { element, node });
        }
        let array = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID"));
        let element = array.map(|(job, task)| format!("{job}_{task}"));
        Some(Place {
            element: element.or_else(|| variable("SLURM_JOB_ID"))?,
            node: variable("SLURMD_NODENAME"),
        })
    }
}

/// Cores that an engine leaves this process.
pub(crate) fn cores() -> Option<usize> {
    number("SLURM_CPUS_ON_NODE").and_then(|cores| usize::try_from(cores).ok())
}

/// Memory that an engine leaves this process.
pub(crate) fn memory() -> Option<Bytes> {
    let mebibytes = number("SLURM_MEM_PER_NODE").or_else(|| {
        let each = number("SLURM_MEM_PER_CPU")?;
        each.checked_mul(number("SLURM_CPUS_ON_NODE")?)
    });
    // Zero is all of it.
    mebibytes.filter(|it| *it > 0)?.checked_mul(1 << 20)
}

fn number(name: &str) -> Option<u64> {
    variable(name)?.parse().ok()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

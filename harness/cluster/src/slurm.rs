//! Slurm's programs, and what they say.

use std::process::Output;

use serde::Serialize;

use crate::ClusterError;
use crate::program::{self, ask};
use crate::script::{job_name, last_name};

const ENGINE: &str = "Slurm";

/// What Slurm says of an element, or of the job after all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Element {
    /// `12_3`, or `13` of a job that is no array.
    pub name: String,
    /// Slurm's word: `PENDING`, `RUNNING`, `FAILED`, and others.
    pub state: String,
    /// Where it is.
    pub node: Option<String>,
    /// Until its limit.
    pub time_left: String,
    /// Why it waits, or how it ended.
    pub reason: Option<String>,
}

impl Element {
    /// Whether it trains, or may train again without anybody's doing.
    pub fn is_there(&self) -> bool {
        const OVER: [&str; 10] = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "REVOKED",
            "TIMEOUT",
        ];
        !OVER.contains(&self.state.as_str())
    }
}

/// Finds out whether Slurm would take a script. What no node has it takes otherwise, and has it wait without end.
///
/// # Errors
/// If there is no Slurm, or it refuses.
pub fn check(script: &str) -> Result<(), ClusterError> {
    succeeded(ask("sbatch", &["--test-only"], Some(script))?).map(|_| ())
}

/// Submits a script that starts when these jobs have ended, and gives its number.
///
/// # Errors
/// If there is no Slurm, or it refuses.
pub fn submit(script: &str, after: &[String]) -> Result<String, ClusterError> {
    let dependency = format!("--dependency=afterany:{}", after.join(":"));
    let dependency = (!after.is_empty()).then_some(dependency.as_str());
    let given: Vec<&str> = ["--parsable"].into_iter().chain(dependency).collect();
    let said = succeeded(ask("sbatch", &given, Some(script))?)?;
    // "13" or "13;cluster".
    let job = said.trim().split(';').next().unwrap_or_default();
    if job.is_empty() || !job.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ClusterError::Refused {
            engine: ENGINE,
            message: format!("it gave no number of a job but `{}`", said.trim()),
        });
    }
    Ok(job.to_owned())
}

/// The largest number of elements of an array.
///
/// # Errors
/// If Slurm does not answer.
pub fn array_limit() -> Result<usize, ClusterError> {
    /// Slurm's own, where it does not say.
    const USUAL: usize = 1001;
    let said = succeeded(ask("scontrol", &["show", "config"], None)?)?;
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("MaxArraySize"));
    let size = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
    // Its largest index is one less.
    Ok(size.unwrap_or(USUAL).max(1))
}

/// What Slurm says of these jobs of a suite. Those that it has forgotten are not among them, nor are others that were given
/// their numbers since.
///
/// # Errors
/// If Slurm does not answer, which says nothing of the jobs.
pub fn elements(jobs: &[&str], suite: &str) -> Result<Vec<Element>, ClusterError> {
    const FIELDS: &str = "Name:|,ArrayJobID:|,ArrayTaskID:|,State:|,NodeList:|,TimeLeft:|,Reason:|";
    let list = jobs.join(",");
    let output = ask(
        "squeue",
        &["-h", "-r", "-t", "all", "-j", &list, "-O", FIELDS],
        None,
    )?;
    if String::from_utf8_lossy(&output.stderr).contains("Invalid job id") {
        return Ok(Vec::new());
    }
    Ok(succeeded(output)?
        .lines()
        .filter_map(|line| element(line, suite))
        .collect())
}

fn element(line: &str, suite: &str) -> Option<Element> {
    // The reason is last, as it may be a sentence.
    let fields: Vec<&str> = line.splitn(7, '|').map(str::trim).collect();
    let [name, job, task, state, node, time_left, reason] = fields.as_slice() else {
        return None;
    };
    if ![job_name(suite), last_name(suite)].contains(&(*name).to_owned()) {
        return None;
    }
    let is_number = !task.is_empty() && task.bytes().all(|byte| byte.is_ascii_digit());
    let word =
        |text: &str| (!["", "None", "N/A", "(null)"].contains(&text)).then(|| text.to_owned());
    Some(Element {
        name: if is_number {
            format!("{job}_{task}")
        } else {
            (*job).to_owned()
        },
        state: (*state).to_owned(),
        node: word(node),
        time_left: (*time_left).to_owned(),
        reason: word(reason.trim_end_matches('|')),
    })
}

/// Ends jobs: pending elements at once, running ones after they have left checkpoints.
///
/// # Errors
/// If Slurm does not answer.
pub fn cancel(jobs: &[&str]) -> Result<(), ClusterError> {
    succeeded(ask("scancel", jobs, None)?).map(|_| ())
}

/// Puts an element that runs back into the queue. Slurm ends what is left of it within seconds.
///
/// # Errors
/// If Slurm does not answer, or forbids it.
pub fn requeue(element: &str) -> Result<(), ClusterError> {
    succeeded(ask("scontrol", &["requeue", element], None)?).map(|_| ())
}

fn succeeded(output: Output) -> Result<String, ClusterError> {
    program::succeeded(ENGINE, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read() {
        let running = element("isoflop-a|1|0|RUNNING|n1|4:59|None|", "a").unwrap();
        assert_eq!(
            (
                running.name.as_str(),
                running.node.as_deref(),
                running.reason.clone()
            ),
            ("1_0", Some("n1"), None)
        );
        let waiting = element(
            "isoflop-a|1|7|PENDING||5:00|ReqNodeNotAvail, UnavailableNodes:n1|",
            "a",
        )
        .unwrap();
        assert_eq!(
            waiting.reason.as_deref(),
            Some("ReqNodeNotAvail, UnavailableNodes:n1")
        );
        assert!(waiting.is_there() && waiting.node.is_none());
        let last = element("isoflop-a-last|9|N/A|CANCELLED||5:00|Dependency|", "a").unwrap();
        assert_eq!(last.name, "9");
        assert!(!last.is_there());
        assert_eq!(element("nonsense", "a"), None);
    }
}

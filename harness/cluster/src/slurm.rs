//! Slurm's programs, and what they say.

use std::process::Output;

use serde::Serialize;

use crate::ClusterError;
use crate::program::{self, ask};

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
        const OVER: [&str; 9] = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "REVOKED",
            "TIMEOUT",
        ];
        !OVER.contains(&self.state.as_str())
    }
}

/// Submits a script that starts when these jobs have ended, and gives its number.
///
/// # Errors
/// If there is no Slurm, or it refuses.
pub fn submit(script: &str, after: &[String]) -> Result<String, ClusterError> {
    let dependency = format!("--dependency=afterany:{}", after.join(":"));
    let dependency = (!after.is_empty()).then_some(dependency.as_str());
    // What no node has is accepted otherwise, and waits without end.
    let tried: Vec<&str> = ["--test-only"].into_iter().chain(dependency).collect();
    succeeded(ask("sbatch", &tried, Some(script))?)?;
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

/// What Slurm says of these jobs; those that it has forgotten are not among them.
///
/// # Errors
/// If Slurm does not answer, which says nothing of the jobs.
pub fn elements(jobs: &[&str]) -> Result<Vec<Element>, ClusterError> {
    const FIELDS: &str = "ArrayJobID:|,ArrayTaskID:|,State:|,NodeList:|,TimeLeft:|,Reason:|";
    let list = jobs.join(",");
    let output = ask(
        "squeue",
        &["-h", "-r", "-t", "all", "-j", &list, "-O", FIELDS],
        None,
    )?;
    if String::from_utf8_lossy(&output.stderr).contains("Invalid job id") {
        return Ok(Vec::new());
    }
    Ok(succeeded(output)?.lines().filter_map(element).collect())
}

fn element(line: &str) -> Option<Element> {
    // The reason is last, as it may be a sentence.
    let fields: Vec<&str> = line.splitn(6, '|').map(str::trim).collect();
    let [job, task, state, node, time_left, reason] = fields.as_slice() else {
        return None;
    };
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
        let running = element("1|0|RUNNING|n1|4:59|None|").unwrap();
        assert_eq!(
            (
                running.name.as_str(),
                running.node.as_deref(),
                running.reason.clone()
            ),
            ("1_0", Some("n1"), None)
        );
        let waiting = element("1|7|PENDING||5:00|ReqNodeNotAvail, UnavailableNodes:n1|").unwrap();
        assert_eq!(
            waiting.reason.as_deref(),
            Some("ReqNodeNotAvail, UnavailableNodes:n1")
        );
        assert!(waiting.is_there() && waiting.node.is_none());
        let last = element("9|N/A|CANCELLED||5:00|Dependency|").unwrap();
        assert_eq!(last.name, "9");
        assert!(!last.is_there());
        assert_eq!(element("nonsense"), None);
    }
}

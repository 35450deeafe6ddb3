//! The manifest that Kubernetes is given: the suite's definition, and a job for each group of elements.

use serde_json::{Value, json};

use crate::program::{ask, succeeded};
use crate::{ClusterError, Group};

/// Seconds that a pod has to leave checkpoints before it is killed.
const GRACE: u64 = 120;
/// Times that a pod's place is filled again. Pods that a node took down with it do not count.
const RETRIES: u64 = 20;
/// Where the shared volume is in a pod. Paths of a definition's texts are relative to it.
pub const VOLUME: &str = "/isoflop";
/// Where the definition is.
pub const SUITE: &str = "/etc/isoflop";

/// What a manifest is made of.
#[derive(Debug, Clone)]
pub struct Manifest<'a> {
    /// The suite's name.
    pub suite: &'a str,
    /// What tells this submission from others of the suite: Kubernetes changes no job that it has.
    pub run: String,
    /// The definition, with changes made.
    pub definition: &'a str,
    /// The image with the program.
    pub image: &'a str,
    /// The claim of the volume that all pods share.
    pub claim: &'a str,
    /// Groups of elements, the one with the largest cells first.
    pub groups: &'a [Group],
    /// Whether an element takes a GPU.
    pub gpu: bool,
    /// Words of the program after `element`, of each group.
    pub words: Vec<Vec<String>>,
}

impl Manifest<'_> {
    /// The objects, in the order in which they are made.
    pub fn objects(&self) -> Vec<Value> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": self.name() },
            "data": { "suite.toml": self.definition },
        });
        let jobs = (0..self.groups.len()).map(|number| self.job(number));
        [config].into_iter().chain(jobs).collect()
    }

    /// The objects as YAML.
    pub fn yaml(&self) -> String {
        let objects: Vec<String> = self
            .objects()
            .iter()
            .map(|object| block(object, 0))
            .collect();
        objects.join("---\n")
    }

    /// A name that Kubernetes takes: small letters, digits and hyphens.
    fn name(&self) -> String {
        let letter = |letter: char| match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        };
        let name: String = self.suite.chars().map(letter).take(40).collect();
        format!("isoflop-{}-{}", name.trim_matches('-'), self.run)
    }

    fn job(&self, number: usize) -> Value {
        let group = &self.groups[number];
        let name = if self.groups.len() > 1 {
            format!("{}-{number}", self.name())
        } else {
            self.name()
        };
        // The first element of all waits for the others, and makes the tables and figures.
        let run = if number == 0 {
            "if [ \"$JOB_COMPLETION_INDEX\" = 0 ]; then set -- \"$@\" --last; fi\nexec isoflop element \"$@\"\n"
        } else {
            "exec isoflop element \"$@\"\n"
        };
        let memory = format!("{}Mi", group.memory.div_ceil(1 << 20));
        let mut resources = json!({ "cpu": group.cpus.to_string(), "memory": memory });
        if self.gpu {
            resources["nvidia.com/gpu"] = json!("1");
        }
        let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": name },
            "spec": {
                "completionMode": "Indexed",
                "completions": group.elements,
                "parallelism": group.elements,
                "backoffLimitPerIndex": RETRIES,
                "podFailurePolicy": { "rules": [
                    // A node that is drained, or a pod that gives way: another takes its place.
                    { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
                    // What is refused here is refused everywhere.
                    { "action": "FailJob", "onExitCodes": { "containerName": "element", "operator": "In", "values": [2, 4] } },
                ] },
                "template": {
                    "metadata": { "labels": { "app.kubernetes.io/name": "isoflop" } },
                    "spec": {
                        "restartPolicy": "Never",
                        "terminationGracePeriodSeconds": GRACE,
                        "containers": [{
                            "name": "element",
                            "image": self.image,
                            "workingDir": VOLUME,
                            "command": ["/bin/sh", "-c", run, "element"],
                            "args": self.words[number],
                            "env": [
                                field("ISOFLOP_ELEMENT", "metadata.name"),
                                field("ISOFLOP_NODE", "spec.nodeName"),
                            ],
                            "resources": { "requests": resources.clone(), "limits": resources },
                            "volumeMounts": [
                                { "name": "shared", "mountPath": VOLUME },
                                { "name": "suite", "mountPath": SUITE },
                            ],
                        }],
                        "volumes": [
                            { "name": "shared", "persistentVolumeClaim": { "claimName": self.claim } },
                            { "name": "suite", "configMap": { "name": self.name() } },
                        ],
                    },
                },
            },
        })
    }
}

/// Gives a manifest to the cluster that `kubectl` knows, and what it said.
///
/// # Errors
/// If there is no `kubectl`, or it refuses.
pub fn apply(manifest: &str) -> Result<String, ClusterError> {
    succeeded(
        "Kubernetes",
        ask("kubectl", &["apply", "-f", "-"], Some(manifest))?,
    )
}

/// Keys that people look for at the beginning of an object.
const FIRST: [&str; 4] = ["apiVersion", "kind", "metadata", "name"];

/// A value as a block of YAML: texts of several lines as they are, all other words as JSON writes them, which YAML reads.
fn block(value: &Value, indent: usize) -> String {
    let space = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            let rank = |key: &String| FIRST.iter().position(|it| it == key);
            entries.sort_by_key(|(key, _)| rank(key).unwrap_or(FIRST.len()));
            let entries = entries.into_iter();
            let entries =
                entries.map(|(key, value)| format!("{space}{key}:{}", inner(value, indent + 2)));
            entries.collect()
        }
        Value::Array(all) if !all.is_empty() => {
            let item = |value: &Value| match value {
                Value::Object(map) if !map.is_empty() => {
                    format!("{space}- {}", block(value, indent + 2).trim_start())
                }
                _ => format!("{space}-{}", inner(value, indent + 2)),
            };
            all.iter().map(item).collect()
        }
        other => format!("{space}{other}\n"),
    }
}

fn inner(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", block(value, indent)),
        Value::Array(all) if !all.is_empty() => format!("\n{}", block(value, indent)),
        Value::String(text) if is_plain_block(text) => {
            let space = " ".repeat(indent);
            let lines = text.lines().map(|line| {
                if line.is_empty() {
                    "\n".to_owned()
                } else {
                    format!("{space}{line}\n")
                }
            });
            format!(" |\n{}", lines.collect::<String>())
        }
        Value::String(text) if is_plain_word(text) => format!(" {text}\n"),
        other => format!(" {other}\n"),
    }
}

/// Whether a text can stand in a block as it is, and is the same when it is read.
fn is_plain_block(text: &str) -> bool {
    let begins = !text.starts_with([' ', '\n', '\t']);
    let ends = text.ends_with('\n') && !text.ends_with("\n\n");
    begins
        && ends
        && text
            .chars()
            .all(|letter| letter == '\n' || letter == '\t' || !letter.is_control())
}

/// Whether a word is the same to YAML without quotes: none that it takes for a number, a truth value or a sign of its own.
fn is_plain_word(text: &str) -> bool {
    let first = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let known = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    first
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
        && !known.contains(&text.to_ascii_lowercase().as_str())
}

//! The script that Slurm runs for each element.

use std::fmt::Write;
use std::path::PathBuf;

use isoflop_suite::SlurmDefinition;

use crate::Group;

/// The name of a suite's arrays.
pub(crate) fn job_name(suite: &str) -> String {
    format!("isoflop-{suite}")
}

/// The name of the job after all elements.
pub(crate) fn last_name(suite: &str) -> String {
    format!("isoflop-{suite}-last")
}

/// Seconds before the time limit at which Slurm warns an element: enough for a step and a checkpoint, and no more than a
/// quarter of a short limit. Its controller looks every thirty seconds, so that the warning comes up to half a minute early.
fn warning(limit: Option<&str>) -> u64 {
    let seconds = limit.and_then(seconds).unwrap_or(u64::MAX);
    (seconds / 4).clamp(15, 120)
}

/// A time as Slurm writes it: `MM`, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM` or `D-HH:MM:SS`.
fn seconds(limit: &str) -> Option<u64> {
    let (days, rest) = match limit.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, limit),
    };
    let parts: Vec<u64> = rest
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let seconds = match (days, parts.as_slice()) {
        (Some(_), [hours]) => hours * 3600,
        (Some(_), [hours, minutes]) => hours * 3600 + minutes * 60,
        (None, [minutes]) => minutes * 60,
        (None, [minutes, seconds]) => minutes * 60 + seconds,
        (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(days.unwrap_or(0) * 86_400 + seconds)
}

/// What a script is made of.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    /// The suite's name.
    pub suite: &'a str,
    /// What the user asks Slurm for.
    pub slurm: &'a SlurmDefinition,
    /// Cores and memory of an element.
    pub group: &'a Group,
    /// Whether an element takes a GPU.
    pub gpu: bool,
    /// The command of an element, word by word.
    pub command: Vec<String>,
    /// The folder that the elements start in.
    pub folder: PathBuf,
    /// Where what elements print is kept.
    pub logs: PathBuf,
}

impl Script<'_> {
    /// An array of so many elements.
    pub fn array(&self, elements: usize) -> String {
        let what = "# Each element of the array takes cells of the suite, one by one, until none is left, and those of an element\n\
                    # that has died as well. A warning before the time limit makes it leave checkpoints and queue again.";
        self.text(&job_name(self.suite), Some(elements), "%A_%a", what, &[])
    }

    /// The job that comes after all elements.
    pub fn last(&self) -> String {
        let what = "# When all elements have ended: what they may have left, the tables, the laws and the figures.";
        self.text(&last_name(self.suite), None, "%j", what, &["--last"])
    }

    fn text(
        &self,
        name: &str,
        elements: Option<usize>,
        log: &str,
        what: &str,
        more: &[&str],
    ) -> String {
        let slurm = self.slurm;
        let mut text = "#!/bin/bash\n".to_owned();
        let mut option = |name: &str, value: &str| {
            // Slurm reads words in quotes as one.
            let quotes = if value.contains([' ', '\t']) {
                "\""
            } else {
                ""
            };
            let _ = writeln!(text, "#SBATCH --{name}={quotes}{value}{quotes}");
        };
        option("job-name", name);
        if let Some(elements) = elements {
            option("array", &format!("0-{}", elements - 1));
        }
        let given = [
            ("partition", &slurm.partition),
            ("account", &slurm.account),
            ("qos", &slurm.qos),
            ("time", &slurm.time),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                option(name, value);
            }
        }
        option("nodes", "1");
        option("ntasks", "1");
        option("cpus-per-task", &self.group.cpus.to_string());
        option("mem", &format!("{}M", self.group.memory.div_ceil(1 << 20)));
        if self.gpu {
            option(
                "gres",
                &format!("gpu:{}", slurm.gpus.as_deref().unwrap_or("1")),
            );
        }
        // SIGTERM would not be told from `scancel`.
        option(
            "signal",
            &format!("B:USR1@{}", warning(slurm.time.as_deref())),
        );
        option("open-mode", "append");
        // Only the name of the log has patterns in it.
        let logs = self.logs.display().to_string().replace('%', "%%");
        option("output", &format!("{logs}/{log}.log"));
        text += "#SBATCH --requeue\n";
        for option in &slurm.options {
            let _ = writeln!(text, "#SBATCH {option}");
        }
        let _ = write!(text, "\n{what}\nset -e\n");
        for line in &slurm.setup {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "cd {}", quoted(&self.folder.display().to_string()));
        let command = self
            .command
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied());
        let words: Vec<String> = command.map(quoted).collect();
        // The process itself is the batch process, and hears Slurm's signals.
        let _ = writeln!(text, "exec {}", folded(&words));
        text
    }
}

/// Words on lines that a screen holds.
fn folded(words: &[String]) -> String {
    let mut text = String::new();
    let mut line = 0;
    for word in words {
        if line > 0 && line + word.len() > 90 {
            text += " \\\n    ";
            line = 0;
        } else if line > 0 {
            text += " ";
        }
        text += word;
        line += word.len() + 1;
    }
    text
}

/// A word as the shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_leaves_most_of_a_short_limit() {
        assert_eq!(seconds("90"), Some(5400));
        assert_eq!(seconds("4:00:00"), Some(14_400));
        assert_eq!(seconds("2-12"), Some(216_000));
        assert_eq!(seconds("1-02:03"), Some(93_780));
        assert_eq!(seconds("UNLIMITED"), None);
        assert_eq!(
            (warning(Some("1")), warning(Some("4")), warning(None)),
            (15, 60, 120)
        );
    }

    #[test]
    fn words_are_what_they_were_to_the_shell() {
        assert_eq!(quoted("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}

//! The model in PyTorch, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use isoflop_machine::ALLOCATOR;
use isoflop_suite::{DeviceName, PlannedCell, Precision, Seconds};
use serde_json::Value;

/// How PyTorch is asked to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Eager,
    Compiled,
}

impl Way {
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Eager => "eager",
            Way::Compiled => "compiled",
        }
    }
}

/// A process that trains one cell at a time, as many steps as it is told.
pub struct Python {
    process: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Python {
    /// One with so many threads, which has imported what it needs.
    pub fn start(device: &DeviceName, threads: usize, way: Way) -> Self {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/gpt.py"));
        command.arg(format!("--threads={threads}"));
        if *device != DeviceName::Flex {
            command.arg("--device=cuda");
        }
        if way == Way::Compiled {
            command.arg("--compile");
        }
        // A C library as PyTorch finds it.
        for (name, _) in ALLOCATOR {
            command.env_remove(name);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python: name it with PYTHON");
        let (tell, hear) = (process.stdin.take(), process.stdout.take());
        Python {
            process,
            tell: tell.expect("a pipe"),
            hear: BufReader::new(hear.expect("a pipe")),
        }
    }

    /// Its version of PyTorch.
    pub fn version(&mut self) -> Value {
        self.hear()["torch"].clone()
    }

    /// Builds the model of a cell in place of what it had, and takes so many first steps. The answer is awaited by
    /// [`Python::ready`].
    pub fn build(&mut self, planned: &PlannedCell, first: u64) {
        let (model, training) = (&planned.cell.model, &planned.cell.training);
        let mixed = training.precision == Precision::MixedBf16;
        self.tell(&serde_json::json!({
            "width": model.width, "depth": model.depth, "head_width": model.head_width,
            "hidden": model.hidden, "vocabulary": model.vocabulary, "sequence": model.sequence_length,
            "batch": training.batch, "micro_batch": training.micro_batch, "mixed": mixed, "first": first,
        }));
    }

    /// Waits until the model stands. Returns the seconds of its first steps.
    pub fn ready(&mut self, planned: &PlannedCell) -> Seconds {
        let ready = self.hear();
        let count = planned.parameters.total();
        assert_eq!(ready["parameters"], count, "the same model");
        ready["seconds"].as_f64().expect("seconds")
    }

    /// Seconds of a step, the mean of so many.
    pub fn steps(&mut self, count: u64) -> Seconds {
        self.tell(&serde_json::json!({ "steps": count }));
        self.hear()["seconds"].as_f64().expect("seconds") / count as f64
    }

    fn tell(&mut self, order: &Value) {
        writeln!(self.tell, "{order}").expect("PyTorch reads");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("PyTorch answers");
        serde_json::from_str(&line).expect("PyTorch, with torch installed")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! This program against the same model and training step in PyTorch: single steps, and whole sweeps.
//!
//! `cargo bench --bench peer` needs a Python with torch, the one that `PYTHON` names or `python3`, and the program
//! built beside it (`cargo build --release`). Rounds of all are interleaved, so that what disturbs the machine disturbs
//! them alike. It prints tables; after `--`, `--out DIR` writes `steps.csv`, `suites.csv` and `machine.json` there,
//! `--device cuda:0` measures steps on a GPU, and `steps` or `suites` measures only these.

mod interval;
mod python;
mod steps;
mod suites;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use isoflop_machine::{ALLOCATOR, Machine};
use isoflop_suite::{DeviceName, Tokens};
use isoflop_train::instruction_set;

/// Set in the process that measures: its C library keeps freed memory, as in workers.
const MEASURING: &str = "ISOFLOP_PEER_MEASURING";

/// What the command line asks for.
struct Asked {
    out: Option<PathBuf>,
    device: DeviceName,
    steps: bool,
    suites: bool,
}

impl Asked {
    fn here() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| word == name)?;
            words.get(at + 1).cloned()
        };
        let only = |name: &str| words.iter().any(|word| word == name);
        let device = after("--device").map_or(Ok(DeviceName::Flex), |name| name.parse());
        let device = device.expect("a device such as cuda:0");
        let on_gpu = device != DeviceName::Flex;
        Asked {
            out: after("--out").map(PathBuf::from),
            steps: !only("suites"),
            suites: !only("steps") && !on_gpu,
            device,
        }
    }
}

fn main() {
    let asked = Asked::here();
    if std::env::var_os(MEASURING).is_none() {
        // Both halves in processes of their own: steps of the processor are measured on its first core alone.
        for (half, is_asked) in [("steps", asked.steps), ("suites", asked.suites)] {
            let pinned = half == "steps" && asked.device == DeviceName::Flex;
            if is_asked && !again(half, pinned).status().expect("it starts").success() {
                std::process::exit(1);
            }
        }
        return;
    }
    let (name, table, torch) = if asked.steps {
        let (table, torch) = steps::table(&asked.device);
        ("steps.csv", table, torch)
    } else {
        let (table, torch) = suites::table();
        ("suites.csv", table, torch)
    };
    let Some(out) = asked.out else { return };
    fs::create_dir_all(&out).expect("a folder");
    fs::write(out.join(name), table).expect("a table");
    let machine = Machine::here();
    let facts = serde_json::json!({
        "system": machine.system, "processor": machine.processor, "threads": machine.threads,
        "device": asked.device.to_string(), "instructions": instruction_set().to_string(), "torch": torch,
    });
    fs::write(out.join("machine.json"), format!("{facts}\n")).expect("a file");
}

/// This program again, for one half.
fn again(half: &str, pinned: bool) -> Command {
    let program = std::env::current_exe().expect("the program has a path");
    let mut command = if pinned {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(std::env::args().skip(1)).arg(half);
    command.env(MEASURING, "1");
    command.envs(ALLOCATOR);
    command
}

/// A suite of these shapes on a small language of the program's own.
fn suite(shapes: &str, sequence: u64, batch: u64, tokens: &[Tokens]) -> String {
    format!(
        "[corpus.grammar]\nwords = 500\nzipf = 1.0\ntokens = 2_000_000\nvalidation_tokens = 70_000\n\
         [evaluation]\ntokens = 4096\n[model]\ntied_head = true\n[[sweep]]\n{shapes}\n\
         sequence_length = {sequence}\nbatch = {batch}\ntokens = {tokens:?}\n",
    )
}

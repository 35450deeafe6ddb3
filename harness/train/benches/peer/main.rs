//! Training steps of this program against the same model and step in PyTorch, on one core.
//!
//! `cargo bench --bench peer` needs a Python with torch: the one that `PYTHON` names, or `python3`. Rounds of all are
//! interleaved, so that what disturbs the machine disturbs them alike. It prints a table, and with `-- --out DIR` writes
//! `steps.csv` and `machine.json` there.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use isoflop_corpus::Corpus;
use isoflop_machine::Machine;
use isoflop_suite::{Definition, DeviceName, Plan, PlannedCell, Seconds};
use isoflop_train::{Trainer, instruction_set, on_threads, open_device};
use serde_json::Value;

/// Widths, depths, and sequences of a batch.
const SHAPES: [[u64; 3]; 5] = [
    [16, 2, 16],
    [64, 4, 16],
    [128, 4, 16],
    [256, 6, 16],
    [512, 8, 4],
];
const SEQUENCE: u64 = 128;
const ROUNDS: usize = 9;
/// A round of each lasts about so long.
const ROUND: Seconds = 1.5;
/// Set in the process that measures: it is on one core, and its C library keeps freed memory, as in workers.
const MEASURING: &str = "ISOFLOP_PEER_MEASURING";

fn main() {
    if std::env::var_os(MEASURING).is_none() {
        let status = alone().status().expect("taskset, of util-linux");
        std::process::exit(status.code().unwrap_or(1));
    }
    let out: Option<PathBuf> = {
        let mut words = std::env::args().skip_while(|word| word != "--out");
        words.nth(1).map(PathBuf::from)
    };
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut rows = Vec::new();
    let mut torch = None;
    for shape in SHAPES {
        let definition = Definition::parse(&suite(shape), "bench.toml").expect("a definition");
        let corpus = Corpus::prepare(&definition, place.path(), place.path()).expect("a corpus");
        let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
        let cell = &plan.cells[0];
        let mut peers = ["eager", "compiled"].map(|kind| (kind, Peer::start(cell, kind)));
        torch = torch.or_else(|| Some(peers[0].1.ready["torch"].clone()));
        let measured = on_threads(1, || {
            let device = open_device(&DeviceName::Flex).expect("the processor");
            let mut ours = Trainer::new(&cell.cell, &corpus, &device).expect("a model");
            rounds(&mut ours, &mut peers)
        });
        for ((kind, _), ratios) in peers.iter().zip(measured.expect("a thread")) {
            let [ratio, low, high] = interval(&ratios);
            println!(
                "{:>4} x {}  against {kind:>8}: {ratio:.3} [{low:.3}, {high:.3}]",
                shape[0], shape[1]
            );
            rows.push(format!(
                "{},{},{},{SEQUENCE},1,{kind},{ratio:.4},{low:.4},{high:.4}",
                shape[0], shape[1], shape[2]
            ));
        }
    }
    if let Some(out) = out {
        let head = "width,depth,batch,sequence,threads,against,ratio,low,high\n";
        fs::create_dir_all(&out).expect("a folder");
        fs::write(
            out.join("steps.csv"),
            format!("{head}{}\n", rows.join("\n")),
        )
        .expect("a table");
        let machine = Machine::here();
        let facts = serde_json::json!({
            "system": machine.system, "processor": machine.processor, "threads": 1,
            "instructions": instruction_set().to_string(), "torch": torch,
        });
        fs::write(out.join("machine.json"), format!("{facts}\n")).expect("a file");
    }
}

/// This program again, on the first core.
fn alone() -> Command {
    let mut command = Command::new("taskset");
    let program = std::env::current_exe().expect("the program has a path");
    command
        .args(["--cpu-list", "0"])
        .arg(program)
        .args(std::env::args().skip(1));
    command.env(MEASURING, "1");
    for (name, bytes) in [
        ("MALLOC_MMAP_THRESHOLD_", 1u64 << 32),
        ("MALLOC_TRIM_THRESHOLD_", 1 << 34),
        ("MALLOC_ARENA_MAX", 1),
    ] {
        command.env(name, bytes.to_string());
    }
    command
}

fn suite([width, depth, batch]: [u64; 3]) -> String {
    format!(
        "[corpus.grammar]\nwords = 500\nzipf = 1.0\ntokens = 2_000_000\nvalidation_tokens = 70_000\n\
         [evaluation]\ntokens = 4096\n[model]\ntied_head = true\n[[sweep]]\nwidth = {width}\ndepth = {depth}\n\
         sequence_length = {SEQUENCE}\nbatch = {batch}\nhead_width = {}\ntokens = 1_024_000\n",
        (width / 2).clamp(8, 64)
    )
}

/// How many times as fast ours is as each peer, round by round.
fn rounds(ours: &mut Trainer, peers: &mut [(&str, Peer); 2]) -> [Vec<f64>; 2] {
    let mut steps = |count: u64| {
        let begin = Instant::now();
        let mut last = None;
        for _ in 0..count {
            last = Some(ours.step());
        }
        last.map(|step| step.read());
        begin.elapsed().as_secs_f64() / count as f64
    };
    let first = steps(5);
    let count = ((ROUND / first) as u64).max(2);
    let mut ratios: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        let ours = steps(count);
        for (ratios, (_, peer)) in ratios.iter_mut().zip(peers.iter_mut()) {
            ratios.push(peer.steps(count) / ours);
        }
    }
    ratios
}

/// The model in PyTorch, in a process of its own.
struct Peer {
    process: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
    /// What it said when it was ready.
    ready: Value,
}

impl Peer {
    fn start(planned: &PlannedCell, kind: &str) -> Self {
        let (model, training) = (&planned.cell.model, &planned.cell.training);
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/gpt.py"));
        for (name, value) in [
            ("width", model.width),
            ("depth", model.depth),
            ("head-width", model.head_width),
            ("hidden", model.hidden),
            ("vocabulary", model.vocabulary),
            ("sequence", model.sequence_length),
            ("batch", training.batch),
            ("threads", 1),
        ] {
            command.arg(format!("--{name}={value}"));
        }
        if kind == "compiled" {
            command.arg("--compile");
        }
        // A C library as PyTorch finds it.
        for name in [
            "MALLOC_MMAP_THRESHOLD_",
            "MALLOC_TRIM_THRESHOLD_",
            "MALLOC_ARENA_MAX",
        ] {
            command.env_remove(name);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python: name it with PYTHON");
        let (tell, hear) = (process.stdin.take(), process.stdout.take());
        let mut peer = Peer {
            process,
            tell: tell.expect("a pipe"),
            hear: BufReader::new(hear.expect("a pipe")),
            ready: Value::Null,
        };
        peer.ready = peer.line();
        let count = planned.parameters.total();
        assert_eq!(peer.ready["parameters"], count, "the same model");
        peer
    }

    /// Seconds of a step, the mean of so many.
    fn steps(&mut self, count: u64) -> Seconds {
        writeln!(self.tell, "{count}").expect("PyTorch reads");
        self.line()["seconds"].as_f64().expect("seconds") / count as f64
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("PyTorch answers");
        serde_json::from_str(&line).expect("PyTorch, with torch installed")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The geometric mean of ratios, and its 95% interval by their spread.
fn interval(ratios: &[f64]) -> [f64; 3] {
    // Student's quantile of eight degrees of freedom.
    const T: f64 = 2.306;
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = T * (variance / n).sqrt();
    [mean, mean - half, mean + half].map(f64::exp)
}

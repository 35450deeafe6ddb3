//! What runs that survive cost: a suite of small cells by `isoflop run` (a coordinator, a worker,
//! leases, logs, checkpoints, sealed results) against the same cells trained in one bare process that
//! keeps nothing. Both in rounds, each first in every other; what a second `run` takes, which only makes
//! the tables, the fits and the figures anew, is taken off the first.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, Plan, Step};
use isoflop_train::{Keeper, train};

const SUITE: &str = r#"
    [corpus.grammar]
    words = 50
    zipf = 1.0
    tokens = 600_000
    validation_tokens = 70_000

    [evaluation]
    tokens = 4096

    [[sweep]]
    width = [16, 32, 64]
    depth = 1
    batch = 4
    tokens = [128_000, 256_000]
"#;

const ROUNDS: usize = 16;

fn main() {
    if std::env::args().any(|word| word == "--bare") {
        return bare();
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("small.toml"), SUITE).expect("a file");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isoflop"));
        command.args(["run", "small.toml", "--cache=cache", "--workers=1"]);
        command
    };
    let alone = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        // As every worker has it: otherwise Burn brings up a GPU that nothing here uses.
        command.arg("--bare").env("BURN_DEVICE", "flex");
        command
    };
    // The corpus is prepared once.
    measured(alone(), place.path());
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let _ = fs::remove_dir_all(place.path().join("results"));
        let first = (round % 2 == 0).then(|| measured(alone(), place.path()));
        let whole = measured(program(), place.path());
        let again = measured(program(), place.path());
        let bare = first.unwrap_or_else(|| measured(alone(), place.path()));
        let ratio = [0, 1].map(|i| (whole[i] - again[i]) / bare[i]);
        println!(
            "round {round}: bare {:.2} s, run {:.2} s of which tables, fits and figures {:.2} s: \
             {:.4} of the time, {:.4} of the processor's",
            bare[0], whole[0], again[0], ratio[0], ratio[1]
        );
        ratios.push(ratio);
    }
    for (i, name) in ["wall", "processor"].into_iter().enumerate() {
        let (mean, error) = mean(ratios.iter().map(|ratio| ratio[i]));
        println!("{name} time: {mean:.4} +- {error:.4} of the bare process's");
    }
}

/// The mean of ratios and its standard error.
fn mean(ratios: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = ratios.clone().count() as f64;
    let mean = ratios.clone().sum::<f64>() / count;
    let squares: f64 = ratios.map(|ratio| (ratio - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// Wall and processor seconds of a process with its children.
fn measured(mut command: Command, folder: &Path) -> [f64; 2] {
    let (begin, before) = (Instant::now(), processor_seconds());
    let status = command
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the program starts").success());
    [begin.elapsed().as_secs_f64(), processor_seconds() - before]
}

/// Processor time of all children so far, as Linux counts it in hundredths of a second.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(13).take(2);
    times
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Trains every cell and keeps nothing.
fn bare() {
    let definition = Definition::read(Path::new("small.toml")).expect("a definition");
    let corpus = Corpus::prepare(&definition, Path::new("."), Path::new("cache"));
    let corpus = corpus.expect("a corpus");
    let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for planned in &plan.cells {
        let mut nothing = Nothing { threads: cores };
        let trained = train(&planned.cell, &corpus, &DeviceName::Flex, &mut nothing);
        let outcome = trained.expect("a loss");
        assert!(outcome.end.scores().is_some());
    }
}

struct Nothing {
    threads: usize,
}

impl Keeper for Nothing {
    fn checkpoint(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn begin(&mut self, _: u64, _: usize) -> io::Result<bool> {
        Ok(true)
    }

    fn record(&mut self, _: &Step) -> io::Result<()> {
        Ok(())
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn wants_checkpoint(&mut self) -> bool {
        false
    }

    fn keep(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn stops(&self) -> bool {
        false
    }
}

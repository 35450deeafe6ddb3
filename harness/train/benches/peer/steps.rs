//! Training steps against PyTorch's, shape by shape.

use std::time::Instant;

use isoflop_corpus::Corpus;
use isoflop_suite::{Definition, DeviceName, Plan, PlannedCell, Seconds};
use isoflop_train::{Trainer, on_threads, open_device};
use serde_json::Value;

use crate::interval::interval;
use crate::python::{Python, Way};
use crate::suite;

/// Widths, depths, and sequences of a batch, on one core.
const OF_A_CORE: [[u64; 3]; 5] = [
    [16, 2, 16],
    [64, 4, 16],
    [128, 4, 16],
    [256, 6, 16],
    [512, 8, 4],
];
/// The same on a GPU, to 4e8 parameters.
const OF_A_GPU: [[u64; 3]; 4] = [[256, 6, 32], [512, 6, 32], [1024, 8, 32], [2048, 8, 16]];
/// A round of each lasts about so long.
const ROUND: Seconds = 1.5;
const FIRST: u64 = 5;

/// What is measured where.
struct Setting {
    shapes: &'static [[u64; 3]],
    sequence: u64,
    precisions: &'static [&'static str],
    rounds: usize,
}

impl Setting {
    fn of(device: &DeviceName) -> Self {
        match device {
            DeviceName::Flex => Setting {
                shapes: &OF_A_CORE,
                sequence: 128,
                precisions: &["f32"],
                rounds: 9,
            },
            _ => Setting {
                shapes: &OF_A_GPU,
                sequence: 512,
                precisions: &["f32", "mixed-bf16"],
                rounds: 5,
            },
        }
    }
}

/// The table as CSV, and PyTorch's version.
pub fn table(device: &DeviceName) -> (String, Value) {
    let setting = Setting::of(device);
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut table =
        "width,depth,batch,sequence,threads,against,ratio,low,high,precision,tokens_per_second\n"
            .to_owned();
    let ways = [Way::Eager, Way::Compiled];
    let mut peers = ways.map(|way| (way, Python::start(device, 1, way)));
    let versions = peers.each_mut().map(|(_, peer)| peer.version());
    for [width, depth, batch] in setting.shapes {
        for precision in setting.precisions {
            let shapes = format!(
                "width = {width}\ndepth = {depth}\nhead_width = {}\nprecision = \"{precision}\"",
                (width / 2).clamp(8, 64)
            );
            let text = suite(&shapes, setting.sequence, *batch, &[1 << 20]);
            let definition = Definition::parse(&text, "bench.toml").expect("a definition");
            let corpus =
                Corpus::prepare(&definition, place.path(), place.path()).expect("a corpus");
            let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
            let cell = &plan.cells[0];
            let measured = on_threads(1, || {
                let device = open_device(device).expect("the device");
                let mut ours = Trainer::new(&cell.cell, &corpus, &device).expect("a model");
                rounds(&mut ours, cell, &corpus, &mut peers, setting.rounds)
            });
            let (per_step, ratios) = measured.expect("a thread");
            let rate = (batch * setting.sequence) as f64 / per_step;
            for ((way, _), ratios) in peers.iter().zip(ratios) {
                let [ratio, low, high] = interval(&ratios);
                let way = way.as_str();
                println!(
                    "{width:>4} x {depth} {precision:>10}: {rate:>9.0} tokens/s, against {way:>8} {ratio:.3} \
                     [{low:.3}, {high:.3}]"
                );
                table += &format!(
                    "{width},{depth},{batch},{},1,{way},{ratio:.4},{low:.4},{high:.4},{precision},{rate:.0}\n",
                    setting.sequence
                );
            }
        }
    }
    let [version, _] = versions;
    (table, version)
}

/// Seconds of our step, the least of all rounds, and how many times as fast ours is as each peer, round by round.
fn rounds(
    ours: &mut Trainer,
    planned: &PlannedCell,
    corpus: &Corpus,
    peers: &mut [(Way, Python); 2],
    rounds: usize,
) -> (Seconds, [Vec<f64>; 2]) {
    for (_, peer) in peers.iter_mut() {
        peer.build(planned, FIRST);
        let first = peer.ready(planned);
        eprintln!("PyTorch's first {FIRST} steps: {first:.1} s");
    }
    let least_loss = 0.9 * corpus.entropy_rate.expect("a grammar has one");
    let mut steps = |count: u64| {
        let begin = Instant::now();
        let mut last = None;
        for _ in 0..count {
            last = Some(ours.step());
        }
        let loss = last.map_or(f64::NAN, |step| step.read().0);
        // A device that gives up on its kernels is fast, and what it says is no loss.
        assert!(loss.is_finite() && loss > least_loss, "a loss of {loss}");
        begin.elapsed().as_secs_f64() / count as f64
    };
    let first = steps(FIRST);
    eprintln!("our first {FIRST} steps: {:.1} s", first * FIRST as f64);
    let count = ((ROUND / steps(FIRST)) as u64).max(2);
    let (mut least, mut ratios) = (f64::INFINITY, [const { Vec::new() }; 2]);
    for _ in 0..rounds {
        let ours = steps(count);
        least = least.min(ours);
        for (ratios, (_, peer)) in ratios.iter_mut().zip(peers.iter_mut()) {
            ratios.push(peer.steps(count) / ours);
        }
    }
    (least, ratios)
}

//! Whole training steps of `flex` on one thread: by the fused operations and by Burn's own, in turns, and how much of the
//! processor's matrix multiply they reach.
//!
//! `cargo bench --bench training_step` prints a table. A round of every way follows a round of all others, so that what
//! disturbs the machine disturbs them alike; the medians are of rounds.

use std::process::Command;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use isoflop_corpus::Corpus;
use isoflop_machine::ALLOCATOR;
use isoflop_suite::{Definition, DeviceName, Flops, Plan, Seconds};
use isoflop_train::{Trainer, Transformer, instruction_set, on_threads, open_device};

/// Widths and depths, for batches of 16 sequences of 128 tokens.
const SHAPES: [[u64; 2]; 4] = [[16, 2], [64, 4], [128, 4], [256, 6]];
const ROUNDS: usize = 7;
/// A round lasts about so long.
const ROUND: Seconds = 1.0;

/// Set in the process that measures: its C library keeps freed memory, as in workers.
const MEASURING: &str = "ISOFLOP_BENCH_MEASURING";

fn main() {
    if std::env::var_os(MEASURING).is_none() {
        let program = std::env::current_exe().expect("the program has a path");
        let mut command = Command::new(program);
        command.env(MEASURING, "1");
        command.envs(ALLOCATOR);
        let status = command.status().expect("the program starts");
        std::process::exit(status.code().unwrap_or(1));
    }
    let place = tempfile::tempdir().expect("a temporary folder");
    println!("instructions: {}", instruction_set());
    println!("width x depth   fused tok/s   Burn's tok/s   times   GFLOP/s   of the multiply");
    for [width, depth] in SHAPES {
        let text = format!(
            "[corpus.grammar]\nwords = 500\nzipf = 1.0\ntokens = 2_000_000\nvalidation_tokens = 70_000\n\
             [evaluation]\ntokens = 4096\n[model]\ntied_head = true\n[[sweep]]\nwidth = {width}\ndepth = {depth}\n\
             sequence_length = 128\nbatch = 16\nhead_width = {}\ntokens = 1_024_000\n",
            (width / 2).clamp(8, 32)
        );
        let definition = Definition::parse(&text, "bench.toml").expect("a definition");
        let corpus = Corpus::prepare(&definition, place.path(), place.path()).expect("a corpus");
        let plan = Plan::new(&definition, &corpus.facts).expect("a plan");
        let cell = &plan.cells[0].cell;
        let row = on_threads(1, || {
            let device = open_device(&DeviceName::Flex).expect("the processor");
            let new = || Trainer::new(cell, &corpus, &device).expect("a model");
            let (mut fused, mut plain) = (new(), new());
            plain.change_model(Transformer::plain);
            let mut rates: [Vec<f64>; 3] = Default::default();
            for _ in 0..ROUNDS {
                rates[0].push(steps_per_second(&mut fused));
                rates[1].push(steps_per_second(&mut plain));
                rates[2].push(multiply(width as usize));
            }
            rates.map(median)
        });
        let [fused, plain, peak] = row.expect("a thread");
        let tokens = (cell.training.batch * cell.model.sequence_length) as f64;
        let flops = plan.cells[0].flops.matmul_causal / cell.training.steps as f64 * fused;
        println!(
            "{:>13}   {:>11.0}   {:>12.0}   {:>5.2}   {:>7.1}   {:>14.0}%",
            format!("{width} x {depth}"),
            tokens * fused,
            tokens * plain,
            fused / plain,
            flops / 1e9,
            100.0 * flops / peak
        );
    }
}

fn steps_per_second(trainer: &mut Trainer) -> f64 {
    let begin = Instant::now();
    let mut steps = 0.0;
    while begin.elapsed().as_secs_f64() < ROUND {
        trainer.step();
        steps += 1.0;
    }
    steps / begin.elapsed().as_secs_f64()
}

/// The rate of the model's largest multiply, rows of a batch by a feed-forward matrix.
fn multiply(width: usize) -> Flops {
    let device = Device::flex();
    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Default, &device);
    let (a, b) = (random([2048, width]), random([width, 4 * width]));
    let flops = 2.0 * 2048.0 * width as f64 * 4.0 * width as f64;
    let begin = Instant::now();
    let mut times = 0.0;
    while begin.elapsed().as_secs_f64() < 0.3 * ROUND {
        std::hint::black_box(a.clone().matmul(b.clone()));
        times += 1.0;
    }
    flops * times / begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! `isoflop pace`: the child process in which `compare` trains on one device, a few steps at a time.

use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;

use isoflop_suite::{Bytes, Cell, CellId, Nats, Seconds};
use isoflop_train::{FIRST_STEPS, TrainError, Trainer, on_threads, open_device, reset_peak_memory};
use serde::{Deserialize, Serialize};

use crate::children::tell;

use super::run::{Suite, SuiteArguments};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    suite: SuiteArguments,
}

/// What the child is told, a line each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// Build this cell's model and do its first steps.
    Begin { cell: CellId },
    /// Do so many more.
    Steps { count: u64 },
}

/// What it answers, a line each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The first steps are done: kernels are compiled and tuned.
    Ready { seconds: Seconds },
    /// The steps are done.
    Done {
        seconds: Seconds,
        /// Of the last step's batch.
        loss: Nats,
        /// Most memory held for this cell so far, where it is known.
        memory: Option<Bytes>,
    },
    /// The device cannot.
    Failed { reason: String },
}

pub fn pace(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let suite = Suite::open(&arguments.suite)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    on_threads(cores, || {
        let mut orders = std::io::stdin().lock().lines();
        let mut next = orders.next();
        while let Some(line) = next {
            next = match serde_json::from_str(&line?)? {
                Order::Begin { cell } => match suite.plan.find(&cell) {
                    Some(planned) => train(&suite, &planned.cell, &mut orders)?,
                    None => anyhow::bail!("there is no cell {cell}"),
                },
                Order::Steps { .. } => anyhow::bail!("steps of no cell"),
            };
        }
        Ok(ExitCode::SUCCESS)
    })?
}

type Line = Option<std::io::Result<String>>;

/// Trains a cell as it is told, until it is told of another one, whose order is returned.
fn train(
    suite: &Suite,
    cell: &Cell,
    orders: &mut impl Iterator<Item = std::io::Result<String>>,
) -> anyhow::Result<Line> {
    let mut paced = match Paced::begin(suite, cell) {
        Ok((paced, seconds)) => {
            tell(&Answer::Ready { seconds })?;
            paced
        }
        Err(error) => {
            let reason = error.to_string();
            tell(&Answer::Failed { reason })?;
            return Ok(orders.next());
        }
    };
    for line in orders.by_ref() {
        let line = line?;
        let Order::Steps { count } = serde_json::from_str(&line)? else {
            return Ok(Some(Ok(line)));
        };
        let answer = paced.steps(count).unwrap_or_else(|error| Answer::Failed {
            reason: error.to_string(),
        });
        tell(&answer)?;
    }
    Ok(None)
}

/// A cell in training.
struct Paced<'a> {
    trainer: Trainer<'a>,
}

impl<'a> Paced<'a> {
    fn begin(suite: &'a Suite, cell: &'a Cell) -> Result<(Self, Seconds), TrainError> {
        reset_peak_memory();
        let begin = Instant::now();
        let device = open_device(&suite.device)?;
        let trainer = Trainer::new(cell, &suite.corpus, &device)?;
        let mut paced = Paced { trainer };
        paced.steps(FIRST_STEPS)?;
        Ok((paced, begin.elapsed().as_secs_f64()))
    }

    fn steps(&mut self, count: u64) -> Result<Answer, TrainError> {
        let begin = Instant::now();
        let mut last = None;
        for _ in 0..count {
            last = Some(self.trainer.step());
        }
        self.trainer.sync()?;
        let seconds = begin.elapsed().as_secs_f64();
        Ok(Answer::Done {
            seconds,
            loss: last.map_or(f64::NAN, |step| step.read().0),
            memory: self.trainer.peak_memory(),
        })
    }
}

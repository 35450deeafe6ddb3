//! A child that trains cells a few steps at a time, to be timed.

use std::time::Instant;

use isoflop_machine::reset_peak_memory;
use isoflop_suite::{Cell, CellId, Seconds};
use isoflop_train::{FIRST_STEPS, TrainError, Trainer, on_threads, open_device};

use super::{Opened, Orders};
use crate::planning::Suite;
use crate::training::children::{Message, Order, send};

/// Times a cell as ordered, until there is an order of another kind, which is returned.
pub fn time(opened: &Opened, cell: &CellId, orders: &mut Orders) -> anyhow::Result<Option<Order>> {
    let suite = &opened.suite;
    let planned = suite.plan.find(cell);
    let cell = &planned
        .ok_or_else(|| anyhow::anyhow!("there is no cell {cell}"))?
        .cell;
    on_threads(opened.assignment.threads, || timed(suite, cell, orders))?
}

fn timed(suite: &Suite, cell: &Cell, orders: &mut Orders) -> anyhow::Result<Option<Order>> {
    let (mut trainer, seconds) = match begin(suite, cell) {
        Ok(begun) => begun,
        Err(error) => {
            send(&Message::Failed {
                reason: error.to_string(),
            })?;
            send(&Message::Finished)?;
            return orders.next();
        }
    };
    send(&Message::Ready { seconds })?;
    send(&Message::Finished)?;
    loop {
        match orders.next()? {
            Some(Order::Steps { count }) => {
                let timed = steps(&mut trainer, count);
                send(&timed.unwrap_or_else(|error| Message::Failed {
                    reason: error.to_string(),
                }))?;
                send(&Message::Finished)?;
            }
            other => return Ok(other),
        }
    }
}

/// Builds the cell's model and does its first steps.
fn begin<'a>(suite: &'a Suite, cell: &'a Cell) -> Result<(Trainer<'a>, Seconds), TrainError> {
    reset_peak_memory();
    let begin = Instant::now();
    let device = open_device(&suite.device)?;
    let mut trainer = Trainer::new(cell, &suite.corpus, &device)?;
    steps(&mut trainer, FIRST_STEPS)?;
    Ok((trainer, begin.elapsed().as_secs_f64()))
}

fn steps(trainer: &mut Trainer, count: u64) -> Result<Message, TrainError> {
    let begin = Instant::now();
    let mut last = None;
    for _ in 0..count {
        last = Some(trainer.step());
    }
    trainer.sync()?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Message::Timed {
        seconds,
        loss: last.map_or(f64::NAN, |step| step.read().0),
        memory: trainer.peak_memory(),
    })
}

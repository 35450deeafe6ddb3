//! `isoflop child`: a process that does what its parent orders. Devices are asked, timed and trained on
//! in children alone: a driver that crashes or hangs takes the child down, and is a line in a report.

mod probe;
mod renewing;
pub mod statistics;
mod timing;
mod training;

use std::io::BufReader;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use isoflop_ledger::Leases;
use isoflop_train::on_threads;

use crate::planning::Suite;
use crate::training::children::{Assignment, Garbled, Message, Order, read, send, take_stdout};

/// How long a child may take to leave a checkpoint when its parent has died.
const GRACE: Duration = Duration::from_secs(5);

/// Orders as they come.
pub struct Orders {
    from: Receiver<Result<Order, Garbled>>,
    told: Arc<Told>,
}

/// What is heard while another order is carried out.
pub struct Told {
    /// Whether to stop.
    stop: AtomicBool,
    /// How many threads to train with.
    threads: AtomicUsize,
}

/// A cluster's engine tells all processes to end. The parent tells its children, which then leave checkpoints.
#[cfg(unix)]
fn leave_ending_to_the_parent() -> std::io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, unread).map(|_| ())
}

#[cfg(not(unix))]
fn leave_ending_to_the_parent() -> std::io::Result<()> {
    Ok(())
}

impl Orders {
    /// Listens to the parent from now on, and to nobody else.
    ///
    /// # Errors
    /// If the system has no thread for it.
    fn listen() -> std::io::Result<Self> {
        leave_ending_to_the_parent()?;
        let (to, from) = mpsc::channel();
        let told = Arc::new(Told {
            stop: AtomicBool::new(false),
            threads: AtomicUsize::new(1),
        });
        let heard = Arc::clone(&told);
        thread::Builder::new().spawn(move || {
            for order in read(BufReader::new(std::io::stdin())) {
                match &order {
                    Ok(Order::Stop) => heard.stop.store(true, Ordering::Relaxed),
                    Ok(Order::Open(assignment)) => {
                        heard.threads.store(assignment.threads, Ordering::Relaxed);
                    }
                    Ok(Order::Threads { threads }) => {
                        heard.threads.store(*threads, Ordering::Relaxed);
                        continue;
                    }
                    _ => {}
                }
                if to.send(order).is_err() {
                    return;
                }
            }
            // The parent is gone, however it ended: nobody hears this process any more, and nobody
            // would end it.
            heard.stop.store(true, Ordering::Relaxed);
            drop(to);
            thread::sleep(GRACE);
            std::process::exit(1);
        })?;
        Ok(Orders { from, told })
    }

    /// The next order; `None` where there is none any more.
    ///
    /// # Errors
    /// If it cannot be read.
    fn next(&mut self) -> anyhow::Result<Option<Order>> {
        match self.from.recv() {
            Ok(Ok(Order::Stop)) | Err(_) => Ok(None),
            Ok(order) => order.map(Some).context("an order"),
        }
    }
}

/// A suite that this child was told to open.
struct Opened {
    assignment: Assignment,
    suite: Suite,
    /// What it has seen of other processes at the suite.
    leases: Leases,
}

/// Does what is ordered until there are no orders any more.
pub fn child() -> anyhow::Result<ExitCode> {
    take_stdout()?;
    let mut orders = Orders::listen()?;
    let mut opened = None;
    let mut next = orders.next()?;
    while let Some(order) = next {
        let mut ahead = None;
        match order {
            Order::List { backend } => probe::list(&backend)?,
            Order::Identify { subject } => on_all_threads(|| probe::identify(&subject))??,
            Order::Measure { subject } => on_all_threads(|| probe::measure(&subject))??,
            Order::Check {
                subject,
                precision,
                cache,
            } => on_all_threads(|| probe::check(&subject, precision, &cache))??,
            Order::Open(assignment) => {
                opened = Some(Opened {
                    suite: assignment.open()?,
                    leases: Leases::new(Duration::from_secs_f64(assignment.lease)),
                    assignment: *assignment,
                });
            }
            Order::Begin { cell } => {
                ahead = Some(timing::time(open(&mut opened)?, &cell, &mut orders)?)
            }
            Order::Train { cell } => training::train(open(&mut opened)?, &cell, &orders.told)?,
            Order::Steps { .. } => anyhow::bail!("steps of no cell"),
            Order::Threads { .. } | Order::Stop => {}
        }
        next = match ahead {
            Some(next) => next,
            None => {
                send(&Message::Finished)?;
                orders.next()?
            }
        };
    }
    Ok(ExitCode::SUCCESS)
}

fn open(opened: &mut Option<Opened>) -> anyhow::Result<&mut Opened> {
    opened.as_mut().context("no suite is open")
}

fn on_all_threads<T: Send>(
    work: impl FnOnce() -> T + Send,
) -> Result<T, isoflop_train::TrainError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    on_threads(cores, work)
}

fn doing(what: &str) -> std::io::Result<()> {
    send(&Message::Doing {
        what: what.to_owned(),
    })
}

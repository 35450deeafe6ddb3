//! The program on a disk that fails, tears and forgets.
//!
//! This test is two programs: told what its disk is to do, it is `isoflop` on that disk, workers and all;
//! told nothing, it is the tests, which start itself. By default a part of all cases is tried;
//! `ISOFLOP_DISK_TRIALS=all` tries every one, which takes hours, and a number that many of each kind.

mod crashes;
mod failures;
mod journal;
mod readers;
mod remembered;
#[path = "../support.rs"]
mod support;
mod tiny;
mod trouble;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if trouble::install_as_told() {
        return isoflop::main();
    }
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = failures::COMMANDS
        .iter()
        .map(|command| {
            Trial::test(format!("a_call_fails_in_{}", command.name), move || {
                failures::try_all(command);
                Ok(())
            })
        })
        .collect();
    trials.push(Trial::test("the_power_is_cut", || {
        crashes::try_all();
        Ok(())
    }));
    trials.push(Trial::test("readers_beside_writers", || {
        readers::try_all();
        Ok(())
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Those of many cases that are tried: all, or some that are spread over them.
fn chosen<T>(all: Vec<T>, some: usize) -> Vec<T> {
    let some = match std::env::var("ISOFLOP_DISK_TRIALS") {
        Ok(text) if text == "all" => all.len(),
        Ok(text) => text.parse().expect("a number, or `all`"),
        Err(_) => some,
    };
    let many = all.len();
    let take = |at: usize| at * some / many != (at + 1) * some / many;
    let numbered = all.into_iter().enumerate();
    numbered
        .filter(|(at, _)| some >= many || take(*at))
        .map(|(_, one)| one)
        .collect()
}

/// Tries cases, as many at once as there are processors. What fails is told by the case that failed.
fn at_once<T: Sync>(cases: &[T], case: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while let Some(one) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = catch_unwind(AssertUnwindSafe(|| case(one))) {
                        next.store(cases.len(), Ordering::Relaxed);
                        failed
                            .lock()
                            .expect("nobody panics with it")
                            .get_or_insert(why);
                    }
                }
            });
        }
    });
    if let Some(why) = failed.into_inner().expect("nobody panics with it") {
        resume_unwind(why);
    }
}

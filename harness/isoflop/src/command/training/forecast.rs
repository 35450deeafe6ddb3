//! What training a suite takes, for people.

use std::path::Path;
use std::time::Duration;

use crate::planning::Suite;
use crate::show::{count, duration};
use crate::training::run::{Timed, time};

/// What training takes, from the speeds of shapes that are cheap to measure.
pub fn forecast(suite: &Suite, cache: &Path, workers: Option<usize>) -> String {
    let timed = match time(suite, cache, workers) {
        Ok(timed) => timed,
        Err(why) => return format!("{why}\n"),
    };
    let Timed {
        workers,
        worker_seconds,
        seconds,
        shapes,
        measured,
        not_forecast,
    } = timed;
    let time = |seconds: f64| duration(Duration::from_secs_f64(seconds.min(1e12)));
    let forecast = if measured < shapes {
        format!(
            " ({measured} of {} measured, the others forecast from these)",
            count(shapes, "shape")
        )
    } else {
        String::new()
    };
    let left_out = match not_forecast {
        0 => String::new(),
        some => format!(
            "{} not in that time: no cell of their precision is cheap enough to measure\n",
            count(some, "cell")
        ),
    };
    format!(
        "about {} with {}, {} of one worker's time{forecast}\n{left_out}",
        time(seconds),
        count(workers, "worker"),
        time(worker_seconds),
    )
}

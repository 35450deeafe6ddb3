//! What a suite will take, from a few real steps of those of its shapes that are cheap.

use std::path::Path;
use std::thread;
use std::time::Duration;

use isoflop_device::Standing;
use isoflop_machine::Memory;
use isoflop_suite::{CellId, Flops, PlannedCell, Seconds};

use super::speeds::{Speeds, alike, flops_per_step, makespan};
use crate::planning::Suite;
use crate::training::capacity::threads_each;
use crate::training::children::{Assignment, Racer};

/// A shape is measured if its steps cost no more than this: a slow core does as much in a second.
const CHEAP: Flops = 2e10;
/// Steps are timed for about this long.
const TIMED: Seconds = 0.4;
/// A child that takes longer at one thing is given up.
const LIMIT: Duration = Duration::from_secs(60);

/// The forecast of a suite.
pub struct Timed {
    pub workers: usize,
    /// Seconds of all cells, one after the other.
    pub worker_seconds: Seconds,
    /// Until the last worker is done.
    pub seconds: Seconds,
    /// Different shapes among the cells.
    pub shapes: usize,
    /// Shapes that were measured.
    pub measured: usize,
    /// Cells in a precision of which nothing was measured.
    pub not_forecast: usize,
}

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub enum NotTimed {
    #[error("no cell is cheap enough to measure its speed here")]
    NothingCheap,
    #[error("its speed could not be measured: {0}")]
    Failed(String),
}

/// Measures the cheap shapes, in as many processes at once as would train, since these share caches and
/// memory.
///
/// # Errors
/// If no shape is cheap, or none could be measured.
pub fn time(suite: &Suite, cache: &Path, workers: Option<usize>) -> Result<Timed, NotTimed> {
    let workers = suite.workers(workers, suite.plan.cells.len());
    let mut shapes: Vec<&PlannedCell> = Vec::new();
    for planned in &suite.plan.cells {
        if !shapes.iter().any(|it| alike(&it.cell, &planned.cell)) {
            shapes.push(planned);
        }
    }
    let cheap: Vec<CellId> = shapes
        .iter()
        .filter(|planned| flops_per_step(&planned.cell) <= CHEAP)
        .map(|planned| planned.id.clone())
        .collect();
    let assignment = Assignment {
        threads: threads_each(workers),
        ..Assignment::new(suite, cache, Standing::default(), Path::new(""))
    };
    if cheap.is_empty() {
        return Err(NotTimed::NothingCheap);
    }
    let measured = measure(&assignment, &cheap, workers);
    if let Some(reason) = measured
        .iter()
        .find_map(|(_, seconds)| seconds.as_ref().err())
    {
        return Err(NotTimed::Failed(reason.clone()));
    }
    let mut speeds = Speeds::default();
    for (id, seconds) in &measured {
        if let (Some(planned), Ok(seconds)) = (suite.plan.find(id), seconds) {
            speeds.note(&planned.cell, *seconds);
        }
    }
    let mut cells: Vec<&PlannedCell> = suite.plan.cells.iter().collect();
    cells.sort_by(|a, b| b.cell.cost().total_cmp(&a.cell.cost()));
    let seconds: Vec<Seconds> = cells
        .iter()
        .filter_map(|planned| speeds.left(&planned.cell, 0))
        .collect();
    let memory = Memory::here().filter(|_| suite.device.is_processor());
    let largest = cells.iter().map(|planned| suite.memory(planned)).max();
    let at_once = memory.zip(largest).map_or(workers, |(memory, largest)| {
        workers.min((memory.free / largest.max(1)) as usize).max(1)
    });
    Ok(Timed {
        workers: at_once,
        not_forecast: cells.len() - seconds.len(),
        worker_seconds: seconds.iter().sum(),
        seconds: makespan(vec![0.0; at_once], seconds),
        shapes: shapes.len(),
        measured: measured.len(),
    })
}

/// Seconds per step, or why there are none.
type Measured = Result<Seconds, String>;

/// Seconds per step of each of these cells: the mean over all processes.
fn measure(assignment: &Assignment, cells: &[CellId], processes: usize) -> Vec<(CellId, Measured)> {
    let one = || -> Vec<Measured> {
        let mut racer = Racer::new(assignment.clone(), LIMIT);
        cells
            .iter()
            .map(|cell| per_step(&mut racer, cell))
            .collect()
    };
    let all: Vec<Vec<Measured>> = thread::scope(|scope| {
        let running: Vec<_> = (0..processes).map(|_| scope.spawn(one)).collect();
        let ended = running.into_iter().map(|it| it.join());
        ended.map(|it| it.expect("no measurement panics")).collect()
    });
    let mean = |at: usize| {
        let found: Result<Vec<Seconds>, String> =
            all.iter().map(|seconds| seconds[at].clone()).collect();
        found.map(|found| found.iter().sum::<Seconds>() / found.len() as f64)
    };
    let measured = cells.iter().enumerate();
    measured
        .map(|(at, cell)| (cell.clone(), mean(at)))
        .collect()
}

fn per_step(racer: &mut Racer, cell: &CellId) -> Measured {
    let mut lap = racer.begin(cell);
    racer.turn(&mut lap, 1);
    let first = lap.steps.last().copied().unwrap_or(TIMED);
    // Steps grow faster while memory is taken and caches fill: the last of three turns counts.
    for _ in 0..3 {
        let first = lap.steps.last().copied().unwrap_or(first);
        racer.turn(&mut lap, (TIMED / first).clamp(1.0, 1000.0) as u64);
    }
    match (lap.failed, lap.steps.last()) {
        (None, Some(seconds)) => Ok(*seconds),
        (failed, _) => Err(failed.unwrap_or_default()),
    }
}

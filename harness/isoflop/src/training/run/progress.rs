//! What a person sees while a suite runs: a bar for the suite, a line for each worker. Where the
//! output is no terminal, a plain line for each finished cell.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use isoflop_suite::{Flops, Plan, PlannedCell, Seconds};

use super::speeds::{Speeds, makespan};
use crate::show::{Labels, duration, is_quiet, say, si};

/// The bar counts ten-thousandths of the suite's FLOPs, which themselves overflow an integer.
const LENGTH: u64 = 10_000;

/// Progress of a suite.
pub struct Progress<'a> {
    labels: &'a Labels,
    begin: Instant,
    bars: MultiProgress,
    suite: ProgressBar,
    lines: Vec<ProgressBar>,
    cells: usize,
    cells_done: usize,
    total: Flops,
    finished: Flops,
    speeds: Speeds,
    /// Cells that have not ended, the most expensive first.
    left: Vec<&'a PlannedCell>,
    /// The cell and the step each worker is at.
    at: Vec<Option<(&'a PlannedCell, u64)>>,
}

impl<'a> Progress<'a> {
    /// The progress of a suite with these cells left.
    pub fn new(plan: &Plan, labels: &'a Labels, left: &[&'a PlannedCell]) -> Self {
        let bars = MultiProgress::new();
        if is_quiet() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = "{msg:14} [{wide_bar}] {prefix}";
        let suite =
            bars.add(ProgressBar::new(LENGTH).with_style(template(style).progress_chars("=> ")));
        let to_do: Flops = left.iter().map(|planned| planned.cell.cost()).sum();
        Progress {
            labels,
            begin: Instant::now(),
            bars,
            suite,
            lines: Vec::new(),
            cells: plan.cells.len(),
            cells_done: plan.cells.len() - left.len(),
            total: plan.cost(),
            finished: plan.cost() - to_do,
            speeds: Speeds::default(),
            left: left.to_vec(),
            at: Vec::new(),
        }
    }

    /// So many workers train.
    pub fn workers(&mut self, count: usize) {
        let line = |_| {
            let style = template("  {wide_msg}");
            self.bars.add(ProgressBar::new_spinner().with_style(style))
        };
        self.lines = (0..count).map(line).collect();
        self.at = vec![None; count];
        self.draw();
    }

    /// A worker is at a step of a cell.
    pub fn step(
        &mut self,
        worker: usize,
        planned: &'a PlannedCell,
        step: u64,
        tokens: u64,
        loss: f64,
        per_step: Option<Seconds>,
    ) {
        self.at[worker] = Some((planned, step));
        let speed = per_step.map_or_else(String::new, |seconds| {
            self.speeds.note(&planned.cell, seconds);
            format!("  {} tokens/s", si(tokens as f64 / step as f64 / seconds))
        });
        self.lines[worker].set_message(format!(
            "{}  {}  {:>3.0}%  loss {loss:.3}{speed}",
            planned.id,
            self.labels.label(planned),
            100.0 * step as f64 / planned.cell.training.steps as f64,
        ));
        self.draw();
    }

    /// A worker has finished a cell, in the words of `how`.
    pub fn end(&mut self, worker: usize, planned: &PlannedCell, how: &str) {
        self.at[worker] = None;
        self.lines[worker].set_message("");
        self.count(planned);
        let line = format!(
            "[{:>3}/{}] {}  {}  {how}",
            self.cells_done,
            self.cells,
            planned.id,
            self.labels.label(planned)
        );
        if self.bars.is_hidden() {
            say!("{line}  {}", self.eta());
        } else {
            let _ = self.bars.println(line);
        }
        self.draw();
    }

    /// Another process has finished a cell.
    pub fn known(&mut self, planned: &PlannedCell) {
        self.count(planned);
        self.draw();
    }

    fn count(&mut self, planned: &PlannedCell) {
        self.finished += planned.cell.cost();
        self.cells_done += 1;
        self.left.retain(|it| it.id != planned.id);
    }

    /// A worker's cell ended otherwise than done, and is tried again.
    pub fn again(&mut self, worker: usize, planned: &PlannedCell, how: &str) {
        self.at[worker] = None;
        self.lines[worker].set_message("");
        self.say(&format!(
            "{}  {}  {how}; it is tried again",
            planned.id,
            self.labels.label(planned)
        ));
        self.draw();
    }

    /// Says something above the bars.
    pub fn say(&self, line: &str) {
        if self.bars.is_hidden() {
            say!("{line}");
        } else {
            let _ = self.bars.println(line);
        }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        let _ = self.bars.clear();
    }

    /// Time left: each cell's steps at the speed of its shape, shared out over the workers.
    fn seconds_left(&self) -> Option<Seconds> {
        let under_way = |planned: &&&PlannedCell| {
            let at = self.at.iter().flatten();
            !at.clone().any(|(it, _)| it.id == planned.id)
        };
        let busy: Option<Vec<Seconds>> = self
            .at
            .iter()
            .map(|at| match at {
                Some((planned, step)) => self.speeds.left(&planned.cell, *step),
                None => Some(0.0),
            })
            .collect();
        let waiting: Option<Vec<Seconds>> = self
            .left
            .iter()
            .filter(under_way)
            .map(|planned| self.speeds.left(&planned.cell, 0))
            .collect();
        Some(makespan(busy?, waiting?))
    }

    fn eta(&self) -> String {
        if self.left.is_empty() {
            return format!("after {}", duration(self.begin.elapsed()));
        }
        match self.seconds_left() {
            Some(left) => format!("ETA {}", duration(Duration::from_secs_f64(left.min(1e12)))),
            None => "ETA ?".to_owned(),
        }
    }

    fn draw(&self) {
        let under_way: Flops = self
            .at
            .iter()
            .flatten()
            .map(|(planned, step)| {
                planned.cell.cost() * *step as f64 / planned.cell.training.steps as f64
            })
            .sum();
        let share = if self.total > 0.0 {
            (self.finished + under_way) / self.total
        } else {
            1.0
        };
        self.suite
            .set_message(format!("{}/{} cells", self.cells_done, self.cells));
        self.suite.set_prefix(self.eta());
        self.suite.set_position((share * LENGTH as f64) as u64);
    }
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).expect("the template is ours")
}

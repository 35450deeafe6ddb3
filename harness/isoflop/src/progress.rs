//! What a person sees while a suite runs: a bar for the suite, a line for each worker. Where the
//! output is no terminal, a plain line for each finished cell.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use isoflop_suite::{Flops, PlannedCell};

use crate::show::{duration, si};

/// The bar counts thousandths of the suite's FLOPs, which themselves overflow an integer.
const LENGTH: u64 = 10_000;

/// Progress of a suite.
pub struct Progress {
    begin: Instant,
    bars: MultiProgress,
    suite: ProgressBar,
    workers: Vec<ProgressBar>,
    cells: usize,
    cells_done: usize,
    total: Flops,
    /// FLOPs of cells that were done before.
    before: Flops,
    finished: Flops,
    under_way: Vec<Flops>,
}

impl Progress {
    /// Of `cells` cells of `total` FLOPs, of which `cells_done` cells of `before` FLOPs are done.
    pub fn new(
        workers: usize,
        cells: usize,
        total: Flops,
        cells_done: usize,
        before: Flops,
    ) -> Self {
        let bars = MultiProgress::new();
        let style = "{msg:14} [{wide_bar}] {prefix}";
        let suite =
            bars.add(ProgressBar::new(LENGTH).with_style(template(style).progress_chars("=> ")));
        let line = |_| bars.add(ProgressBar::new_spinner().with_style(template("  {wide_msg}")));
        let workers: Vec<_> = (0..workers).map(line).collect();
        let progress = Progress {
            begin: Instant::now(),
            under_way: vec![0.0; workers.len()],
            bars,
            suite,
            workers,
            cells,
            cells_done,
            total,
            before,
            finished: before,
        };
        progress.draw();
        progress
    }

    /// A worker is at a step of a cell.
    pub fn step(
        &mut self,
        worker: usize,
        planned: &PlannedCell,
        tokens: u64,
        loss: f64,
        seconds: f64,
    ) {
        let share = tokens as f64 / planned.cell.tokens() as f64;
        self.under_way[worker] = share * planned.cell.cost();
        let rate = if seconds > 0.0 {
            tokens as f64 / seconds
        } else {
            0.0
        };
        self.workers[worker].set_message(format!(
            "{}  {}  {:>3.0}%  loss {loss:.3}  {} tokens/s",
            planned.id,
            shape(planned),
            100.0 * share,
            si(rate),
        ));
        self.draw();
    }

    /// A worker has finished a cell, in the words of `how`.
    pub fn end(&mut self, worker: usize, planned: &PlannedCell, how: &str) {
        self.under_way[worker] = 0.0;
        self.finished += planned.cell.cost();
        self.cells_done += 1;
        self.workers[worker].set_message("");
        let line = format!(
            "[{:>3}/{}] {}  {}  {how}",
            self.cells_done,
            self.cells,
            planned.id,
            shape(planned)
        );
        if self.bars.is_hidden() {
            eprintln!("{line}  {}", self.eta());
        } else {
            let _ = self.bars.println(line);
        }
        self.draw();
    }

    /// A worker's cell ended otherwise than done, and is tried again.
    pub fn again(&mut self, worker: usize, planned: &PlannedCell, how: &str) {
        self.under_way[worker] = 0.0;
        self.workers[worker].set_message("");
        self.say(&format!(
            "{}  {}  {how}; it is tried again",
            planned.id,
            shape(planned)
        ));
        self.draw();
    }

    /// Says something above the bars.
    pub fn say(&self, line: &str) {
        if self.bars.is_hidden() {
            eprintln!("{line}");
        } else {
            let _ = self.bars.println(line);
        }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        let _ = self.bars.clear();
    }

    fn done(&self) -> Flops {
        self.finished + self.under_way.iter().sum::<f64>()
    }

    /// Time left, from the FLOPs left and the speed so far.
    fn eta(&self) -> String {
        let (done, elapsed) = (
            self.done() - self.before,
            self.begin.elapsed().as_secs_f64(),
        );
        if done <= 0.0 || elapsed < 1.0 {
            return "ETA ?".to_owned();
        }
        let left = (self.total - self.done()).max(0.0) * elapsed / done;
        if left < 0.5 {
            return format!("after {}", duration(self.begin.elapsed()));
        }
        format!("ETA {}", duration(Duration::from_secs_f64(left.min(1e12))))
    }

    fn draw(&self) {
        let share = if self.total > 0.0 {
            self.done() / self.total
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

/// A cell in a few words.
pub fn shape(planned: &PlannedCell) -> String {
    let model = &planned.cell.model;
    format!(
        "width {:>4} depth {:>2}  N {:>6}  D {:>6}",
        model.width,
        model.depth,
        si(planned.parameters.total() as f64),
        si(planned.cell.tokens() as f64)
    )
}

//! How long cells will take, from the speeds of those that were measured.

use isoflop_suite::{Cell, Flops, Model, Precision, Seconds};

/// What decides the time of a step: the model, how many sequences, and what it computes in.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    model: Model,
    batch: u64,
    micro_batch: u64,
    precision: Precision,
}

impl Shape {
    fn of(cell: &Cell) -> Self {
        Shape {
            model: cell.model.clone(),
            batch: cell.training.batch,
            micro_batch: cell.training.micro_batch,
            precision: cell.training.precision,
        }
    }
}

/// FLOPs of one step.
pub fn flops_per_step(cell: &Cell) -> Flops {
    cell.cost() / cell.training.steps as f64
}

/// Whether two cells take the same time a step.
pub fn alike(a: &Cell, b: &Cell) -> bool {
    Shape::of(a) == Shape::of(b)
}

/// Seconds per step, by shape.
#[derive(Debug, Default)]
pub struct Speeds {
    measured: Vec<(Shape, Flops, Seconds)>,
}

impl Speeds {
    /// Notes what a step of a cell takes, in place of what was known.
    pub fn note(&mut self, cell: &Cell, per_step: Seconds) {
        let shape = Shape::of(cell);
        match self.measured.iter_mut().find(|(it, ..)| *it == shape) {
            Some(known) => known.2 = per_step,
            None => self.measured.push((shape, flops_per_step(cell), per_step)),
        }
    }

    /// Seconds of a step: as measured, or else by the FLOPs of the shape measured whose cost is nearest.
    /// `None` where nothing was measured.
    pub fn per_step(&self, cell: &Cell) -> Option<Seconds> {
        let shape = Shape::of(cell);
        if let Some((.., seconds)) = self.measured.iter().find(|(it, ..)| *it == shape) {
            return Some(*seconds);
        }
        let cost = flops_per_step(cell);
        let same = self
            .measured
            .iter()
            .filter(|(it, ..)| it.precision == shape.precision);
        let distance = |flops: Flops| (flops / cost).ln().abs();
        let (_, flops, seconds) = same.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
        Some(seconds * cost / flops)
    }

    /// Seconds of a cell from a step on, with its evaluation.
    pub fn left(&self, cell: &Cell, steps_done: u64) -> Option<Seconds> {
        let per_step = self.per_step(cell)?;
        let steps = cell.training.steps.saturating_sub(steps_done) as f64;
        Some(per_step * (steps + evaluation_in_steps(cell)))
    }
}

/// The evaluation's cost in training steps: a forward pass is a third of a step's work.
fn evaluation_in_steps(cell: &Cell) -> f64 {
    let windows = cell.evaluation.windows(cell.model.sequence_length) as f64;
    windows / (3.0 * cell.training.batch as f64)
}

/// When the last of these cells is done, each taken in its order by the first worker that is free.
/// `busy` is what each worker has left of the cell it is at.
pub fn makespan(mut busy: Vec<Seconds>, cells: impl IntoIterator<Item = Seconds>) -> Seconds {
    for seconds in cells {
        let first = busy.iter_mut().min_by(|a, b| a.total_cmp(b));
        if let Some(worker) = first {
            *worker += seconds;
        }
    }
    busy.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_worker_ends_the_suite() {
        assert_eq!(makespan(vec![0.0, 0.0], [5.0, 3.0, 2.0, 1.0]), 6.0);
        assert_eq!(makespan(vec![4.0, 0.0], [1.0]), 4.0);
        assert_eq!(makespan(vec![0.0], []), 0.0);
    }
}

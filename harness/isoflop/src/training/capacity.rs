//! What a suite needs of a machine to train on it.

use std::collections::BTreeSet;

use isoflop_machine::cores;
use isoflop_suite::Precision;

use crate::planning::Suite;

impl Suite {
    /// How many workers train so many cells at once: one for each core on a processor, where several cells train
    /// faster than one with several threads, and one on a GPU.
    pub fn workers(&self, asked: Option<usize>, cells: usize) -> usize {
        let several = if self.device.is_processor() {
            cores()
        } else {
            1
        };
        asked.unwrap_or(several).min(cells).max(1)
    }

    /// The precisions its cells train in.
    pub fn precisions(&self) -> Vec<Precision> {
        let cells = self.plan.cells.iter();
        let all: BTreeSet<_> = cells
            .map(|planned| planned.cell.training.precision)
            .collect();
        all.into_iter().collect()
    }
}

/// The processor's threads for each of so many workers.
pub fn threads_each(workers: usize) -> usize {
    (cores() / workers.max(1)).max(1)
}

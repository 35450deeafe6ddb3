//! The points of a problem, laid out for arithmetic: blocks of rows side by side.

use std::sync::{Arc, OnceLock};

use crate::lanes::{Column, ROWS};
use crate::points::Points;

/// Points in blocks. The last block is filled up with its last point, of no weight.
#[derive(Debug, Clone)]
pub struct Rows {
    variables: usize,
    count: usize,
    /// Each block's columns, one after the other: the variables' centred logarithms.
    z: Vec<Column>,
    target: Vec<Column>,
    weight: Vec<Column>,
    /// Of all points.
    total: f64,
    /// Points by their number, and how often each counts.
    draws: Vec<(usize, f64)>,
    /// Some of them, once they were asked for.
    few: OnceLock<Option<Arc<Rows>>>,
}

/// So many points, of at most [`ROWS`].
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Centred logarithms, by variable.
    pub z: &'a [Column],
    /// Measured log losses.
    pub target: &'a Column,
    pub weight: &'a Column,
    /// Points; further rows have no weight.
    pub count: usize,
}

impl Rows {
    /// Points by their number, and how often each counts.
    pub fn new(points: &Points, draws: &[(usize, f64)]) -> Self {
        let (variables, count) = (points.variables(), draws.len());
        let mut rows = Rows {
            variables,
            count,
            z: Vec::with_capacity(count.div_ceil(ROWS) * variables),
            target: Vec::with_capacity(count.div_ceil(ROWS)),
            weight: Vec::with_capacity(count.div_ceil(ROWS)),
            total: 0.0,
            draws: draws.to_vec(),
            few: OnceLock::new(),
        };
        for block in draws.chunks(ROWS) {
            let at = |row: usize| block[row.min(block.len() - 1)];
            for variable in 0..variables {
                rows.z.push(Column::of(|row| points.z(at(row).0)[variable]));
            }
            rows.target
                .push(Column::of(|row| points.log_loss(at(row).0)));
            let weight = Column::of(|row| {
                let (point, times) = at(row);
                let times = if row < block.len() { times } else { 0.0 };
                times * points.weight(point)
            });
            rows.total += weight.0.iter().sum::<f64>();
            rows.weight.push(weight);
        }
        rows
    }

    /// About so many of these points, spread evenly and in no step that a table could have as well; `None` where that is
    /// no large saving.
    pub fn fewer(&self, points: &Points, count: usize) -> Option<Arc<Self>> {
        const LEAST_SAVING: usize = 4;
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let choose = || {
            if self.count / LEAST_SAVING < count {
                return None;
            }
            let spread =
                |step: usize| ((step as f64 * GOLDEN).fract() * self.count as f64) as usize;
            let mut chosen: Vec<usize> = (0..count).map(spread).collect();
            chosen.sort_unstable();
            chosen.dedup();
            let draws: Vec<(usize, f64)> = chosen.iter().map(|at| self.draws[*at]).collect();
            Some(Arc::new(Rows::new(points, &draws)))
        };
        self.few.get_or_init(choose).clone()
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The weight of all points.
    pub fn weight(&self) -> f64 {
        self.total
    }

    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        (0..self.target.len()).map(|at| Block {
            z: &self.z[at * self.variables..(at + 1) * self.variables],
            target: &self.target[at],
            weight: &self.weight[at],
            count: (self.count - at * ROWS).min(ROWS),
        })
    }
}

/// Where a law keeps what it computes, from block to block.
#[derive(Debug, Clone)]
pub struct Scratch {
    pub columns: Vec<Column>,
    /// Whether what is in it is of another theta.
    pub of_another: bool,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch {
            columns: Vec::new(),
            of_another: true,
        }
    }
}

/// Predictions of a block's rows with their first and second derivatives by the parameters.
#[derive(Debug, Clone)]
pub struct Jets {
    pub value: Column,
    /// By parameter.
    pub gradient: Vec<Column>,
    /// The lower triangle, row by row: see [`Jets::place`].
    pub hessian: Vec<Column>,
    /// A law's own, from block to block of one theta.
    pub scratch: Scratch,
}

impl Jets {
    /// Of a law of so many parameters.
    pub fn new(parameters: usize) -> Self {
        Jets {
            value: Column::ZERO,
            gradient: vec![Column::ZERO; parameters],
            hessian: vec![Column::ZERO; parameters * (parameters + 1) / 2],
            scratch: Scratch::default(),
        }
    }

    /// Where the second derivative by parameters `i` and `j`, the later one first, has its place.
    #[inline(always)]
    pub fn place(i: usize, j: usize) -> usize {
        i * (i + 1) / 2 + j
    }
}

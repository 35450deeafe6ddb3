//! The points of a problem, laid out for arithmetic: blocks of rows side by side.

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

    /// About so many of the points, spread evenly and in no step that a table could have as well; `None` where that is no
    /// large saving.
    pub fn fewer(&self, count: usize) -> Option<Self> {
        const LEAST_SAVING: usize = 4;
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        if self.count / LEAST_SAVING < count {
            return None;
        }
        let spread = |step: usize| ((step as f64 * GOLDEN).fract() * self.count as f64) as usize;
        let mut chosen: Vec<usize> = (0..count).map(spread).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let column =
            |columns: &[Column], stride: usize, from: usize, block: &[usize], row: usize| {
                let point = block[row.min(block.len() - 1)];
                columns[point / ROWS * stride + from].0[point % ROWS]
            };
        let mut few = Rows {
            variables: self.variables,
            count: chosen.len(),
            z: Vec::new(),
            target: Vec::new(),
            weight: Vec::new(),
            total: 0.0,
        };
        for block in chosen.chunks(ROWS) {
            for variable in 0..self.variables {
                let z = |row| column(&self.z, self.variables, variable, block, row);
                few.z.push(Column::of(z));
            }
            let target = |row| column(&self.target, 1, 0, block, row);
            few.target.push(Column::of(target));
            let weight = Column::of(|row| {
                let counts = if row < block.len() { 1.0 } else { 0.0 };
                counts * column(&self.weight, 1, 0, block, row)
            });
            few.total += weight.0.iter().sum::<f64>();
            few.weight.push(weight);
        }
        Some(few)
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

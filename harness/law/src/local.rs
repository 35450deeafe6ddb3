//! An objective around a theta: its value, slopes and curvatures.

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::huber_step::{Lines, add_to_diagonal, huber_step};
use crate::lanes::{Column, ROWS, Sum, wide};
use crate::objective::Kernel;
use crate::pins::Pins;
use crate::rows::{Block, Jets};

/// Relative gradient that counts as none. Sums of a few hundred points round at about 1e-14.
const FLAT: f64 = 1e-9;
/// Residuals that are rounding alone.
const EXACT: f64 = 1e-13;
/// Share of the objective that its rounding hides.
const HIDDEN: f64 = 1e-13;

/// The objective around a theta.
#[derive(Debug, Clone)]
pub struct Local {
    pub value: f64,
    kernel: Kernel,
    gradient: DVector<f64>,
    /// Sum of the sizes of the points' gradients.
    pull: DVector<f64>,
    /// What the residuals' own curvature adds to the Hessian, and what their slopes do.
    bent: DMatrix<f64>,
    sloped: DMatrix<f64>,
    largest_residual: f64,
    /// Points that curve the objective.
    within: usize,
}

/// Its sums, while points are added to them.
pub struct Sums {
    kernel: Kernel,
    value: Sum,
    gradient: Vec<Sum>,
    pull: Vec<Sum>,
    /// Lower triangles, as [`Jets`] has them.
    bent: Vec<Sum>,
    sloped: Vec<Sum>,
    largest_residual: f64,
    within: usize,
}

impl Sums {
    /// Before any point, for so many parameters.
    pub fn new(kernel: Kernel, count: usize) -> Self {
        let triangle = vec![Sum::ZERO; count * (count + 1) / 2];
        Sums {
            kernel,
            value: Sum::ZERO,
            gradient: vec![Sum::ZERO; count],
            pull: vec![Sum::ZERO; count],
            bent: triangle.clone(),
            sloped: triangle,
            largest_residual: 0.0,
            within: 0,
        }
    }

    /// Adds a block; `moving` are its gradients by the coordinates that move.
    pub fn add(&mut self, block: &Block, jets: &Jets, moving: &[Column]) {
        wide(
            #[inline(always)]
            || self.add_rows(block, jets, moving),
        );
    }

    #[inline(always)]
    fn add_rows(&mut self, block: &Block, jets: &Jets, moving: &[Column]) {
        let [value, first, second] = self.kernel.columns(&jets.value, block.target);
        let weighed = |column: &Column| Column::of(|row| column.0[row] * block.weight.0[row]);
        let (first, second) = (weighed(&first), weighed(&second));
        self.value.add(&value, block.weight);
        for row in 0..ROWS {
            let residual = (jets.value.0[row] - block.target.0[row]).abs();
            self.largest_residual = self.largest_residual.max(residual);
        }
        for (i, gradient) in jets.gradient.iter().enumerate() {
            self.gradient[i].add(&first, gradient);
            self.pull[i].add_size(&first, &moving[i]);
        }
        for (sum, bend) in self.bent.iter_mut().zip(&jets.hessian) {
            sum.add(&first, bend);
        }
        let within = second.0.iter().filter(|bend| **bend != 0.0).count();
        if within == 0 {
            return;
        }
        self.within += within;
        for (i, slope) in moving.iter().enumerate() {
            let pulled = Column::of(|row| second.0[row] * slope.0[row]);
            for (j, other) in moving[..=i].iter().enumerate() {
                self.sloped[Jets::place(i, j)].add(&pulled, other);
            }
        }
    }

    /// What the sums come to, where held coordinates follow the others.
    pub fn end(self, pins: &Pins) -> Local {
        let count = self.gradient.len();
        let vector = |sums: &[Sum]| DVector::from_iterator(count, sums.iter().map(|it| it.total()));
        let matrix = |sums: &[Sum]| {
            DMatrix::from_fn(count, count, |i, j| {
                sums[Jets::place(i.max(j), i.min(j))].total()
            })
        };
        let mut local = Local {
            value: self.value.total(),
            kernel: self.kernel,
            gradient: vector(&self.gradient),
            pull: vector(&self.pull),
            bent: matrix(&self.bent),
            sloped: matrix(&self.sloped),
            largest_residual: self.largest_residual,
            within: self.within,
        };
        if !pins.held.is_empty() {
            local.follow(pins);
        }
        local
    }
}

impl Local {
    fn follow(&mut self, pins: &Pins) {
        let moves = pins.moves(self.gradient.len());
        self.bent = moves.transpose() * &self.bent * &moves;
        for (index, coordinate) in &pins.held {
            self.bent += &coordinate.hessian * self.gradient[*index];
        }
        self.gradient = moves.transpose() * &self.gradient;
        // At rest, whatever their curvature.
        let rest = self.bent.diagonal().amax().max(1e-300);
        for (index, _) in &pins.held {
            self.gradient[*index] = 0.0;
            self.bent[(*index, *index)] = rest;
        }
    }

    /// The size of its curvature, to damp by.
    pub fn scale(&self) -> f64 {
        let bent = self.bent.diagonal().amax();
        let sloped = self.sloped.diagonal().amax();
        bent.max(sloped).max(self.pull.amax()).max(1e-300)
    }

    /// Newton's step with this much damping; `None` where that is too little.
    pub fn newton(&self, damping: f64) -> Option<DVector<f64>> {
        let damped = add_to_diagonal(&self.bent + &self.sloped, damping);
        Some(-Cholesky::new(damped)?.solve(&self.gradient))
    }

    /// Whether Newton's step is of use: of a sharp bend it sees the curvature only where there are
    /// points within.
    pub fn curved(&self) -> bool {
        match self.kernel {
            Kernel::Huber { .. } => self.within >= 2 * self.gradient.len(),
            Kernel::Square | Kernel::SquareOfLoss => true,
        }
    }

    /// The step over bends, with this much damping; `None` where there are none.
    pub fn over_bends(&self, lines: &Lines, damping: f64) -> Option<DVector<f64>> {
        let Kernel::Huber { delta, scale } = self.kernel else {
            return None;
        };
        // The scale's square divides the whole of the objective.
        let curvature = add_to_diagonal(self.bent.clone(), damping) * (scale * scale);
        // No better than the straight lines are.
        let flat = (0.1 * self.relative_gradient().powi(2)).clamp(1e-12, 1e-3);
        Some(huber_step(lines, delta * scale, &curvature, flat))
    }

    /// Largest component of the gradient, over what the points pull.
    pub fn relative_gradient(&self) -> f64 {
        let pull = self.pull.amax();
        if pull == 0.0 {
            0.0
        } else {
            self.gradient.amax() / pull
        }
    }

    /// Whether the gradient vanishes, or the points are met exactly.
    pub fn flat(&self) -> bool {
        self.relative_gradient() <= FLAT || self.largest_residual <= EXACT
    }

    /// Whether a Newton step would gain nothing that the objective's rounding does not hide.
    pub fn bottom(&self) -> bool {
        Cholesky::new(&self.bent + &self.sloped).is_some_and(|cholesky| {
            self.gradient.dot(&cholesky.solve(&self.gradient)) <= HIDDEN * self.value.abs()
        })
    }
}

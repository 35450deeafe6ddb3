//! An objective around a theta: its value, slopes and curvatures.

use nalgebra::{Cholesky, SMatrix, SVector};

use crate::huber_step::{Lines, huber_step};
use crate::jet::Jet;
use crate::objective::Kernel;
use crate::pins::Pins;

/// Relative gradient that counts as none. Sums of a few hundred points round at about 1e-14.
const FLAT: f64 = 1e-9;
/// Residuals that are rounding alone.
const EXACT: f64 = 1e-13;
/// Share of the objective that its rounding hides.
const HIDDEN: f64 = 1e-13;

/// The objective around a theta.
#[derive(Debug, Clone)]
pub struct Local<const P: usize> {
    pub value: f64,
    kernel: Kernel,
    gradient: SVector<f64, P>,
    /// Sum of the sizes of the points' gradients.
    pull: SVector<f64, P>,
    /// What the residuals' own curvature adds to the Hessian, and what their slopes do.
    bent: SMatrix<f64, P, P>,
    sloped: SMatrix<f64, P, P>,
    largest_residual: f64,
    /// Points that curve the objective.
    within: usize,
}

impl<const P: usize> Local<P> {
    /// Before any point.
    pub fn new(kernel: Kernel) -> Self {
        Local {
            value: 0.0,
            kernel,
            gradient: SVector::zeros(),
            pull: SVector::zeros(),
            bent: SMatrix::zeros(),
            sloped: SMatrix::zeros(),
            largest_residual: 0.0,
            within: 0,
        }
    }

    /// Adds a point, whose gradient is by the coordinates that move.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "indices of a matrix")]
    pub fn add(&mut self, weight: f64, jet: &Jet<P>, log_loss: f64, moving: &[f64; P]) {
        let [value, first, second] = self.kernel.at(jet.value, log_loss);
        let (first, second) = (weight * first, weight * second);
        self.value += weight * value;
        self.largest_residual = self.largest_residual.max((jet.value - log_loss).abs());
        for j in 0..P {
            self.gradient[j] += first * jet.gradient[j];
            self.pull[j] += (first * moving[j]).abs();
            for i in j..P {
                self.bent[(i, j)] += first * jet.hessian[(i, j)];
            }
        }
        if second != 0.0 {
            self.within += 1;
            for j in 0..P {
                for i in j..P {
                    self.sloped[(i, j)] += second * moving[i] * moving[j];
                }
            }
        }
    }

    /// Ends the sums: their upper triangles, and a coordinate that follows the others.
    pub fn end(&mut self, pins: &Pins<P>) {
        self.bent.fill_upper_triangle_with_lower_triangle();
        self.sloped.fill_upper_triangle_with_lower_triangle();
        if pins.held.is_empty() {
            return;
        }
        let moves = pins.moves();
        self.bent = moves.transpose() * self.bent * moves;
        for (index, coordinate) in &pins.held {
            self.bent += coordinate.hessian * self.gradient[*index];
        }
        self.gradient = moves.transpose() * self.gradient;
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
    pub fn newton(&self, damping: f64) -> Option<SVector<f64, P>> {
        let damped = self.bent + self.sloped + SMatrix::identity() * damping;
        Some(-Cholesky::new(damped)?.solve(&self.gradient))
    }

    /// Whether Newton's step is of use: of a sharp bend it sees the curvature only where there are
    /// points within.
    pub fn curved(&self) -> bool {
        match self.kernel {
            Kernel::Huber { .. } => self.within >= 2 * P,
            Kernel::Square | Kernel::SquareOfLoss => true,
        }
    }

    /// The step over bends, with this much damping; `None` where there are none.
    pub fn over_bends(&self, lines: &Lines<P>, damping: f64) -> Option<SVector<f64, P>> {
        let Kernel::Huber { delta, scale } = self.kernel else {
            return None;
        };
        // The scale's square divides the whole of the objective.
        let curvature = (self.bent + SMatrix::identity() * damping) * (scale * scale);
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
        Cholesky::new(self.bent + self.sloped).is_some_and(|cholesky| {
            self.gradient.dot(&cholesky.solve(&self.gradient)) <= HIDDEN * self.value.abs()
        })
    }
}

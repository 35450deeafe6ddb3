//! Newton's method with damping on the whole objective, from one start.

use nalgebra::{DMatrix, DVector};

use crate::Objective;
use crate::sum_of_powers::SumOfPowers;
use crate::table::Table;

/// A fit's problem: a law, points with weights, an objective.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    pub law: SumOfPowers,
    pub table: &'a Table,
    /// Mean logarithm of each variable.
    pub centre: Vec<f64>,
    /// How often each point counts: one, or its draws in a resample.
    pub weights: Vec<f64>,
    pub objective: Objective,
}

/// Where a descent ended.
#[derive(Debug, Clone)]
pub struct Minimum {
    pub theta: Vec<f64>,
    pub value: f64,
    /// Largest component of the gradient over the sum of the points' own contributions to it: 0 at
    /// a minimum, 1 where all pull the same way, whatever the objective's scale.
    pub gradient: f64,
    /// Whether the gradient vanishes there and the objective curves upwards.
    pub converged: bool,
}

const MOST_STEPS: usize = 200;
/// Relative gradient that counts as none. Sums of a few hundred points round at about 1e-14.
const FLAT: f64 = 1e-9;
/// Residuals that are rounding alone.
const EXACT: f64 = 1e-13;

impl Problem<'_> {
    fn z(&self, point: usize) -> impl Fn(usize) -> f64 + '_ {
        let log_x = self.table.log_x(point);
        move |term| log_x[term] - self.centre[term]
    }

    /// The objective at theta.
    pub fn value(&self, theta: &[f64]) -> f64 {
        self.value_of(theta, self.objective)
    }

    fn value_of(&self, theta: &[f64], objective: Objective) -> f64 {
        let value = |point: usize| {
            let r = self.law.log_loss(theta, self.z(point)) - self.table.log_loss(point);
            self.weights[point] * objective.at(r).0
        };
        let counted = (0..self.table.len()).filter(|point| self.weights[*point] > 0.0);
        let sum: f64 = counted.map(value).sum();
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    /// Descends from `start`. The objective's bend is approached in stages: far from the minimum a
    /// sharp one gives Newton's method no curvature to work with.
    pub fn descend(&self, start: &[f64]) -> Minimum {
        let mut theta = start.to_vec();
        for bend in [0.1, 0.01] {
            theta = self.newton(&theta, self.objective.smoothed(bend)).theta;
        }
        self.newton(&theta, self.objective)
    }

    /// Descends from a start that is already near.
    pub fn refine(&self, start: &[f64]) -> Minimum {
        let theta = self.newton(start, self.objective.smoothed(0.01)).theta;
        self.newton(&theta, self.objective)
    }

    fn newton(&self, start: &[f64], objective: Objective) -> Minimum {
        let n = start.len();
        let mut theta = DVector::from_column_slice(start);
        let mut local = self.local(&theta, objective);
        let mut damping = 1e-3;
        for _ in 0..MOST_STEPS {
            if local.flat() {
                break;
            }
            let scale = local
                .hessian
                .diagonal()
                .amax()
                .max(local.pull.amax())
                .max(1e-300);
            let mut moved = false;
            while damping < 1e12 {
                let damped = &local.hessian + DMatrix::identity(n, n) * (damping * scale);
                if let Some(cholesky) = damped.cholesky() {
                    let step = cholesky.solve(&local.gradient);
                    let next = &theta - &step;
                    let value = self.value_of(next.as_slice(), objective);
                    if value < local.value {
                        theta = next;
                        damping = (damping * 0.1).max(1e-15);
                        moved = true;
                        break;
                    }
                }
                damping *= 10.0;
            }
            if !moved {
                break;
            }
            local = self.local(&theta, objective);
        }
        let converged = local.flat() || local.bottom();
        Minimum {
            value: local.value,
            gradient: local.relative_gradient(),
            converged: converged && theta.iter().all(|t| t.is_finite()),
            theta: theta.as_slice().to_vec(),
        }
    }

    fn local(&self, theta: &DVector<f64>, objective: Objective) -> Local {
        let n = theta.len();
        let mut local = Local {
            value: 0.0,
            gradient: DVector::zeros(n),
            pull: DVector::zeros(n),
            hessian: DMatrix::zeros(n, n),
            largest_residual: 0.0,
        };
        let mut gradient = DVector::zeros(n);
        let mut hessian = DMatrix::zeros(n, n);
        for point in 0..self.table.len() {
            let weight = self.weights[point];
            if weight == 0.0 {
                continue;
            }
            let predicted =
                self.law
                    .derivatives(theta.as_slice(), self.z(point), &mut gradient, &mut hessian);
            let r = predicted - self.table.log_loss(point);
            let (value, first, second) = objective.at(r);
            local.value += weight * value;
            local.largest_residual = local.largest_residual.max(r.abs());
            local.gradient.axpy(weight * first, &gradient, 1.0);
            for (pull, g) in local.pull.iter_mut().zip(gradient.iter()) {
                *pull += (weight * first * g).abs();
            }
            local.hessian += &hessian * (weight * first);
            local
                .hessian
                .ger(weight * second, &gradient, &gradient, 1.0);
        }
        local
    }
}

/// The objective around a point.
struct Local {
    value: f64,
    gradient: DVector<f64>,
    /// Sum of the sizes of the points' gradients.
    pull: DVector<f64>,
    hessian: DMatrix<f64>,
    largest_residual: f64,
}

impl Local {
    fn relative_gradient(&self) -> f64 {
        let pull = self.pull.amax();
        if pull == 0.0 {
            0.0
        } else {
            self.gradient.amax() / pull
        }
    }

    fn flat(&self) -> bool {
        self.relative_gradient() <= FLAT || self.largest_residual <= EXACT
    }

    /// Whether a Newton step would gain nothing that the objective's rounding does not hide.
    fn bottom(&self) -> bool {
        match self.hessian.clone().cholesky() {
            Some(cholesky) => {
                self.gradient.dot(&cholesky.solve(&self.gradient)) <= 1e-13 * self.value
            }
            None => false,
        }
    }
}

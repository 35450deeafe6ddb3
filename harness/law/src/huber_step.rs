//! One step for an objective with Huber's bend: the minimum of
//!
//! ```text
//! q(s) = sum_i w_i Huber(r_i + g_i . s) + s^T C s / 2
//! ```
//!
//! where residuals are taken as straight and the curvature of the law as constant. The bends are
//! kept: they are what stops a step where the residuals are far larger than delta, and Newton's
//! method on the objective itself stumbles over them. Each step in here is Newton's on the points
//! within the bend, followed along its line to the exact minimum (Madsen and Nielsen 1990), which
//! brings one more point into the bend until as many as there are parameters hold the law.

use nalgebra::{Cholesky, SMatrix, SVector};

/// Points as straight lines around a theta.
#[derive(Debug, Clone, Default)]
pub struct Lines<const P: usize> {
    weight: Vec<f64>,
    residual: Vec<f64>,
    gradient: Vec<[f64; P]>,
}

impl<const P: usize> Lines<P> {
    pub fn push(&mut self, weight: f64, residual: f64, gradient: [f64; P]) {
        self.weight.push(weight);
        self.residual.push(residual);
        self.gradient.push(gradient);
    }
}

const MOST_STEPS: usize = 60;

/// The step that minimises q, to a slope of `flat` of what the points pull.
pub fn huber_step<const P: usize>(
    lines: &Lines<P>,
    bend: f64,
    curvature: &SMatrix<f64, P, P>,
    flat: f64,
) -> SVector<f64, P> {
    let mut total = SVector::<f64, P>::zeros();
    let mut residual = lines.residual.clone();
    let mut change = vec![0.0; residual.len()];
    for _ in 0..MOST_STEPS {
        let around = Around::new(lines, &residual, bend, curvature, &total);
        if around.slope.amax() <= flat * around.pull {
            break;
        }
        let Some(step) = around.newton() else {
            break;
        };
        for (change, gradient) in change.iter_mut().zip(&lines.gradient) {
            *change = (0..P).map(|i| gradient[i] * step[i]).sum();
        }
        let along = Line {
            weight: &lines.weight,
            residual: &residual,
            change: &change,
            bend,
            slope: step.dot(&(curvature * total)),
            curvature: step.dot(&(curvature * step)),
        };
        let length = along.minimum();
        total += step * length;
        for (residual, change) in residual.iter_mut().zip(&change) {
            *residual += length * change;
        }
        if length == 0.0 {
            break;
        }
    }
    total
}

/// The objective's slope and curvature around a step.
struct Around<const P: usize> {
    slope: SVector<f64, P>,
    hessian: SMatrix<f64, P, P>,
    pull: f64,
}

impl<const P: usize> Around<P> {
    fn new(
        lines: &Lines<P>,
        residual: &[f64],
        bend: f64,
        curvature: &SMatrix<f64, P, P>,
        total: &SVector<f64, P>,
    ) -> Self {
        let mut slope = curvature * total;
        let mut hessian = *curvature;
        let mut pull = 0.0f64;
        for ((r, weight), gradient) in residual.iter().zip(&lines.weight).zip(&lines.gradient) {
            let first = weight * r.clamp(-bend, bend);
            for i in 0..P {
                slope[i] += first * gradient[i];
            }
            pull += first.abs() * gradient.iter().fold(0.0, |most, g| g.abs().max(most));
            if r.abs() <= bend {
                for i in 0..P {
                    for j in 0..P {
                        hessian[(i, j)] += weight * gradient[i] * gradient[j];
                    }
                }
            }
        }
        Around {
            slope,
            hessian,
            pull,
        }
    }

    /// Newton's step, with as little ridge as makes it go downhill.
    fn newton(&self) -> Option<SVector<f64, P>> {
        let mut ridge = 1e-10 * self.hessian.diagonal().amax().max(1e-3 * self.pull);
        for _ in 0..12 {
            let ridged = self.hessian + SMatrix::identity() * ridge;
            if let Some(cholesky) = Cholesky::new(ridged) {
                return Some(-cholesky.solve(&self.slope));
            }
            ridge *= 30.0;
        }
        None
    }
}

/// The objective along a step.
struct Line<'a> {
    weight: &'a [f64],
    residual: &'a [f64],
    change: &'a [f64],
    bend: f64,
    slope: f64,
    curvature: f64,
}

impl Line<'_> {
    fn slope_at(&self, length: f64) -> f64 {
        // Several sums at once: one would wait for itself.
        const LANES: usize = 8;
        let at = |i: usize| {
            let residual = self.residual[i] + length * self.change[i];
            self.weight[i] * residual.clamp(-self.bend, self.bend) * self.change[i]
        };
        let count = self.residual.len();
        let (whole, mut sums) = (count - count % LANES, [0.0; LANES]);
        for start in (0..whole).step_by(LANES) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += at(start + lane);
            }
        }
        let rest: f64 = (whole..count).map(at).sum();
        sums.iter().sum::<f64>() + rest + self.slope + length * self.curvature
    }

    /// Where the slope vanishes. It is straight between bends, so the bracket is narrowed by the bends
    /// in it, halving their number, until there are none.
    fn minimum(&self) -> f64 {
        let (mut low, mut at_low) = (0.0, self.slope_at(0.0));
        if at_low >= 0.0 {
            return 0.0;
        }
        let (mut high, mut at_high) = (1.0, self.slope_at(1.0));
        while at_high < 0.0 && high < 1e6 {
            (low, at_low) = (high, at_high);
            high *= 4.0;
            at_high = self.slope_at(high);
        }
        if at_high < 0.0 {
            return high;
        }
        let ends = self.residual.iter().zip(self.change);
        let mut bends: Vec<f64> = ends
            .flat_map(|(r, change)| [(self.bend - r) / change, (-self.bend - r) / change])
            .filter(|bend| low < *bend && *bend < high)
            .collect();
        while let Some(middle) = bends.get(bends.len() / 2).copied() {
            let at_middle = self.slope_at(middle);
            if at_middle < 0.0 {
                (low, at_low) = (middle, at_middle);
            } else {
                (high, at_high) = (middle, at_middle);
            }
            bends.retain(|bend| low < *bend && *bend < high);
        }
        let share = at_low / (at_low - at_high);
        low + (high - low) * if share.is_finite() { share } else { 0.5 }
    }
}

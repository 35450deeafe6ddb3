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

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::lanes::{Column, ROWS, Sum, wide};

/// Points as straight lines around a theta.
#[derive(Debug, Clone)]
pub struct Lines {
    weight: Vec<Column>,
    residual: Vec<Column>,
    /// The columns of each block, one after the other: by parameter.
    gradient: Vec<Column>,
    /// The largest size of a row's gradient.
    steepest: Vec<Column>,
    count: usize,
}

impl Lines {
    /// No points yet, of so many parameters.
    pub fn new(count: usize) -> Self {
        Lines {
            weight: Vec::new(),
            residual: Vec::new(),
            gradient: Vec::new(),
            steepest: Vec::new(),
            count,
        }
    }

    /// Adds a block's.
    pub fn push(&mut self, weight: &Column, residual: Column, gradient: &[Column]) {
        self.weight.push(*weight);
        self.residual.push(residual);
        self.gradient.extend_from_slice(gradient);
        let steepest = |row: usize| {
            gradient
                .iter()
                .fold(0.0, |most, g| g.0[row].abs().max(most))
        };
        self.steepest.push(Column::of(steepest));
    }

    fn gradient(&self, block: usize) -> &[Column] {
        &self.gradient[block * self.count..(block + 1) * self.count]
    }

    /// How each residual changes with a step.
    fn change(&self, step: &DVector<f64>, change: &mut [Column]) {
        wide(
            #[inline(always)]
            || {
                for (block, change) in change.iter_mut().enumerate() {
                    *change = Column::ZERO;
                    for (gradient, step) in self.gradient(block).iter().zip(step.iter()) {
                        for row in 0..ROWS {
                            change.0[row] += gradient.0[row] * step;
                        }
                    }
                }
            },
        );
    }
}

const MOST_STEPS: usize = 60;

/// The step that minimises q, to a slope of `flat` of what the points pull.
pub fn huber_step(lines: &Lines, bend: f64, curvature: &DMatrix<f64>, flat: f64) -> DVector<f64> {
    let mut total = DVector::zeros(lines.count);
    let mut residual = lines.residual.clone();
    let mut change = vec![Column::ZERO; residual.len()];
    for _ in 0..MOST_STEPS {
        let around = Around::new(lines, &residual, bend, curvature, &total);
        if around.slope.amax() <= flat * around.pull {
            break;
        }
        let Some(step) = around.newton() else {
            break;
        };
        lines.change(&step, &mut change);
        let along = Line {
            weight: &lines.weight,
            residual: &residual,
            change: &change,
            bend,
            slope: step.dot(&(curvature * &total)),
            curvature: step.dot(&(curvature * &step)),
        };
        let length = along.minimum();
        total += step * length;
        for (residual, change) in residual.iter_mut().zip(&change) {
            for row in 0..ROWS {
                residual.0[row] += length * change.0[row];
            }
        }
        if length == 0.0 {
            break;
        }
    }
    total
}

/// The objective's slope and curvature around a step.
struct Around {
    slope: DVector<f64>,
    hessian: DMatrix<f64>,
    pull: f64,
}

impl Around {
    fn new(
        lines: &Lines,
        residual: &[Column],
        bend: f64,
        curvature: &DMatrix<f64>,
        total: &DVector<f64>,
    ) -> Self {
        let mut around = Around {
            slope: curvature * total,
            hessian: curvature.clone(),
            pull: 0.0,
        };
        let (mut slope, mut pull) = (vec![Sum::ZERO; lines.count], Sum::ZERO);
        wide(
            #[inline(always)]
            || {
                for (block, residual) in residual.iter().enumerate() {
                    let weight = &lines.weight[block];
                    let first = Column::of(|row| weight.0[row] * clamped(residual.0[row], bend));
                    for (sum, gradient) in slope.iter_mut().zip(lines.gradient(block)) {
                        sum.add(&first, gradient);
                    }
                    pull.add_size(&first, &lines.steepest[block]);
                }
            },
        );
        for (slope, sum) in around.slope.iter_mut().zip(slope) {
            *slope += sum.total();
        }
        around.pull = pull.total();
        for (block, residual) in residual.iter().enumerate() {
            for row in (0..ROWS).filter(|row| residual.0[*row].abs() <= bend) {
                around.curve(lines, block, row);
            }
        }
        around
    }

    /// Adds a point within the bend.
    fn curve(&mut self, lines: &Lines, block: usize, row: usize) {
        let (weight, gradient) = (lines.weight[block].0[row], lines.gradient(block));
        for (i, slope) in gradient.iter().enumerate() {
            let pulled = weight * slope.0[row];
            for (j, other) in gradient.iter().enumerate() {
                self.hessian[(i, j)] += pulled * other.0[row];
            }
        }
    }

    /// Newton's step, with as little ridge as makes it go downhill.
    fn newton(&self) -> Option<DVector<f64>> {
        let mut ridge = 1e-10 * self.hessian.diagonal().amax().max(1e-3 * self.pull);
        for _ in 0..12 {
            if let Some(cholesky) = Cholesky::new(add_to_diagonal(self.hessian.clone(), ridge)) {
                return Some(-cholesky.solve(&self.slope));
            }
            ridge *= 30.0;
        }
        None
    }
}

#[inline(always)]
fn clamped(residual: f64, bend: f64) -> f64 {
    // As comparisons, which are instructions of vectors; NaN passes.
    let residual = if residual > bend { bend } else { residual };
    if residual < -bend { -bend } else { residual }
}

/// The objective along a step.
struct Line<'a> {
    weight: &'a [Column],
    residual: &'a [Column],
    change: &'a [Column],
    bend: f64,
    slope: f64,
    curvature: f64,
}

impl Line<'_> {
    fn slope_at(&self, length: f64) -> f64 {
        let mut sum = Sum::ZERO;
        wide(
            #[inline(always)]
            || {
                for ((weight, residual), change) in
                    self.weight.iter().zip(self.residual).zip(self.change)
                {
                    let first = Column::of(|row| {
                        let moved = residual.0[row] + length * change.0[row];
                        weight.0[row] * clamped(moved, self.bend)
                    });
                    sum.add(&first, change);
                }
            },
        );
        sum.total() + self.slope + length * self.curvature
    }

    /// Where the slope vanishes. It rises and is straight between bends, so false position finds the bracket
    /// (with the weight of an end that stays halved, Dowell and Jarratt 1971) until few bends are left in it, and
    /// halving their number the place between two of them.
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
        let narrowed = self.narrowed([low, at_low], [high, at_high]);
        [[low, at_low], [high, at_high]] = narrowed;
        let mut bends = self.bends(low, high);
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

    /// A narrower bracket, by a few steps.
    fn narrowed(&self, mut low: [f64; 2], mut high: [f64; 2]) -> [[f64; 2]; 2] {
        const STEPS: usize = 6;
        let (mut of_low, mut of_high) = (low[1], high[1]);
        let mut before = 0.0;
        for _ in 0..STEPS {
            let at = low[0] + (high[0] - low[0]) * of_low / (of_low - of_high);
            if !(low[0] < at && at < high[0]) {
                break;
            }
            let slope = self.slope_at(at);
            let stayed = slope * before > 0.0;
            if slope < 0.0 {
                (low, of_low) = ([at, slope], slope);
                of_high *= if stayed { 0.5 } else { 1.0 };
            } else {
                (high, of_high) = ([at, slope], slope);
                of_low *= if stayed { 0.5 } else { 1.0 };
            }
            before = slope;
        }
        [low, high]
    }

    /// The bends between two lengths.
    fn bends(&self, low: f64, high: f64) -> Vec<f64> {
        let ends = self.residual.iter().zip(self.change);
        let ends = ends.flat_map(|(residual, change)| residual.0.iter().zip(&change.0));
        ends.flat_map(|(r, change)| [(self.bend - r) / change, (-self.bend - r) / change])
            .filter(|bend| low < *bend && *bend < high)
            .collect()
    }
}

/// A matrix with more on its diagonal.
pub fn add_to_diagonal(mut matrix: DMatrix<f64>, more: f64) -> DMatrix<f64> {
    for index in 0..matrix.nrows() {
        matrix[(index, index)] += more;
    }
    matrix
}

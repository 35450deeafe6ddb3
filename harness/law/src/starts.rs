//! Where descents begin: a grid over the exponents alone. For given exponents the law is linear in
//! its floor and amplitudes, so those are solved for (variable projection, Golub and Pereyra 1973)
//! rather than searched.

use nalgebra::{DMatrix, DVector};

use crate::minimize::Problem;

/// Exponents met in practice lie from 0.05 to 1; the grid is wider.
const EXPONENTS: [f64; 8] = [0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 2.0];

/// One start for every combination of exponents.
pub fn starts(problem: &Problem) -> Vec<Vec<f64>> {
    let terms = problem.law.terms().len();
    (0..EXPONENTS.len().pow(terms as u32))
        .map(|mut code| {
            let mut exponents = Vec::with_capacity(terms);
            for _ in 0..terms {
                exponents.push(EXPONENTS[code % EXPONENTS.len()]);
                code /= EXPONENTS.len();
            }
            project(problem, &exponents)
        })
        .collect()
}

/// Theta at these exponents, with floor and amplitudes that make the sum of squared relative
/// residuals smallest, none below zero.
fn project(problem: &Problem, exponents: &[f64]) -> Vec<f64> {
    let law = &problem.law;
    let floor = usize::from(law.has_floor());
    let columns = floor + exponents.len();
    // Residuals relative to the loss: the row of a point is its summands over its loss.
    let mut normal = DMatrix::zeros(columns, columns);
    let mut right = DVector::zeros(columns);
    for point in 0..problem.table.len() {
        let relative = (-problem.table.log_loss(point)).exp();
        let mut row = DVector::from_element(columns, relative);
        for (term, exponent) in exponents.iter().enumerate() {
            let z = problem.table.log_x(point)[term] - problem.centre[term];
            row[floor + term] *= (-exponent * z).exp();
        }
        normal.ger(problem.weights[point], &row, &row, 1.0);
        right.axpy(problem.weights[point], &row, 1.0);
    }
    let solved = not_negative(&normal, &right);
    // A summand that wants to be gone begins small, where the descent can still bring it back.
    let least = 1e-3 * problem.table.least_loss();
    let amplitude = |k: usize| solved[k].max(least).ln();
    let mut theta = Vec::with_capacity(law.dimensions());
    if law.has_floor() {
        theta.push(amplitude(0));
    }
    for (term, exponent) in exponents.iter().enumerate() {
        theta.extend([amplitude(floor + term), *exponent]);
    }
    theta
}

/// Least squares without negative unknowns: of all choices of which are zero, the best feasible.
/// There are at most four unknowns.
fn not_negative(normal: &DMatrix<f64>, right: &DVector<f64>) -> Vec<f64> {
    let n = right.len();
    let mut best = (0.0, vec![0.0; n]);
    for kept in 1..1usize << n {
        let index: Vec<usize> = (0..n).filter(|k| kept >> k & 1 == 1).collect();
        let small = normal.select_rows(&index).select_columns(&index);
        let Some(cholesky) = small.cholesky() else {
            continue;
        };
        let b = DVector::from_iterator(index.len(), index.iter().map(|k| right[*k]));
        let solved = cholesky.solve(&b);
        if solved
            .iter()
            .any(|value| *value < 0.0 || !value.is_finite())
        {
            continue;
        }
        let gain = b.dot(&solved);
        if gain > best.0 {
            let mut all = vec![0.0; n];
            for (k, value) in index.iter().zip(solved.iter()) {
                all[*k] = *value;
            }
            best = (gain, all);
        }
    }
    best.1
}

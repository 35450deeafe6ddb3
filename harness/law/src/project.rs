//! Starts: a grid over what a law is not linear in. For given exponents most laws are linear in
//! floor and amplitudes, so those are solved for (variable projection, Golub and Pereyra 1973)
//! rather than searched.

use nalgebra::{DMatrix, DVector};

use crate::points::Points;

/// Exponents met in practice lie from 0.05 to 1; the grid is wider.
pub const EXPONENTS: [f64; 8] = [0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 2.0];

/// Every combination of one value of each list.
pub fn grid<const K: usize>(lists: [&[f64]; K]) -> Vec<[f64; K]> {
    let all = combinations(&lists).into_iter();
    all.map(|values| std::array::from_fn(|k| values[k]))
        .collect()
}

/// Every combination of one value of each of any number of lists.
pub fn combinations(lists: &[&[f64]]) -> Vec<Vec<f64>> {
    let count = lists.iter().map(|list| list.len()).product();
    let one = |mut code: usize| {
        let value = |list: &&[f64]| {
            let value = list[code % list.len()];
            code /= list.len();
            value
        };
        lists.iter().map(value).collect()
    };
    (0..count).map(one).collect()
}

/// Logarithms of amplitudes, none below zero, that make `sum_k amplitude_k summand_k` the loss, with
/// the sum of squared relative residuals smallest. `summands` writes a point's from its `z`.
pub fn project(points: &Points, count: usize, summands: impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
    let [least, _] = points.losses();
    project_to(points, count, summands, |log_loss| log_loss, least)
}

/// As [`project`], for summands of `exp(target(ln loss))`; `least` is the smallest target.
pub fn project_to(
    points: &Points,
    count: usize,
    summands: impl Fn(&[f64], &mut [f64]),
    target: impl Fn(f64) -> f64,
    least: f64,
) -> Vec<f64> {
    let mut normal = DMatrix::zeros(count, count);
    let mut right = DVector::zeros(count);
    let mut row = DVector::zeros(count);
    for point in 0..points.len() {
        summands(points.z(point), row.as_mut_slice());
        // Relative residuals: the row of a point is its summands over its target.
        row *= (-target(points.log_loss(point))).exp();
        normal.ger(points.weight(point), &row, &row, 1.0);
        right.axpy(points.weight(point), &row, 1.0);
    }
    // A summand that wants to be gone begins small, where the descent can still bring it back.
    let small = least + 1e-3f64.ln();
    not_negative(&normal, &right)
        .into_iter()
        .map(|amplitude| amplitude.ln().max(small))
        .collect()
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
        let feasible = |value: &f64| *value >= 0.0 && value.is_finite();
        let gain = b.dot(&solved);
        if solved.iter().all(feasible) && gain > best.0 {
            let mut all = vec![0.0; n];
            for (k, value) in index.iter().zip(solved.iter()) {
                all[*k] = *value;
            }
            best = (gain, all);
        }
    }
    best.1
}

/// Weighted least squares of `target` on the columns that `row` writes for a point; `None` where the
/// columns depend on each other.
pub fn regress<const K: usize>(
    points: &Points,
    row: impl Fn(&[f64]) -> [f64; K],
    target: impl Fn(f64) -> f64,
) -> Option<[f64; K]> {
    let mut normal = nalgebra::SMatrix::<f64, K, K>::zeros();
    let mut right = nalgebra::SVector::<f64, K>::zeros();
    for point in 0..points.len() {
        let columns = nalgebra::SVector::from(row(points.z(point)));
        let weight = points.weight(point);
        normal += columns * columns.transpose() * weight;
        right += columns * (weight * target(points.log_loss(point)));
    }
    let solved = nalgebra::Cholesky::new(normal)?.solve(&right);
    let finite = solved.iter().all(|value| value.is_finite());
    finite.then(|| std::array::from_fn(|k| solved[k]))
}

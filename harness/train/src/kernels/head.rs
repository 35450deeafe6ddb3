//! Head and cross-entropy together, for some rows at a time: of a vocabulary of 50,000 the logits of a batch would take
//! gigabytes.
//!
//! With `z = x W^T` of a row and its target t, the loss is `ln(sum(e^z)) - z_t`. Of the mean over all rows,
//! `dz = (softmax(z) - [t]) / rows`, `dx = dz W` and `dW = dz^T x`.

use rayon::prelude::*;

use super::functions::{exp_below, fold, largest};
use super::lanes::{InstructionSet, vectorized};
use super::matrix::{Matrix, add_product, multiply, product};

/// Logits that are there at once, on each thread.
const AT_ONCE: usize = 1 << 18;

/// What is known of a batch: rows of x, the head, and a target for each row.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[rows, width]`.
    pub x: &'a [f32],
    /// `[vocabulary, width]`, or the other way round where it is `turned`.
    pub head: &'a [f32],
    pub turned: bool,
    pub targets: &'a [i32],
    pub width: usize,
}

impl<'a> Batch<'a> {
    fn vocabulary(self) -> usize {
        self.head.len() / self.width
    }

    /// Rows that are computed together: at least one, and the same however many threads there are.
    fn rows_at_once(self) -> usize {
        (AT_ONCE / self.vocabulary()).clamp(1, self.targets.len())
    }

    /// `[vocabulary, width]`.
    fn head(self) -> Matrix<'a> {
        Matrix {
            values: self.head,
            rows: self.vocabulary(),
            columns: self.width,
            strides: if self.turned {
                [1, self.vocabulary()]
            } else {
                [self.width, 1]
            },
        }
    }

    /// On this thread alone.
    fn logits(self, x: &[f32], rows: usize) -> Vec<f32> {
        let mut z = vec![0f32; rows * self.vocabulary()];
        multiply(
            self.rows(x, rows),
            self.head().transposed(),
            &mut z,
            self.vocabulary(),
            false,
        );
        z
    }

    fn rows(self, x: &[f32], rows: usize) -> Matrix<'_> {
        Matrix {
            values: x,
            rows,
            columns: self.width,
            strides: [self.width, 1],
        }
    }
}

/// The loss of every row.
pub fn losses(batch: Batch, set: InstructionSet) -> Vec<f32> {
    let mut losses = vec![0f32; batch.targets.len()];
    let at_once = batch.rows_at_once();
    let parts = batch
        .x
        .par_chunks(at_once * batch.width)
        .zip(batch.targets.par_chunks(at_once));
    parts
        .zip(losses.par_chunks_mut(at_once))
        .for_each(|((x, targets), losses)| {
            let mut z = batch.logits(x, targets.len());
            rows_of_losses(set, &mut z, targets, losses, None);
        });
    losses
}

/// The mean loss, and its gradients by x and by the head.
pub fn mean_with_gradients(batch: Batch, set: InstructionSet) -> (f32, Vec<f32>, Vec<f32>) {
    let rows = batch.targets.len();
    let (mut losses, mut dx) = (vec![0f32; rows], vec![0f32; batch.x.len()]);
    let mut dhead = vec![0f32; batch.head.len()];
    let at_once = batch.rows_at_once();
    // Parts one after the other, each on all threads: the head's gradient is a sum over them, in one order.
    let parts = batch
        .x
        .chunks(at_once * batch.width)
        .zip(batch.targets.chunks(at_once));
    let written = dx
        .chunks_mut(at_once * batch.width)
        .zip(losses.chunks_mut(at_once));
    for ((x, targets), (dx, losses)) in parts.zip(written) {
        let rows_of_x = batch.rows(x, targets.len());
        let mut z = product(rows_of_x, batch.head().transposed());
        rows_of_losses(set, &mut z, targets, losses, Some(1.0 / rows as f32));
        let dz = Matrix {
            values: &z,
            rows: targets.len(),
            columns: batch.vocabulary(),
            strides: [batch.vocabulary(), 1],
        };
        dx.copy_from_slice(&product(dz, batch.head()));
        if batch.turned {
            add_product(rows_of_x.transposed(), dz, &mut dhead);
        } else {
            add_product(dz.transposed(), rows_of_x, &mut dhead);
        }
    }
    // In f64: a mean of thousands of losses is to have the digits of one.
    let mean = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / rows as f64;
    (mean as f32, dx, dhead)
}

vectorized! {
    /// Writes the loss of every row of logits and, where `slope` is what each counts, puts `dz` in the place of `z`.
    fn rows_of_losses(z: &mut [f32], targets: &[i32], losses: &mut [f32], slope: Option<f32>) {
        let vocabulary = z.len() / targets.len();
        for ((row, target), loss) in z.chunks_exact_mut(vocabulary).zip(targets).zip(losses) {
            let target = *target as usize;
            let most = largest(row);
            let of_target = row[target];
            let sum = if slope.is_some() {
                for z in row.iter_mut() {
                    *z = exp_below(*z - most);
                }
                fold([row], |[z], sum| sum + z)
            } else {
                fold([row], |[z], sum| sum + exp_below(z - most))
            };
            *loss = sum.ln() + most - of_target;
            if let Some(slope) = slope {
                let share = slope / sum;
                for z in row.iter_mut() {
                    *z *= share;
                }
                row[target] -= slope;
            }
        }
    }
}

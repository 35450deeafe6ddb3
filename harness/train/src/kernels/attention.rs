//! Causal attention with rotary positions, in blocks of queries: the square of scores is never there as a whole.
//!
//! Every head's pairs `(x_i, x_(i + half))` of queries and keys are turned by `position * base^(-i / half)` (Su et al. 2021,
//! arXiv:2104.09864). With turned `q` and `k`, `P = softmax(q k^T / sqrt(width))` over earlier positions, `y = P v`.
//! The gradients are, with `D = dy v^T` and the row sums `d = y . dy`,
//!
//! ```text
//! S = P (D - d) / sqrt(width),   dq = S k,   dk = S^T q,   dv = P^T dy
//! ```
//!
//! and those of queries and keys are turned back. P is computed again in the backward pass (Dao et al. 2022,
//! arXiv:2205.14135, Algorithm 4).

use rayon::prelude::*;

use super::functions::{exp, fma, fold, largest};
use super::lanes::{InstructionSet, vectorized};
use super::matrix::{Matrix, multiply};

/// Queries of a block: its scores stay in the cache.
const BLOCK: usize = 64;

/// Cosines and sines of every position, `[sequence, head_width / 2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Turns {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Turns {
    /// For positions below `sequence`, and heads of `width`.
    pub fn new(sequence: usize, width: usize, base: f64) -> Self {
        Turns::of(sequence, width / 2, |position, share| {
            position * base.powf(-share)
        })
    }

    /// The same with every angle so many times as large.
    pub fn stretched(&self, times: f64) -> Self {
        let angle = |at: usize| f64::from(self.sin[at]).atan2(f64::from(self.cos[at]));
        let half = self.half;
        Turns::of(self.sin.len() / half, half, |position, share| {
            let at = position as usize * half + (share * half as f64).round() as usize;
            times * angle(at)
        })
    }

    /// With angles by position and by the share of a pair among all.
    fn of(sequence: usize, half: usize, angle: impl Fn(f64, f64) -> f64) -> Self {
        let angle = |at: usize| {
            let (position, i) = (at / half, at % half);
            angle(position as f64, i as f64 / half as f64)
        };
        let table = |of: fn(f64) -> f64| {
            (0..sequence * half)
                .map(|at| of(angle(at)) as f32)
                .collect()
        };
        Turns {
            cos: table(f64::cos),
            sin: table(f64::sin),
            half,
        }
    }
}

/// Sizes of queries, keys and values, which are `[batch, sequence, heads * width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub batch: usize,
    pub sequence: usize,
    pub heads: usize,
    pub width: usize,
}

impl Sizes {
    /// Numbers of a sequence.
    fn of_sequence(self) -> usize {
        self.sequence * self.row()
    }

    fn row(self) -> usize {
        self.heads * self.width
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// Turns every head of every row by its position, or back.
pub fn turned(x: &[f32], turns: &Turns, sizes: Sizes, back: bool, set: InstructionSet) -> Vec<f32> {
    let mut y = vec![0f32; x.len()];
    let sequences = x.par_chunks_exact(sizes.of_sequence());
    sequences
        .zip(y.par_chunks_exact_mut(sizes.of_sequence()))
        .for_each(|(x, y)| {
            turn(set, x, y, turns, sizes, if back { -1.0 } else { 1.0 });
        });
    y
}

vectorized! {
    fn turn(x: &[f32], y: &mut [f32], turns: &Turns, sizes: Sizes, sign: f32) {
        let half = turns.half;
        let rows = x.chunks_exact(sizes.row()).zip(y.chunks_exact_mut(sizes.row()));
        let tables = turns.cos.chunks_exact(half).zip(turns.sin.chunks_exact(half));
        for ((x, y), (cos, sin)) in rows.zip(tables) {
            let heads = x.chunks_exact(sizes.width).zip(y.chunks_exact_mut(sizes.width));
            for (x, y) in heads {
                let ((xa, xb), (ya, yb)) = (x.split_at(half), y.split_at_mut(half));
                let (xb, yb) = (&xb[..half], &mut yb[..half]);
                for i in 0..half {
                    let sin = sin[i] * sign;
                    ya[i] = xa[i] * cos[i] - xb[i] * sin;
                    yb[i] = xb[i] * cos[i] + xa[i] * sin;
                }
            }
        }
    }
}

/// `y` of turned queries and keys.
pub fn forward([q, k, v]: [&[f32]; 3], sizes: Sizes, set: InstructionSet) -> Vec<f32> {
    let each = sizes.of_sequence();
    let mut y = vec![0f32; q.len()];
    let sequences = (
        q.par_chunks_exact(each),
        k.par_chunks_exact(each),
        v.par_chunks_exact(each),
    );
    let sequences = sequences.into_par_iter().zip(y.par_chunks_exact_mut(each));
    sequences.for_each(|((q, k, v), y)| {
        let mut scores = vec![0f32; BLOCK.min(sizes.sequence) * sizes.sequence];
        for head in 0..sizes.heads {
            let at = head * sizes.width;
            let [q, k, v] = [q, k, v].map(|x| &x[at..]);
            for block in blocks(sizes) {
                let p = probabilities(q, k, block, sizes, &mut scores, set);
                let to = &mut y[at + block.first * sizes.row()..];
                multiply(
                    block.weights(p),
                    rows_of(v, block.columns(), sizes),
                    to,
                    sizes.row(),
                    false,
                );
            }
        }
    });
    y
}

/// `dq`, `dk` and `dv`, of turned queries and keys.
pub fn backward([q, k, v, y, dy]: [&[f32]; 5], sizes: Sizes, set: InstructionSet) -> [Vec<f32>; 3] {
    let each = sizes.of_sequence();
    let zeros = || vec![0f32; q.len()];
    let (mut dq, mut dk, mut dv) = (zeros(), zeros(), zeros());
    let read = (
        q.par_chunks_exact(each),
        k.par_chunks_exact(each),
        v.par_chunks_exact(each),
        y.par_chunks_exact(each),
        dy.par_chunks_exact(each),
    );
    let written = (
        dq.par_chunks_exact_mut(each),
        dk.par_chunks_exact_mut(each),
        dv.par_chunks_exact_mut(each),
    );
    read.into_par_iter().zip(written.into_par_iter()).for_each(
        |((q, k, v, y, dy), (dq, dk, dv))| {
            let size = BLOCK.min(sizes.sequence) * sizes.sequence;
            let (mut scores, mut slopes) = (vec![0f32; size], vec![0f32; size]);
            let row = sizes.row();
            for head in 0..sizes.heads {
                let at = head * sizes.width;
                let [q, k, v, y, dy] = [q, k, v, y, dy].map(|x| &x[at..]);
                for block in blocks(sizes) {
                    let p = probabilities(q, k, block, sizes, &mut scores, set);
                    let from = block.first * row;
                    let (queries, dy) = (rows_of(&q[from..], block.rows, sizes), &dy[from..]);
                    let outer = rows_of(dy, block.rows, sizes);
                    let weights = block.weights(p);
                    multiply(weights.transposed(), outer, &mut dv[at..], row, true);
                    let slopes = &mut slopes[..block.rows * block.columns()];
                    let values = rows_of(v, block.columns(), sizes).transposed();
                    multiply(outer, values, slopes, block.columns(), false);
                    slopes_of(set, p, slopes, &y[from..], dy, block, sizes);
                    let slopes = block.weights(slopes);
                    let keys = rows_of(k, block.columns(), sizes);
                    multiply(slopes, keys, &mut dq[at + from..], row, false);
                    multiply(slopes.transposed(), queries, &mut dk[at..], row, true);
                }
            }
        },
    );
    [dq, dk, dv]
}

/// Queries that are computed together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
}

impl Block {
    /// Keys up to its last query.
    fn columns(self) -> usize {
        self.first + self.rows
    }

    /// Its scores as a matrix.
    fn weights(self, p: &[f32]) -> Matrix<'_> {
        Matrix {
            values: p,
            rows: self.rows,
            columns: self.columns(),
            strides: [self.columns(), 1],
        }
    }
}

fn blocks(sizes: Sizes) -> impl Iterator<Item = Block> {
    (0..sizes.sequence).step_by(BLOCK).map(move |first| Block {
        first,
        rows: BLOCK.min(sizes.sequence - first),
    })
}

/// The softmax of a block's scores, `[rows, columns]`, nothing at later positions.
fn probabilities<'a>(
    q: &[f32],
    k: &[f32],
    block: Block,
    sizes: Sizes,
    scores: &'a mut [f32],
    set: InstructionSet,
) -> &'a [f32] {
    let scores = &mut scores[..block.rows * block.columns()];
    let queries = rows_of(&q[block.first * sizes.row()..], block.rows, sizes);
    let keys = rows_of(k, block.columns(), sizes).transposed();
    multiply(queries, keys, scores, block.columns(), false);
    softmax(set, scores, block, sizes.scale());
    scores
}

vectorized! {
    fn softmax(scores: &mut [f32], block: Block, scale: f32) {
        for (i, row) in scores.chunks_exact_mut(block.columns()).enumerate() {
            let (row, later) = row.split_at_mut(block.first + i + 1);
            later.fill(0.0);
            let most = largest(row) * scale;
            for x in row.iter_mut() {
                *x = exp(fma(*x, scale, -most));
            }
            let share = 1.0 / fold(row.len(), |i, sum| sum + row[i]);
            for x in row.iter_mut() {
                *x *= share;
            }
        }
    }
}

vectorized! {
    /// Puts S in the place of D.
    fn slopes_of(p: &[f32], slopes: &mut [f32], y: &[f32], dy: &[f32], block: Block, sizes: Sizes) {
        let scale = sizes.scale();
        let rows = p.chunks_exact(block.columns()).zip(slopes.chunks_exact_mut(block.columns()));
        for (i, (p, slopes)) in rows.enumerate() {
            let from = i * sizes.row();
            let (y, dy) = (&y[from..][..sizes.width], &dy[from..][..sizes.width]);
            let common = fold(sizes.width, |i, sum| fma(y[i], dy[i], sum));
            for (p, slope) in p.iter().zip(slopes) {
                *slope = p * (*slope - common) * scale;
            }
        }
    }
}

/// Rows of one head, in rows of all heads.
fn rows_of(x: &[f32], rows: usize, sizes: Sizes) -> Matrix<'_> {
    Matrix {
        values: x,
        rows,
        columns: sizes.width,
        strides: [sizes.row(), 1],
    }
}

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

use super::functions::{LANES, across, exp_below, fma, fold, larger};
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

    /// Room for the scores of a block.
    fn of_block(self) -> usize {
        BLOCK.min(self.sequence) * self.sequence.next_multiple_of(LANES)
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// Turns every head of every row by its position, or back.
pub fn turn(x: &mut [f32], turns: &Turns, sizes: Sizes, back: bool, set: InstructionSet) {
    let sign = if back { -1.0 } else { 1.0 };
    let sequences = x.par_chunks_exact_mut(sizes.of_sequence());
    sequences.for_each(|x| turn_sequence(set, x, turns, sizes, sign));
}

vectorized! {
    fn turn_sequence(x: &mut [f32], turns: &Turns, sizes: Sizes, sign: f32) {
        let half = turns.half;
        let tables = turns.cos.chunks_exact(half).zip(turns.sin.chunks_exact(half));
        for (x, (cos, sin)) in x.chunks_exact_mut(sizes.row()).zip(tables) {
            for x in x.chunks_exact_mut(sizes.width) {
                let (xa, xb) = x.split_at_mut(half);
                let xb = &mut xb[..half];
                for i in 0..half {
                    let (a, b, sin) = (xa[i], xb[i], sin[i] * sign);
                    xa[i] = a * cos[i] - b * sin;
                    xb[i] = b * cos[i] + a * sin;
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
        let mut scores = vec![0f32; sizes.of_block()];
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

/// `dq`, `dk` and `dv`, one after the other, of turned queries and keys.
pub fn backward([q, k, v, y, dy]: [&[f32]; 5], sizes: Sizes, set: InstructionSet) -> Vec<f32> {
    let each = sizes.of_sequence();
    let mut all = vec![0f32; 3 * q.len()];
    let (dq, rest) = all.split_at_mut(q.len());
    let (dk, dv) = rest.split_at_mut(q.len());
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
            let zeros = || vec![0f32; sizes.of_block()];
            let (mut scores, mut slopes) = (zeros(), zeros());
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
                    let slopes = &mut slopes[..block.rows * block.step()];
                    let values = rows_of(v, block.columns(), sizes).transposed();
                    multiply(outer, values, slopes, block.step(), false);
                    slopes_of(set, p, slopes, &y[from..], dy, block, sizes);
                    let slopes = block.weights(slopes);
                    let keys = rows_of(k, block.columns(), sizes);
                    multiply(slopes, keys, &mut dq[at + from..], row, false);
                    multiply(slopes.transposed(), queries, &mut dk[at..], row, true);
                }
            }
        },
    );
    all
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

    /// From row to row of its scores: whole vectors.
    fn step(self) -> usize {
        self.columns().next_multiple_of(LANES)
    }

    /// Its scores as a matrix.
    fn weights(self, p: &[f32]) -> Matrix<'_> {
        Matrix {
            values: p,
            rows: self.rows,
            columns: self.columns(),
            strides: [self.step(), 1],
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
    let scores = &mut scores[..block.rows * block.step()];
    let queries = rows_of(&q[block.first * sizes.row()..], block.rows, sizes);
    let keys = rows_of(k, block.columns(), sizes).transposed();
    multiply(queries, keys, scores, block.step(), false);
    softmax(set, scores, block, sizes.scale());
    scores
}

/// The bits of a vector's numbers that are seen, by the last of them.
static SEEN: [[u32; LANES]; LANES] = {
    let mut bits = [[0; LANES]; LANES];
    let mut last = 0;
    while last < LANES {
        let mut lane = 0;
        while lane <= last {
            bits[last][lane] = u32::MAX;
            lane += 1;
        }
        last += 1;
    }
    bits
};

vectorized! {
    /// In passes over all rows: one after the other, each row would wait for its own largest number and its own sum.
    fn softmax(scores: &mut [f32], block: Block, scale: f32) {
        let (mut lanes, mut of_rows) = ([[0f32; LANES]; BLOCK], [0f32; BLOCK]);
        let rows = scores.as_chunks_mut::<LANES>().0;
        let of_row = block.step() / LANES;
        for ((i, row), most) in rows.chunks_exact_mut(of_row).enumerate().zip(&mut lanes) {
            let last = block.first + i;
            let (earlier, rest) = row.split_at_mut(last / LANES);
            let Some((edge, later)) = rest.split_first_mut() else { continue };
            later.fill([0.0; LANES]);
            for (x, seen) in edge.iter_mut().zip(&SEEN[last % LANES]) {
                let hidden = f32::NEG_INFINITY.to_bits() & !seen;
                *x = f32::from_bits(x.to_bits() & seen | hidden);
            }
            *most = *edge;
            for chunk in earlier {
                for lane in 0..LANES {
                    most[lane] = larger(most[lane], chunk[lane]);
                }
            }
        }
        for (lanes, most) in lanes.iter().zip(&mut of_rows) {
            *most = across(*lanes, larger);
        }
        let each = rows.chunks_exact_mut(of_row).enumerate().zip(&of_rows).zip(&mut lanes);
        for (((i, row), most), sums) in each {
            let most = most * scale;
            let mut sum = [0f32; LANES];
            for chunk in &mut row[..=(block.first + i) / LANES] {
                for lane in 0..LANES {
                    chunk[lane] = exp_below(fma(chunk[lane], scale, -most));
                    sum[lane] += chunk[lane];
                }
            }
            *sums = sum;
        }
        for (lanes, sum) in lanes.iter().zip(&mut of_rows) {
            *sum = across(*lanes, |a, b| a + b);
        }
        for (row, sum) in scores.chunks_exact_mut(block.step()).zip(&of_rows) {
            let share = 1.0 / sum;
            for x in row {
                *x *= share;
            }
        }
    }
}

vectorized! {
    /// Puts S in the place of D.
    fn slopes_of(p: &[f32], slopes: &mut [f32], y: &[f32], dy: &[f32], block: Block, sizes: Sizes) {
        let scale = sizes.scale();
        let rows = p.chunks_exact(block.step()).zip(slopes.chunks_exact_mut(block.step()));
        for (i, (p, slopes)) in rows.enumerate() {
            let from = i * sizes.row();
            let (y, dy) = (&y[from..][..sizes.width], &dy[from..][..sizes.width]);
            let common = fold([y, dy], |[y, dy], sum| fma(y, dy, sum));
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

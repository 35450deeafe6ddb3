//! Where descents of a written law begin. What it is linear in is solved for (variable projection, Golub and Pereyra
//! 1973); the others are spread over what such parameters can be (Halton 1960).

use std::sync::Arc;

use nalgebra::{Cholesky, DMatrix, DVector};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::declaration::Role;
use crate::lanes::Column;
use crate::law::End;
use crate::points::Points;
use crate::rows::{Block, Rows, Scratch};

use super::frame::Frame;
use super::program::{Program, Scale, Stored};
use super::shape::linear;

/// Places that are looked at for each parameter that is searched for, and at most in all.
const PER_PARAMETER: usize = 64;
const MOST: usize = 1024;
/// Of these, as many of the best as this for each such parameter are starts, and of the others one in so many.
const OF_THE_BEST: usize = 12;
const ONE_IN: usize = 16;
/// Points that starts are made from.
const POINTS: usize = 512;

/// Ends that more starts are thrown around, and how many around each.
const ENDS: usize = 4;
const AROUND: usize = 8;

/// What starts of a law in its frame are made from.
pub struct Starts<'a> {
    law: &'a Frame,
    predict: &'a Predict<'a>,
    rows: Arc<Rows>,
    solving: Solving,
    /// Parameters that are not solved for.
    pub searched: Vec<usize>,
    /// Of each variable.
    spans: Vec<[f64; 2]>,
    /// The logarithm of what is small beside the losses.
    least: f64,
}

impl<'a> Starts<'a> {
    pub fn new(law: &'a Frame, predict: &'a Predict<'a>, points: &Points) -> Self {
        let all: Vec<(usize, f64)> = (0..points.len()).map(|point| (point, 1.0)).collect();
        let rows = Rows::new(points, &all);
        let rows = rows.fewer(points, POINTS).unwrap_or_else(|| Arc::new(rows));
        let ways = [
            Some(Solving::of_values(law)),
            (!law.of_values).then(|| Solving::of_logarithms(law)),
        ];
        let ways = ways.into_iter().flatten();
        let ways = ways.map(|mut way| {
            way.linear.retain(|index| law.given[*index].is_none());
            way
        });
        let solving = ways.max_by_key(|way| way.linear.len());
        let solving = solving.expect("there is one");
        let searched = (0..law.scales.len())
            .filter(|index| !solving.linear.contains(index) && law.given[*index].is_none())
            .collect();
        let [least, most] = points.losses();
        Starts {
            searched,
            spans: (0..points.variables()).map(|v| points.span(v)).collect(),
            least: if law.of_values {
                least.abs().max(most.abs()).max(f64::MIN_POSITIVE).ln()
            } else {
                least
            },
            law,
            predict,
            rows,
            solving,
        }
    }

    /// Starts spread over what the parameters can be, elsewhere in each round.
    pub fn spread(&self, round: usize) -> Vec<Vec<f64>> {
        let searched = &self.searched;
        let count = if searched.is_empty() {
            usize::from(round == 0)
        } else {
            (PER_PARAMETER * searched.len()).min(MOST)
        };
        let places = (round * count..(round + 1) * count).filter_map(|number| {
            let mut theta: Vec<f64> = self.law.given.iter().map(|it| it.unwrap_or(0.0)).collect();
            for (at, index) in searched.iter().enumerate() {
                let share = halton(number + 1, PRIMES[at % PRIMES.len()]);
                theta[*index] = somewhere(self.law, *index, share, &self.spans, self.least);
            }
            self.place(theta)
        });
        let mut places: Vec<(f64, Vec<f64>)> = places.collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = OF_THE_BEST * searched.len().max(1);
        let chosen = places.into_iter().enumerate();
        chosen
            .filter(|(at, _)| *at < best || at % ONE_IN == 0)
            .map(|(_, (_, theta))| theta)
            .collect()
    }

    /// Starts thrown around the best ends that differ (basin hopping, Wales and Doye 1997), each time in the direction
    /// of some of the parameters.
    pub fn around(&self, round: usize, ends: &[End]) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(round as u64);
        let mut different: Vec<End> = Vec::new();
        for end in ends {
            let apart = |last: &End| end.0 - last.0 > 1e-3 * last.0.abs();
            if different.len() < ENDS && different.last().is_none_or(apart) {
                different.push(*end);
            }
        }
        let mut starts = Vec::new();
        for (_, end) in different {
            for _ in 0..AROUND {
                let mut theta = end.to_vec();
                for index in &self.searched {
                    if rng.random::<f64>() < 0.5 {
                        let size = theta[*index].abs().clamp(0.3, 3.0);
                        theta[*index] += size * (2.0 * rng.random::<f64>() - 1.0);
                    }
                }
                starts.extend(self.place(theta).map(|(_, theta)| theta));
            }
        }
        starts
    }

    /// A place, with what is linear at its best there, and by how much it misses.
    fn place(&self, mut theta: Vec<f64>) -> Option<(f64, Vec<f64>)> {
        self.solving
            .solve(self.law, &self.rows, &mut theta, self.least)?;
        let finite = theta.iter().all(|it| it.is_finite());
        finite.then(|| (misses(self.predict, &self.rows, &theta), theta))
    }
}

/// The sum of squared residuals at a place; infinite where it is no law.
fn misses(predict: &Predict, rows: &Rows, theta: &[f64]) -> f64 {
    let of_block = |block: Block| -> f64 {
        let predicted = predict(theta, &block);
        let square = |row: usize| {
            let residual = predicted.0[row] - block.target.0[row];
            block.weight.0[row] * residual * residual
        };
        (0..block.count).map(square).sum()
    };
    let sum: f64 = rows.blocks().map(of_block).sum();
    if sum.is_finite() { sum } else { f64::INFINITY }
}

/// What a law predicts of a block.
type Predict<'a> = dyn Fn(&[f64], &Block) -> Column + 'a;

const PRIMES: [usize; 40] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173,
];

/// The number's digits in a base, mirrored at the point.
fn halton(mut number: usize, base: usize) -> f64 {
    let (mut share, mut place) = (0.0, 1.0);
    while number > 0 {
        place /= base as f64;
        share += place * (number % base) as f64;
        number /= base;
    }
    share
}

/// The coordinate of a parameter at a share of what it can be.
fn somewhere(law: &Frame, index: usize, share: f64, spans: &[[f64; 2]], least: f64) -> f64 {
    let part = &law.written.parts[index];
    let scale = law.scales[index];
    if let Scale::Between([low, high]) = scale {
        return scale.coordinate(low + (high - low) * (0.02 + 0.96 * share));
    }
    match part.role {
        // From next to nothing to almost all of the least.
        Role::Floor => least + (share * 0.99 + 0.005).ln(),
        // In practice from 0.03 to 3, of either sign, and mostly as it is written.
        Role::Exponent(_) => {
            let size = |share: f64| (0.03f64.ln() + share * 100f64.ln()).exp();
            let exponent = if share < 0.8 {
                size(share / 0.8)
            } else {
                -size((share - 0.8) / 0.2)
            };
            if scale == Scale::Logarithm {
                exponent.abs().ln()
            } else {
                exponent
            }
        }
        _ if scale == Scale::Logarithm => {
            // Within the range of what it is compared with, and a little beyond.
            let range = part.variables.first().map(|v| {
                let [low, high] = spans[*v];
                match law.stored[*v] {
                    Stored::Logarithm(centre) => [low + centre, high + centre],
                    Stored::Plain => [0.1f64.ln(), 10f64.ln()],
                }
            });
            let [low, high] = range.unwrap_or([0.1f64.ln(), 10f64.ln()]);
            let room = 2.0 + 0.2 * (high - low);
            let at = |share: f64| low - room + share * (high - low + 2.0 * room);
            // The inverse may be what is compared.
            if share < 0.5 {
                at(2.0 * share)
            } else {
                -at(2.0 * share - 1.0)
            }
        }
        _ => {
            let side = if share < 0.5 { -1.0 } else { 1.0 };
            let share = (2.0 * share).fract();
            side * (0.03f64.ln() + share * 300f64.ln()).exp()
        }
    }
}

/// How what is linear is solved for.
struct Solving {
    program: Program,
    linear: Vec<usize>,
    logarithms: bool,
    /// Whether what is measured are losses, and not their logarithms.
    of_values: bool,
}

impl Solving {
    /// Of the law itself.
    fn of_values(law: &Frame) -> Self {
        let scales = vec![Scale::Plain; law.scales.len()];
        Solving {
            program: Program::of(&law.centred.tree, &scales, &law.places()),
            linear: linear(&law.centred.tree, &scales, &law.places()),
            logarithms: false,
            of_values: law.of_values,
        }
    }

    /// Of its logarithm.
    fn of_logarithms(law: &Frame) -> Self {
        let tree = law.centred.tree.clone().log();
        let stored = law.places();
        Solving {
            program: Program::of(&tree, &law.scales, &stored),
            linear: linear(&tree, &law.scales, &stored),
            logarithms: true,
            of_values: false,
        }
    }

    /// Puts what is linear at its least squares, given the others' coordinates. `None` where there are none.
    fn solve(&self, law: &Frame, rows: &Rows, theta: &mut [f64], least: f64) -> Option<()> {
        let given: Vec<f64> = (0..theta.len())
            .map(|index| {
                if self.linear.contains(&index) {
                    0.0
                } else if self.logarithms {
                    theta[index]
                } else {
                    law.scales[index].parameter(theta[index])
                }
            })
            .collect();
        let (normal, right) = self.normal(rows, &given);
        let positive = |index: usize| !self.logarithms && law.scales[index] == Scale::Logarithm;
        let mut kept: Vec<usize> = (0..self.linear.len()).collect();
        loop {
            let solved = solved(&normal, &right, &kept)?;
            let gone = kept
                .iter()
                .zip(&solved)
                .position(|(at, value)| positive(self.linear[*at]) && *value <= 0.0);
            if let Some(gone) = gone {
                kept.remove(gone);
                continue;
            }
            for (at, index) in self.linear.iter().enumerate() {
                let found = kept.iter().position(|it| it == &at).map(|it| solved[it]);
                theta[*index] = match (found, positive(*index)) {
                    (Some(value), true) => value.ln(),
                    (Some(value), false) if self.logarithms => value,
                    (Some(value), false) => law.coordinate(*index, value),
                    // It wants to be gone, and begins small, where the descent can still bring it back.
                    (None, _) => least + 1e-3f64.ln(),
                };
            }
            return Some(());
        }
    }

    /// The normal equations, of residuals relative to the measured.
    fn normal(&self, rows: &Rows, given: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
        let count = self.linear.len();
        let (mut normal, mut right) = (DMatrix::zeros(count, count), DVector::zeros(count));
        let mut columns = Scratch::default();
        for block in rows.blocks() {
            self.program.run(given, &block, &mut columns);
            let value = self.program.value(&columns);
            for row in 0..block.count {
                let measured = block.target.0[row];
                let (target, scale) = if self.logarithms || self.of_values {
                    (measured, 1.0)
                } else {
                    (measured.exp(), (-measured).exp())
                };
                let mut slopes = DVector::zeros(count);
                for (index, slope) in self.program.slopes(&columns) {
                    if let Some(at) = self.linear.iter().position(|it| *it == index) {
                        slopes[at] = slope.0[row] * scale;
                    }
                }
                let weight = block.weight.0[row];
                right.axpy(weight * (target - value.0[row]) * scale, &slopes, 1.0);
                normal.ger(weight, &slopes, &slopes, 1.0);
            }
        }
        (normal, right)
    }
}

/// The solution for some of the unknowns.
fn solved(normal: &DMatrix<f64>, right: &DVector<f64>, kept: &[usize]) -> Option<Vec<f64>> {
    let mut small = normal.select_rows(kept).select_columns(kept);
    for at in 0..kept.len() {
        small[(at, at)] *= 1.0 + 1e-10;
    }
    let right = DVector::from_iterator(kept.len(), kept.iter().map(|at| right[*at]));
    if kept.is_empty() {
        return Some(Vec::new());
    }
    let solved = Cholesky::new(small)?.solve(&right);
    Some(solved.iter().copied().collect())
}

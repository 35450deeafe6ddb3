//! What a form is to the fitting engine.

use crate::coordinate::Coordinate;
use crate::jet::Jet;
use crate::lanes::{Column, ROWS};
use crate::points::Points;
use crate::rows::{Block, Jets};

/// A form in coordinates `theta` in which fitting is well conditioned: logarithms of what is
/// positive, and amplitudes as they are at the centre of the data, so that they hardly depend on
/// their exponents. A law is made for one table, whose centre it knows; points come to it as
/// logarithms of the variables less their means, `z`.
pub trait Law: Sync {
    /// Parameters, and coordinates of theta.
    fn count(&self) -> usize;

    /// Predicted log losses of a block, with their derivatives. Not finite where theta is no law at all.
    fn jets(&self, theta: &[f64], block: &Block, jets: &mut Jets);

    /// Predicted log losses of a block.
    fn values(&self, theta: &[f64], block: &Block) -> Column;

    /// The form's parameters, in its equation's order, from theta. Theta's coordinate of the same
    /// index belongs to each.
    fn natural(&self, theta: &[f64]) -> Vec<f64>;

    /// Theta's coordinate `index` such that the parameter of this index is `value`, given the other
    /// coordinates; `value` is the parameter's logarithm where [`Law::logarithmic`].
    fn pin(&self, index: usize, value: f64, theta: &[Coordinate]) -> Coordinate;

    /// Whether a parameter is positive and known by its logarithm.
    fn logarithmic(&self, index: usize) -> bool;

    /// Between what a parameter lies, in the coordinate of [`Law::pin`].
    fn bounds(&self, _index: usize) -> [f64; 2] {
        [f64::NEG_INFINITY, f64::INFINITY]
    }

    /// Where parameters may run away to, with points whose least log loss is `least`.
    fn limits(&self, least: f64) -> Vec<Limit>;

    /// Where descents begin.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>>;

    /// Where more of them begin in a further round, the first of which is 1, since so few ended at the best of these
    /// `ends`: objective and theta, the best first.
    fn more_starts(&self, _points: &Points, _round: usize, _ends: &[End]) -> Vec<Vec<f64>> {
        Vec::new()
    }
}

/// Where a descent ended: the objective there, and theta.
pub type End<'a> = (f64, &'a [f64]);

/// A law of P parameters as arithmetic of [`Jet`], point by point: see [`Law`] for what each function says.
pub trait Formula<const P: usize>: Sync {
    /// Predicted log loss at points, for one theta.
    fn surface(&self, theta: &[f64; P]) -> impl Fn(&[f64]) -> Jet<P>;
    fn natural(&self, theta: &[f64; P]) -> [f64; P];
    fn pin(&self, index: usize, value: f64, theta: &[Jet<P>; P]) -> Jet<P>;
    fn logarithmic(&self, index: usize) -> bool;
    fn limits(&self, least: f64) -> Vec<Limit>;
    fn starts(&self, points: &Points) -> Vec<[f64; P]>;
}

/// A formula, as the engine takes it.
pub struct ByPoint<F, const P: usize>(pub F);

impl<F: Formula<P>, const P: usize> Law for ByPoint<F, P> {
    fn count(&self) -> usize {
        P
    }

    fn jets(&self, theta: &[f64], block: &Block, jets: &mut Jets) {
        let theta = sized(theta);
        let surface = self.0.surface(&theta);
        let mut z = [0.0; MOST_VARIABLES];
        for row in 0..ROWS {
            if row >= block.count {
                copy_row(jets, block.count - 1, row);
                continue;
            }
            for (place, column) in z.iter_mut().zip(block.z) {
                *place = column.0[row];
            }
            let jet = surface(&z[..block.z.len()]);
            jets.value.0[row] = jet.value;
            for i in 0..P {
                jets.gradient[i].0[row] = jet.gradient[i];
                for j in 0..=i {
                    jets.hessian[Jets::place(i, j)].0[row] = jet.hessian[(i, j)];
                }
            }
        }
    }

    fn values(&self, theta: &[f64], block: &Block) -> Column {
        let theta = sized(theta);
        let surface = self.0.surface(&theta);
        Column::of(|row| {
            let mut z = [0.0; MOST_VARIABLES];
            for (place, column) in z.iter_mut().zip(block.z) {
                *place = column.0[row.min(block.count - 1)];
            }
            surface(&z[..block.z.len()]).value
        })
    }

    fn natural(&self, theta: &[f64]) -> Vec<f64> {
        self.0.natural(&sized(theta)).to_vec()
    }

    fn pin(&self, index: usize, value: f64, theta: &[Coordinate]) -> Coordinate {
        let jets: [Jet<P>; P] = std::array::from_fn(|at| theta[at].jet());
        Coordinate::of(&self.0.pin(index, value, &jets))
    }

    fn logarithmic(&self, index: usize) -> bool {
        self.0.logarithmic(index)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        self.0.limits(least)
    }

    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let starts = self.0.starts(points).into_iter();
        starts.map(|start| start.to_vec()).collect()
    }
}

/// Variables that a formula may have.
const MOST_VARIABLES: usize = 3;

fn sized<const P: usize>(theta: &[f64]) -> [f64; P] {
    std::array::from_fn(|index| theta[index])
}

fn copy_row(jets: &mut Jets, from: usize, to: usize) {
    let columns = jets.gradient.iter_mut().chain(&mut jets.hessian);
    for column in columns.chain([&mut jets.value]) {
        column.0[to] = column.0[from];
    }
}

/// A side on which the law does not change any more however far a parameter goes: the data may push it
/// there, and a descent would follow for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub index: usize,
    /// Whether it runs away upwards.
    pub above: bool,
    /// From here on it may be running away, in the coordinate of [`Law::pin`].
    pub from: f64,
    /// Held here, it changes nothing.
    pub held: f64,
}

/// A floor below this share of the least loss may be going to nothing.
pub const FAINT_FLOOR: f64 = 1e-3;
/// A floor below this share of the least loss is zero.
const NO_FLOOR: f64 = 1e-6;

impl Limit {
    /// The limit of a floor that goes to zero and never gets there, since theta holds its logarithm.
    pub fn of_floor(index: usize, least: f64) -> Self {
        Limit {
            index,
            above: false,
            from: least + FAINT_FLOOR.ln(),
            held: least + NO_FLOOR.ln(),
        }
    }

    /// Whether a parameter's coordinate lies so far out.
    pub fn is_passed(&self, coordinate: f64) -> bool {
        if self.above {
            coordinate > self.from
        } else {
            coordinate < self.from
        }
    }
}

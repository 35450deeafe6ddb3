//! An equation as a flat program, which gives values with their first and second derivatives by all coordinates for a
//! block of rows at once (forward-mode differentiation, written out when the law is read). What does not change from
//! row to row is computed once for each theta.

use crate::lanes::{Column, exp, ln, wide};
use crate::rows::{Block, Scratch};

use crate::tree::Tree;

/// How a parameter follows from its coordinate of theta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// It is the coordinate.
    Plain,
    /// It is positive, and the coordinate its logarithm.
    Logarithm,
    /// It lies between two numbers, and the coordinate is the logarithm of how far it is from either.
    Between([f64; 2]),
    /// It lies above a number, by the exponential of the coordinate.
    Above(f64),
    /// It lies below a number, by the exponential of the coordinate.
    Below(f64),
}

impl Scale {
    /// The parameter of a coordinate.
    pub fn parameter(self, coordinate: f64) -> f64 {
        match self {
            Scale::Plain => coordinate,
            Scale::Logarithm => coordinate.exp(),
            Scale::Between([low, high]) => low + (high - low) / (1.0 + (-coordinate).exp()),
            Scale::Above(low) => low + coordinate.exp(),
            Scale::Below(high) => high - coordinate.exp(),
        }
    }

    /// The coordinate of a parameter.
    pub fn coordinate(self, parameter: f64) -> f64 {
        match self {
            Scale::Plain => parameter,
            Scale::Logarithm => parameter.ln(),
            Scale::Between([low, high]) => ((parameter - low) / (high - parameter)).ln(),
            Scale::Above(low) => (parameter - low).ln(),
            Scale::Below(high) => (high - parameter).ln(),
        }
    }

    /// The parameter's first and second derivative by its coordinate.
    fn slopes(self, coordinate: f64) -> [f64; 2] {
        match self {
            Scale::Plain => [1.0, 0.0],
            Scale::Logarithm | Scale::Above(_) => [coordinate.exp(); 2],
            Scale::Below(_) => [-coordinate.exp(); 2],
            Scale::Between([low, high]) => {
                let share = 1.0 / (1.0 + (-coordinate).exp());
                let slope = (high - low) * share * (1.0 - share);
                [slope, slope * (1.0 - 2.0 * share)]
            }
        }
    }
}

/// How a variable's column is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stored {
    /// Its logarithm, less this.
    Logarithm(f64),
    /// As it is.
    Plain,
}

/// Where a column is kept while the program runs.
type Place = usize;

/// One step on columns.
#[derive(Debug, Clone, Copy)]
enum Step {
    Number(Place, f64),
    Coordinate(Place, usize),
    /// A parameter with its two slopes by its coordinate.
    Parameter([Place; 3], usize, Scale),
    /// A variable as it is stored.
    Load(Place, usize),
    Add(Place, Place, Place),
    /// With a number added.
    Plus(Place, Place, f64),
    Multiply(Place, Place, Place),
    /// Adds a product to what is there.
    AddProduct(Place, Place, Place),
    /// A product with another added.
    TwoProducts(Place, [Place; 2], [Place; 2]),
    /// A product less another.
    Difference(Place, [Place; 2], [Place; 2]),
    /// A product with its sign changed.
    Opposite(Place, Place, Place),
    Exp(Place, Place),
    Log(Place, Place),
    Inverse(Place, Place),
    /// A whole power, with its two slopes.
    Whole([Place; 3], Place, i32),
    /// The size and the sign.
    Abs([Place; 2], Place),
    /// One where the first is no larger than the second, and nothing elsewhere.
    IsLeast(Place, Place, Place),
    /// The second where the first is one, the third elsewhere.
    Choose(Place, Place, Place, Place),
}

/// A value with its derivatives: by which coordinates, and where they are kept. What is nothing has no place.
#[derive(Debug, Clone)]
struct Slot {
    value: Place,
    /// By coordinate, in their order.
    slopes: Vec<(usize, Place)>,
    /// By two coordinates, the later one first.
    bends: Vec<([usize; 2], Place)>,
    varies: bool,
}

impl Slot {
    fn slope(&self, index: usize) -> Option<Place> {
        let found = self.slopes.iter().find(|(it, _)| *it == index);
        found.map(|(_, place)| *place)
    }

    fn bend(&self, pair: [usize; 2]) -> Option<Place> {
        let found = self.bends.iter().find(|(it, _)| *it == pair);
        found.map(|(_, place)| *place)
    }
}

/// A program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Once for each theta.
    once: Vec<Step>,
    /// For each block.
    each: Vec<Step>,
    places: usize,
    result: Slot,
}

impl Program {
    /// Of an equation with parameters on these scales and variables stored like this.
    pub fn of(tree: &Tree, scales: &[Scale], stored: &[Stored]) -> Self {
        let mut writer = Writer {
            scales,
            stored,
            once: Vec::new(),
            each: Vec::new(),
            places: 0,
            known: Vec::new(),
        };
        let result = writer.slot(tree);
        Program {
            once: writer.once,
            each: writer.each,
            places: writer.places,
            result,
        }
    }

    /// Pairs of coordinates by which the second derivative is not nothing everywhere, the later one first.
    pub fn bent(&self) -> impl Iterator<Item = [usize; 2]> {
        self.result.bends.iter().map(|(pair, _)| *pair)
    }

    /// Runs it on a block. The columns are its own between the blocks of one theta, and what another left before the
    /// first.
    pub fn run(&self, theta: &[f64], block: &Block, scratch: &mut Scratch) {
        let columns = &mut scratch.columns;
        wide(
            #[inline(always)]
            || {
                if scratch.of_another {
                    scratch.of_another = false;
                    columns.resize(self.places, Column::ZERO);
                    for step in &self.once {
                        step.run(theta, block, columns);
                    }
                }
                for step in &self.each {
                    step.run(theta, block, columns);
                }
            },
        );
    }

    pub fn value<'a>(&self, scratch: &'a Scratch) -> &'a Column {
        &scratch.columns[self.result.value]
    }

    /// The first derivatives that are not nothing, by coordinate.
    pub fn slopes<'a>(&'a self, scratch: &'a Scratch) -> impl Iterator<Item = (usize, &'a Column)> {
        let slopes = self.result.slopes.iter();
        slopes.map(|(index, place)| (*index, &scratch.columns[*place]))
    }

    /// The second derivatives that are not nothing, by two coordinates, the later one first.
    pub fn bends<'a>(
        &'a self,
        scratch: &'a Scratch,
    ) -> impl Iterator<Item = ([usize; 2], &'a Column)> {
        let bends = self.result.bends.iter();
        bends.map(|(pair, place)| (*pair, &scratch.columns[*place]))
    }
}

impl Step {
    #[inline(always)]
    fn run(&self, theta: &[f64], block: &Block, columns: &mut [Column]) {
        match *self {
            Step::Number(to, number) => columns[to] = Column::of(|_| number),
            Step::Coordinate(to, index) => columns[to] = Column::of(|_| theta[index]),
            Step::Parameter([value, slope, bend], index, scale) => {
                let at = theta[index];
                let ([first, second], parameter) = (scale.slopes(at), scale.parameter(at));
                columns[value] = Column::of(|_| parameter);
                columns[slope] = Column::of(|_| first);
                columns[bend] = Column::of(|_| second);
            }
            // The second half of the variables are the first over their centres.
            Step::Load(to, variable) => columns[to] = block.z[variable % block.z.len()],
            Step::Add(to, a, b) => two(columns, to, a, b, |a, b| a + b),
            Step::Plus(to, a, number) => one(columns, to, a, |a| a + number),
            Step::Multiply(to, a, b) => two(columns, to, a, b, |a, b| a * b),
            Step::AddProduct(to, a, b) => {
                let (a, b) = (columns[a], columns[b]);
                let sum = &mut columns[to];
                *sum = Column::of(|row| sum.0[row] + a.0[row] * b.0[row]);
            }
            Step::TwoProducts(to, [a, b], [c, d]) => {
                let [a, b, c, d] = [a, b, c, d].map(|at| columns[at]);
                columns[to] = Column::of(|row| a.0[row] * b.0[row] + c.0[row] * d.0[row]);
            }
            Step::Difference(to, [a, b], [c, d]) => {
                let [a, b, c, d] = [a, b, c, d].map(|at| columns[at]);
                columns[to] = Column::of(|row| a.0[row] * b.0[row] - c.0[row] * d.0[row]);
            }
            Step::Opposite(to, a, b) => two(columns, to, a, b, |a, b| -a * b),
            Step::Exp(to, a) => one(columns, to, a, exp),
            Step::Log(to, a) => one(columns, to, a, ln),
            Step::Inverse(to, a) => one(columns, to, a, |a| 1.0 / a),
            Step::Whole([value, slope, bend], a, power) => {
                let n = f64::from(power);
                one(columns, value, a, |a| a.powi(power));
                one(columns, slope, a, |a| n * a.powi(power - 1));
                one(columns, bend, a, |a| n * (n - 1.0) * a.powi(power - 2));
            }
            Step::Abs([size, sign], a) => {
                one(columns, size, a, f64::abs);
                one(columns, sign, a, |a| if a < 0.0 { -1.0 } else { 1.0 });
            }
            Step::IsLeast(to, a, b) => two(columns, to, a, b, |a, b| {
                let is = a <= b || b.is_nan();
                if is { 1.0 } else { 0.0 }
            }),
            Step::Choose(to, by, a, b) => {
                let (by, a, b) = (columns[by], columns[a], columns[b]);
                columns[to] = Column::of(|row| if by.0[row] == 1.0 { a.0[row] } else { b.0[row] });
            }
        }
    }
}

#[inline(always)]
fn one(columns: &mut [Column], to: Place, a: Place, of: impl Fn(f64) -> f64) {
    let a = columns[a];
    columns[to] = a.map(of);
}

#[inline(always)]
fn two(columns: &mut [Column], to: Place, a: Place, b: Place, of: impl Fn(f64, f64) -> f64) {
    let (a, b) = (columns[a], columns[b]);
    columns[to] = Column::of(|row| of(a.0[row], b.0[row]));
}

/// Writes a program.
struct Writer<'a> {
    scales: &'a [Scale],
    stored: &'a [Stored],
    once: Vec<Step>,
    each: Vec<Step>,
    places: usize,
    /// What has been computed already.
    known: Vec<(Tree, Slot)>,
}

impl Writer<'_> {
    fn place(&mut self) -> Place {
        self.places += 1;
        self.places - 1
    }

    fn step(&mut self, varies: bool, step: Step) {
        if varies {
            self.each.push(step);
        } else {
            self.once.push(step);
        }
    }

    /// A new column from a step.
    fn made(&mut self, varies: bool, step: impl FnOnce(Place) -> Step) -> Place {
        let to = self.place();
        self.step(varies, step(to));
        to
    }

    fn slot(&mut self, tree: &Tree) -> Slot {
        if let Some((_, slot)) = self.known.iter().find(|(it, _)| it == tree) {
            return slot.clone();
        }
        let slot = self.written(tree);
        self.known.push((tree.clone(), slot.clone()));
        slot
    }

    fn constant(&mut self, value: Place, varies: bool) -> Slot {
        Slot {
            value,
            slopes: Vec::new(),
            bends: Vec::new(),
            varies,
        }
    }

    fn written(&mut self, tree: &Tree) -> Slot {
        match tree {
            Tree::Number(number) => {
                let value = self.made(false, |to| Step::Number(to, *number));
                self.constant(value, false)
            }
            Tree::Variable(index) => match self.stored[*index] {
                Stored::Plain => {
                    let value = self.made(true, |to| Step::Load(to, *index));
                    self.constant(value, true)
                }
                Stored::Logarithm(_) => {
                    let log = self.log_of_variable(*index);
                    self.exp(&log)
                }
            },
            Tree::Parameter(index) => self.parameter(*index),
            Tree::Sum(terms) => self.sum(terms),
            Tree::Product(factors) => {
                let slots: Vec<Slot> = factors.iter().map(|it| self.slot(it)).collect();
                // What does not vary first: it is multiplied once.
                let (fixed, varying): (Vec<Slot>, Vec<Slot>) =
                    slots.into_iter().partition(|slot| !slot.varies);
                let all = fixed.into_iter().chain(varying);
                all.reduce(|a, b| self.product(&a, &b))
                    .expect("a product has factors")
            }
            Tree::Power(base, exponent) => self.power(base, exponent),
            Tree::Exp(x) => {
                let x = self.slot(x);
                self.exp(&x)
            }
            Tree::Log(x) => self.log(x),
            Tree::Abs(x) => self.abs(x),
            Tree::Least(both) => self.least(both),
        }
    }

    fn log_of_variable(&mut self, index: usize) -> Slot {
        match self.stored[index] {
            Stored::Logarithm(centre) => {
                let z = self.made(true, |to| Step::Load(to, index));
                let log = self.made(true, |to| Step::Plus(to, z, centre));
                self.constant(log, true)
            }
            Stored::Plain => {
                let x = self.made(true, |to| Step::Load(to, index));
                let log = self.made(true, |to| Step::Log(to, x));
                self.constant(log, true)
            }
        }
    }

    fn parameter(&mut self, index: usize) -> Slot {
        let scale = self.scales[index];
        let places = [0; 3].map(|_| self.place());
        self.step(false, Step::Parameter(places, index, scale));
        Slot {
            value: places[0],
            slopes: vec![(index, places[1])],
            bends: if scale == Scale::Plain {
                Vec::new()
            } else {
                vec![([index, index], places[2])]
            },
            varies: false,
        }
    }

    fn sum(&mut self, terms: &[Tree]) -> Slot {
        let slots: Vec<Slot> = terms.iter().map(|it| self.slot(it)).collect();
        let (fixed, varying): (Vec<Slot>, Vec<Slot>) =
            slots.into_iter().partition(|slot| !slot.varies);
        let all = fixed.into_iter().chain(varying);
        all.reduce(|a, b| self.plus(&a, &b))
            .expect("a sum has terms")
    }

    fn plus(&mut self, a: &Slot, b: &Slot) -> Slot {
        let varies = a.varies || b.varies;
        let value = self.made(varies, |to| Step::Add(to, a.value, b.value));
        let mut join = |a: Option<Place>, b: Option<Place>| match (a, b) {
            (Some(a), Some(b)) => self.made(varies, |to| Step::Add(to, a, b)),
            (one, other) => one.or(other).expect("one of them"),
        };
        let slopes = indices(&[a, b])
            .into_iter()
            .map(|i| (i, join(a.slope(i), b.slope(i))))
            .collect();
        let bends = pairs(&[a, b])
            .into_iter()
            .map(|pair| (pair, join(a.bend(pair), b.bend(pair))))
            .collect();
        Slot {
            value,
            slopes,
            bends,
            varies,
        }
    }

    fn product(&mut self, a: &Slot, b: &Slot) -> Slot {
        let varies = a.varies || b.varies;
        let value = self.made(varies, |to| Step::Multiply(to, a.value, b.value));
        let mut slopes = Vec::new();
        for i in indices(&[a, b]) {
            let of_a = a.slope(i).map(|slope| (slope, b.value));
            let of_b = b.slope(i).map(|slope| (slope, a.value));
            let place = self.products(varies, [of_a, of_b].into_iter().flatten());
            slopes.push((i, place));
        }
        let mut bends = Vec::new();
        for pair in all_pairs(&slopes) {
            let [i, j] = pair;
            let crossed = [[i, j], [j, i]].map(|[i, j]| a.slope(i).zip(b.slope(j)));
            // Of one coordinate both are the same.
            let terms = [
                a.bend(pair).map(|bend| (bend, b.value)),
                b.bend(pair).map(|bend| (bend, a.value)),
                crossed[0],
                crossed[1],
            ];
            let terms: Vec<(Place, Place)> = terms.into_iter().flatten().collect();
            if !terms.is_empty() {
                bends.push((pair, self.products(varies, terms.into_iter())));
            }
        }
        Slot {
            value,
            slopes,
            bends,
            varies,
        }
    }

    /// A sum of products.
    fn products(&mut self, varies: bool, terms: impl Iterator<Item = (Place, Place)>) -> Place {
        let to = self.place();
        let terms: Vec<(Place, Place)> = terms.collect();
        let first = match *terms {
            [(a, b), (c, d), ..] => Step::TwoProducts(to, [a, b], [c, d]),
            [(a, b)] => Step::Multiply(to, a, b),
            [] => Step::Number(to, 0.0),
        };
        self.step(varies, first);
        for &(a, b) in terms.iter().skip(2) {
            self.step(varies, Step::AddProduct(to, a, b));
        }
        to
    }

    fn exp(&mut self, x: &Slot) -> Slot {
        let value = self.made(x.varies, |to| Step::Exp(to, x.value));
        let slopes: Vec<(usize, Place)> = x
            .slopes
            .iter()
            .map(|(i, slope)| {
                (
                    *i,
                    self.made(x.varies, |to| Step::Multiply(to, value, *slope)),
                )
            })
            .collect();
        let mut bends = Vec::new();
        for pair in all_pairs(&slopes) {
            let [i, j] = pair;
            let of = |slopes: &[(usize, Place)], i: usize| {
                slopes.iter().find(|(it, _)| *it == i).map(|(_, at)| *at)
            };
            let curved = x.bend(pair).map(|bend| (bend, value));
            let crossed = of(&slopes, i).zip(of(&x.slopes, j));
            let terms = [curved, crossed].into_iter().flatten();
            bends.push((pair, self.products(x.varies, terms)));
        }
        Slot {
            value,
            slopes,
            bends,
            varies: x.varies,
        }
    }

    /// The logarithm, as a sum where it is one of a product of what is positive.
    fn log(&mut self, x: &Tree) -> Slot {
        match x {
            Tree::Number(number) => {
                let value = self.made(false, |to| Step::Number(to, number.ln()));
                self.constant(value, false)
            }
            Tree::Variable(index) => self.log_of_variable(*index),
            Tree::Parameter(index) if self.scales[*index] == Scale::Logarithm => {
                let value = self.made(false, |to| Step::Coordinate(to, *index));
                let slope = self.made(false, |to| Step::Number(to, 1.0));
                Slot {
                    slopes: vec![(*index, slope)],
                    ..self.constant(value, false)
                }
            }
            Tree::Exp(inner) => self.slot(inner),
            Tree::Product(factors) if factors.iter().all(|it| self.is_positive(it)) => {
                let logs: Vec<Tree> = factors.iter().map(|it| it.clone().log()).collect();
                self.sum(&logs)
            }
            Tree::Power(base, exponent) if self.is_positive(base) => {
                let log = self.slot(&(**base).clone().log());
                let exponent = self.slot(exponent);
                self.product(&exponent, &log)
            }
            other => {
                let x = self.slot(other);
                self.log_of(&x)
            }
        }
    }

    fn log_of(&mut self, x: &Slot) -> Slot {
        let varies = x.varies;
        let value = self.made(varies, |to| Step::Log(to, x.value));
        if x.slopes.is_empty() {
            return self.constant(value, varies);
        }
        let inverse = self.made(varies, |to| Step::Inverse(to, x.value));
        let slopes: Vec<(usize, Place)> = x
            .slopes
            .iter()
            .map(|(i, slope)| {
                (
                    *i,
                    self.made(varies, |to| Step::Multiply(to, inverse, *slope)),
                )
            })
            .collect();
        let mut bends = Vec::new();
        for (at, &(i, slope)) in slopes.iter().enumerate() {
            for &(j, other) in &slopes[..=at] {
                let to = self.made(varies, |to| match x.bend([i, j]) {
                    Some(bend) => Step::Difference(to, [inverse, bend], [slope, other]),
                    None => Step::Opposite(to, slope, other),
                });
                bends.push(([i, j], to));
            }
        }
        Slot {
            value,
            slopes,
            bends,
            varies,
        }
    }

    fn power(&mut self, base: &Tree, exponent: &Tree) -> Slot {
        const LARGEST_WHOLE: f64 = 12.0;
        if let Tree::Number(power) = exponent
            && power.fract() == 0.0
            && power.abs() <= LARGEST_WHOLE
            && !matches!(base, Tree::Variable(index) if self.stored[*index] != Stored::Plain)
        {
            let x = self.slot(base);
            let places = [0; 3].map(|_| self.place());
            self.step(x.varies, Step::Whole(places, x.value, *power as i32));
            return self.chained(&x, places);
        }
        let log = self.slot(&base.clone().log());
        let exponent = self.slot(exponent);
        let product = self.product(&exponent, &log);
        self.exp(&product)
    }

    /// A function of a slot from its value and its two slopes.
    fn chained(&mut self, x: &Slot, [value, first, second]: [Place; 3]) -> Slot {
        let varies = x.varies;
        let slopes: Vec<(usize, Place)> = x
            .slopes
            .iter()
            .map(|(i, slope)| {
                (
                    *i,
                    self.made(varies, |to| Step::Multiply(to, first, *slope)),
                )
            })
            .collect();
        let mut bends = Vec::new();
        for (at, &(i, slope)) in x.slopes.iter().enumerate() {
            let bent = self.made(varies, |to| Step::Multiply(to, second, slope));
            for &(j, other) in &x.slopes[..=at] {
                let curved = x.bend([i, j]).map(|bend| (bend, first));
                let terms = [Some((bent, other)), curved].into_iter().flatten();
                bends.push(([i, j], self.products(varies, terms)));
            }
        }
        Slot {
            value,
            slopes,
            bends,
            varies,
        }
    }

    fn abs(&mut self, x: &Tree) -> Slot {
        let x = self.slot(x);
        let places = [0; 2].map(|_| self.place());
        self.step(x.varies, Step::Abs(places, x.value));
        let signed = |writer: &mut Self, place: Place| {
            writer.made(x.varies, |to| Step::Multiply(to, places[1], place))
        };
        Slot {
            value: places[0],
            slopes: x
                .slopes
                .iter()
                .map(|(i, at)| (*i, signed(self, *at)))
                .collect(),
            bends: x
                .bends
                .iter()
                .map(|(i, at)| (*i, signed(self, *at)))
                .collect(),
            varies: x.varies,
        }
    }

    fn least(&mut self, both: &[Tree; 2]) -> Slot {
        let [a, b] = [0, 1].map(|at| self.slot(&both[at]));
        let varies = a.varies || b.varies;
        let by = self.made(varies, |to| Step::IsLeast(to, a.value, b.value));
        let nothing = self.made(false, |to| Step::Number(to, 0.0));
        let mut choose = |a: Option<Place>, b: Option<Place>| {
            let (a, b) = (a.unwrap_or(nothing), b.unwrap_or(nothing));
            self.made(varies, |to| Step::Choose(to, by, a, b))
        };
        Slot {
            value: choose(Some(a.value), Some(b.value)),
            slopes: indices(&[&a, &b])
                .into_iter()
                .map(|i| (i, choose(a.slope(i), b.slope(i))))
                .collect(),
            bends: pairs(&[&a, &b])
                .into_iter()
                .map(|pair| (pair, choose(a.bend(pair), b.bend(pair))))
                .collect(),
            varies,
        }
    }

    /// Whether it is above zero whatever the coordinates.
    fn is_positive(&self, tree: &Tree) -> bool {
        let all = |trees: &[Tree]| trees.iter().all(|it| self.is_positive(it));
        match tree {
            Tree::Number(number) => *number > 0.0,
            Tree::Variable(index) => self.stored[*index] != Stored::Plain,
            Tree::Parameter(index) => match self.scales[*index] {
                Scale::Logarithm => true,
                Scale::Between([low, _]) | Scale::Above(low) => low >= 0.0,
                Scale::Plain | Scale::Below(_) => false,
            },
            Tree::Exp(_) => true,
            Tree::Sum(terms) => all(terms),
            Tree::Product(factors) => all(factors),
            Tree::Power(base, _) => self.is_positive(base),
            Tree::Least(both) => all(&both[..]),
            Tree::Log(_) | Tree::Abs(_) => false,
        }
    }
}

/// The coordinates by which any of the slots has a slope.
fn indices(slots: &[&Slot]) -> Vec<usize> {
    let all = slots.iter().flat_map(|slot| slot.slopes.iter());
    let mut all: Vec<usize> = all.map(|(index, _)| *index).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn pairs(slots: &[&Slot]) -> Vec<[usize; 2]> {
    let all = slots.iter().flat_map(|slot| slot.bends.iter());
    let mut all: Vec<[usize; 2]> = all.map(|(pair, _)| *pair).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All pairs of these coordinates, the later one first.
fn all_pairs(slopes: &[(usize, Place)]) -> Vec<[usize; 2]> {
    let each = slopes.iter().enumerate();
    each.flat_map(|(at, (i, _))| slopes[..=at].iter().map(|(j, _)| [*i, *j]))
        .collect()
}

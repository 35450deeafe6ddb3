//! Whether a law misses its runs in a way that their noise does not explain: against runs that repeat, and
//! by patterns in the residuals.

use nalgebra::{Matrix2, Vector2};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, FisherSnedecor, Normal};

use crate::Form;
use crate::declaration::Role;
use crate::points::Points;

/// Below this probability of as much by chance, a misfit is said to be one.
const RARE: f64 = 0.01;
/// A pattern is one of many that could be seen: below this probability of any, it is named.
const RARE_PATTERN: f64 = 0.001;
/// Points that a pattern needs: of three, one run that went wrong would look like one.
const LEAST_POINTS: usize = 4;
/// The share of a pattern's squared residuals that its line explains at least; one run that went wrong explains 0.7 of
/// four.
const EXPLAINED: f64 = 0.8;
/// Points that a bend needs.
const LEAST_OF_BEND: f64 = 8.0;
/// Patterns that are named.
const MOST_PATTERNS: usize = 3;
/// Chances of a right law below which it is not called one.
const DOUBTFUL: f64 = 0.05;
/// Log residuals smaller than this are no matter.
const NO_MATTER: f64 = 1e-4;
/// Points whose logarithms differ by less than this are one.
const SAME: f64 = 1e-9;

/// The law's misses at runs that repeat, against how these scatter: the pure-error test of lack of fit
/// (Draper and Smith 1998, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LackOfFit {
    /// Different points.
    pub places: usize,
    /// Runs beyond the first at their point.
    pub repeats: usize,
    /// Standard deviation of the log losses of runs at the same point.
    pub noise: f64,
    /// Root mean square by which the law misses the points' means, beyond what that noise explains.
    pub misfit: f64,
    /// The mean square of the misses of the means over that of the noise.
    pub f: f64,
    /// How probable as large a ratio is of a law that is right.
    pub p: f64,
}

impl LackOfFit {
    /// Whether the law misses more than the noise explains.
    pub fn misses(&self) -> bool {
        self.p < RARE && self.misfit > NO_MATTER
    }

    /// Whether it may: chance explains as much in less than five of a hundred.
    pub fn may_miss(&self) -> bool {
        (RARE..DOUBTFUL).contains(&self.p) && self.misfit > NO_MATTER
    }
}

/// Runs that do not scatter around the law. Residuals are logs of measured over predicted loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Pattern {
    /// Runs of one value of a variable that lie to one side of the law, or on a slope across it.
    Line {
        /// The variable whose value they share.
        variable: String,
        /// That value.
        value: f64,
        /// Whether it is the smallest (-1) or the largest (1) of all values, or between (0).
        place: i8,
        /// The variable along which the residuals run.
        along: String,
        /// The residual at its smallest value, by a line through them.
        from: f64,
        /// The same at its largest value.
        to: f64,
        /// Runs.
        points: usize,
    },
    /// Neighbours along the only variable that miss the law to the same side.
    Bend {
        /// The variable.
        along: String,
        /// Mean residuals of the first, the middle and the last third of the runs.
        thirds: [f64; 3],
        /// Runs.
        points: usize,
    },
}

/// How probable a ratio of mean squares as large as this is, of these degrees of freedom.
fn by_chance(f: f64, above: f64, below: f64) -> f64 {
    let fisher = FisherSnedecor::new(above, below).expect("freedoms above zero");
    // Rounding makes nothing of both, or of one of them less than nothing.
    if f.is_finite() {
        fisher.sf(f.max(0.0))
    } else {
        1.0
    }
}

/// A fit's residuals, at its points.
pub struct Residuals<'a> {
    form: Form,
    points: &'a Points,
    /// Log of measured over predicted loss, and the point's weight.
    all: Vec<(f64, f64)>,
    /// Sum of all squares, each by its weight.
    weighed: f64,
    /// Root mean square of all.
    typical: f64,
}

impl<'a> Residuals<'a> {
    /// Residuals of predicted over measured loss, one for each point.
    pub fn new(form: Form, points: &'a Points, residuals: &[(f64, f64)]) -> Self {
        let squares: f64 = residuals.iter().map(|(r, _)| r * r).sum();
        Residuals {
            form,
            points,
            all: residuals.iter().map(|(r, weight)| (-r, *weight)).collect(),
            weighed: residuals.iter().map(|(r, weight)| weight * r * r).sum(),
            typical: (squares / residuals.len() as f64).sqrt(),
        }
    }

    /// The test against runs that repeat; `None` where too few do, or there are no more places than
    /// parameters.
    pub fn lack_of_fit(&self, parameters: usize) -> Option<LackOfFit> {
        let places = self.places();
        let repeats = self.all.len() - places.len();
        let freedom = places
            .len()
            .checked_sub(parameters)
            .filter(|left| *left > 0)?;
        if repeats == 0 {
            return None;
        }
        let (mut of_noise, mut of_law, mut scatter) = (0.0, 0.0, 0.0);
        for place in &places {
            let weight: f64 = place.iter().map(|at| self.all[*at].1).sum();
            let sum: f64 = place
                .iter()
                .map(|at| self.all[*at].0 * self.all[*at].1)
                .sum();
            let mean = sum / weight;
            of_law += weight * mean * mean;
            for (r, weight) in place.iter().map(|at| self.all[*at]) {
                of_noise += weight * (r - mean).powi(2);
                scatter += (r - mean).powi(2);
            }
        }
        let (left, repeated) = (freedom as f64, repeats as f64);
        let f = (of_law / left) / (of_noise / repeated);
        let explained = of_noise / repeated * left;
        let weight: f64 = self.all.iter().map(|(_, weight)| weight).sum();
        f.is_finite().then(|| LackOfFit {
            places: places.len(),
            repeats,
            noise: (scatter / repeated).sqrt(),
            misfit: ((of_law - explained).max(0.0) / weight).sqrt(),
            f,
            p: by_chance(f, left, repeated),
        })
    }

    /// Points that share all their variables, by index.
    fn places(&self) -> Vec<Vec<usize>> {
        // The number of each point's value, of each variable.
        let numbered = |variable: usize| {
            let mut number = vec![0usize; self.points.len()];
            for (at, group) in self.values_of(variable).iter().enumerate() {
                group.iter().for_each(|point| number[*point] = at);
            }
            number
        };
        let numbers: Vec<Vec<usize>> = (0..self.form.variables().len()).map(numbered).collect();
        let place = |point: &usize| numbers.iter().map(|it| it[*point]).collect::<Vec<_>>();
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        order.sort_by_cached_key(place);
        let same = order.chunk_by(|a, b| place(a) == place(b));
        same.map(<[usize]>::to_vec).collect()
    }

    /// Runs whose residuals are not scattered around nothing, the surest first.
    pub fn patterns(&self, parameters: usize) -> Vec<Pattern> {
        if self.form.variables().len() == 1 {
            return self.bend().into_iter().collect();
        }
        let variables = self.form.variables().len();
        let written = matches!(self.form, Form::Written(_));
        let powers =
            (0..variables).filter(|v| written || self.form.roles().contains(&Role::Exponent(*v)));
        let powers: Vec<usize> = powers.collect();
        let mut tried = 0.0;
        let mut found: Vec<(f64, Pattern)> = Vec::new();
        for &variable in &powers {
            let groups = self.values_of(variable);
            for (at, group) in groups.iter().enumerate() {
                for &along in powers.iter().filter(|along| **along != variable) {
                    tried += 1.0;
                    let place = i8::from(at + 1 == groups.len()) - i8::from(at == 0);
                    found.extend(self.pattern(group, variable, place, along, parameters));
                }
            }
        }
        found.retain(|(p, _)| p * tried < RARE_PATTERN);
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.truncate(MOST_PATTERNS);
        found.into_iter().map(|(_, pattern)| pattern).collect()
    }

    /// Points by the value of a variable, smallest first.
    fn values_of(&self, variable: usize) -> Vec<Vec<usize>> {
        let z = |point: usize| self.points.z(point)[variable];
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        order.sort_by(|a, b| z(*a).total_cmp(&z(*b)));
        let same = order.chunk_by(|a, b| z(*b) - z(*a) <= SAME);
        same.map(<[usize]>::to_vec).collect()
    }

    /// A line through a group's residuals along a variable, and how probable it is by chance: by the F test of its two
    /// coefficients against the scatter of all other runs.
    fn pattern(
        &self,
        group: &[usize],
        variable: usize,
        place: i8,
        along: usize,
        parameters: usize,
    ) -> Option<(f64, Pattern)> {
        if group.len() < LEAST_POINTS {
            return None;
        }
        let z = |point: &usize| self.points.z(*point)[along];
        let (mut normal, mut right, mut whole) = (Matrix2::zeros(), Vector2::zeros(), 0.0);
        let middle = group.iter().map(z).sum::<f64>() / group.len() as f64;
        for point in group {
            // A run counts by its weight.
            let (r, root) = (self.all[*point].0, self.all[*point].1.sqrt());
            let (row, r) = (Vector2::new(1.0, z(point) - middle) * root, r * root);
            normal += row * row.transpose();
            right += row * r;
            whole += r * r;
        }
        let line = normal.try_inverse()? * right;
        let explained = line.dot(&right);
        let others = self.all.len().checked_sub(group.len() + parameters);
        let freedom = others.filter(|left| *left > 0)? as f64;
        let f = (explained / 2.0) / ((self.weighed - whole) / freedom);
        let p = by_chance(f, 2.0, freedom);
        let low = group.iter().map(z).fold(f64::INFINITY, f64::min);
        let high = group.iter().map(z).fold(f64::NEG_INFINITY, f64::max);
        let [from, to] = [low, high].map(|z| line[0] + line[1] * (z - middle));
        let matters = from.abs().max(to.abs()) > self.typical.max(NO_MATTER);
        let names = self.form.variables();
        (matters && explained > EXPLAINED * whole).then(|| {
            let pattern = Pattern::Line {
                variable: names[variable].to_owned(),
                value: self.points.x(group[0], variable),
                place,
                along: names[along].to_owned(),
                from,
                to,
                points: group.len(),
            };
            (p, pattern)
        })
    }

    /// Neighbours that miss the law alike: by the mean square of the differences of successive residuals
    /// over that of the residuals themselves, which is 2 of independent ones (von Neumann 1941).
    fn bend(&self) -> Option<Pattern> {
        let order: Vec<usize> = self.values_of(0).concat();
        let n = order.len() as f64;
        if n < LEAST_OF_BEND {
            return None;
        }
        let residuals: Vec<f64> = order.iter().map(|point| self.all[*point].0).collect();
        let steps: f64 = residuals
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).powi(2))
            .sum();
        let ratio = steps / residuals.iter().map(|r| r * r).sum::<f64>();
        let spread = 2.0 * ((n - 2.0) / (n * n - 1.0)).sqrt();
        let p = Normal::standard().cdf((ratio - 2.0) / spread);
        let third = order.len().div_ceil(3);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let thirds: Vec<f64> = residuals.chunks(third).map(mean).collect();
        let pattern = Pattern::Bend {
            along: self.form.variables()[0].to_owned(),
            thirds: thirds.try_into().ok()?,
            points: order.len(),
        };
        (p < RARE_PATTERN && self.typical > NO_MATTER).then_some(pattern)
    }
}

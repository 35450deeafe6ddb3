//! Newton's method with damping on the whole objective, from one start.

use nalgebra::SVector;

use crate::Objective;
use crate::huber_step::Lines;
use crate::jet::Jet;
use crate::law::{Law, Limit, Points, Surface};
use crate::local::Local;
use crate::pins::Pins;

/// A fit's problem: a law, points, how often each counts, an objective.
pub struct Problem<'a, L, const P: usize> {
    pub law: &'a L,
    pub points: &'a Points,
    /// The points that count, and how often each does: once, or its draws in a resample.
    pub draws: Vec<(usize, f64)>,
    pub objective: Objective,
    /// Parameters held at values, as [`Law::pin`] takes them.
    pub pins: Vec<(usize, f64)>,
}

/// Where a descent ended.
#[derive(Debug, Clone, Copy)]
pub struct Minimum<const P: usize> {
    pub theta: [f64; P],
    pub value: f64,
    /// Largest component of the gradient over the sum of the points' own contributions to it: 0 at
    /// a minimum, 1 where all pull the same way, whatever the objective's scale.
    pub gradient: f64,
    /// Whether the gradient vanishes there and the objective curves upwards.
    pub converged: bool,
    /// Why the descent ended.
    pub stop: Stop,
}

/// Why a descent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At a minimum, or where another stage goes on.
    Minimum,
    /// No step lowers the objective, although its gradient does not vanish.
    NoStep,
    /// It made as many steps as it may.
    Steps,
    /// The objective is not finite.
    NotFinite,
}

const MOST_STEPS: usize = 200;
/// Dampings to try, each ten times the one before.
const TRIES: usize = 12;
const TRIES_OVER_BENDS: usize = 20;
/// Steps of a stage that only brings the next one near.
const STEPS_OF_STAGE: usize = 40;
/// Share of the objective that a stage need not gain any more.
const STAGE_GAIN: f64 = 1e-4;

impl<'a, L: Law<P>, const P: usize> Problem<'a, L, P> {
    /// Every point once.
    pub fn new(law: &'a L, points: &'a Points, objective: Objective) -> Self {
        Problem {
            law,
            points,
            draws: (0..points.len()).map(|point| (point, 1.0)).collect(),
            objective,
            pins: Vec::new(),
        }
    }

    /// The same problem with other draws.
    pub fn drawn(&self, draws: Vec<(usize, f64)>) -> Self {
        Problem {
            draws,
            ..self.also()
        }
    }

    /// The same problem with a parameter held.
    pub fn pinned(&self, index: usize, value: f64) -> Self {
        let mut pins = self.pins.clone();
        pins.retain(|(pinned, _)| *pinned != index);
        pins.push((index, value));
        Problem {
            pins,
            draws: self.draws.clone(),
            ..self.also()
        }
    }

    fn also(&self) -> Self {
        Problem {
            draws: Vec::new(),
            pins: self.pins.clone(),
            ..*self
        }
    }

    fn is_pinned(&self, index: usize) -> bool {
        self.pins.iter().any(|(pinned, _)| *pinned == index)
    }

    /// Total weight of the draws.
    pub fn weight(&self) -> f64 {
        self.draws
            .iter()
            .map(|(point, times)| times * self.points.weight(*point))
            .sum()
    }

    /// The objective at theta.
    pub fn value(&self, theta: &[f64; P]) -> f64 {
        Descent::new(self, self.objective).local(theta).value
    }

    /// Log residual of every point that counts, with its weight.
    pub fn residuals(&self, theta: &[f64; P]) -> Vec<(f64, f64)> {
        let surface = self.law.surface(theta);
        let residual = |&(point, times): &(usize, f64)| {
            let predicted = surface.at(self.points.z(point)).value;
            let r = predicted - self.points.log_loss(point);
            (r, times * self.points.weight(point))
        };
        self.draws.iter().map(residual).collect()
    }

    /// Descends from a start far away, by way of the objective's smoother stages.
    pub fn descend(&self, start: &[f64; P]) -> Minimum<P> {
        self.by_stages(start, self.objective.stages())
    }

    /// Descends from a start that is near.
    pub fn refine(&self, start: &[f64; P]) -> Minimum<P> {
        let stages = match self.objective {
            // The steps over bends need no smoother way.
            Objective::HuberLikelihood { .. } => &[],
            other => other.stages().get(1..).unwrap_or_default(),
        };
        self.by_stages(start, stages)
    }

    fn by_stages(&self, start: &[f64; P], stages: &[Objective]) -> Minimum<P> {
        let mut theta = *start;
        for stage in stages {
            let descent = Descent::new(self, *stage);
            theta = descent.run(&theta, STAGE_GAIN, STEPS_OF_STAGE).theta;
        }
        let end = Descent::new(self, self.objective).run(&theta, 0.0, MOST_STEPS);
        if end.converged {
            return end;
        }
        self.at_limits(&end).unwrap_or(end)
    }

    /// Parameters that have run far towards a limit are held at it. The end is a minimum if it is as low
    /// as where the descent came to, and each is no worse there than further in.
    fn at_limits(&self, end: &Minimum<P>) -> Option<Minimum<P>> {
        let [least, _] = self.points.losses();
        let limits = self.law.limits(least);
        let coordinate = |theta: &[f64; P], index: usize| {
            let value = self.law.natural(theta)[index];
            if self.law.logarithmic(index) {
                value.ln()
            } else {
                value
            }
        };
        let gone: Vec<&Limit> = limits
            .iter()
            .filter(|limit| !self.is_pinned(limit.index))
            .filter(|limit| limit.is_passed(coordinate(&end.theta, limit.index)))
            .collect();
        if gone.is_empty() {
            return None;
        }
        let held = gone
            .iter()
            .fold(self.drawn(self.draws.clone()), |problem, limit| {
                problem.pinned(limit.index, limit.held)
            });
        let minimum = Descent::new(&held, self.objective).run(&end.theta, 0.0, MOST_STEPS);
        let minimum = if minimum.converged {
            minimum
        } else {
            // Another one may run away once these are held.
            held.at_limits(&minimum)?
        };
        let tolerance = self.objective.tolerance(end.value, self.weight());
        let as_low = minimum.value <= end.value + tolerance;
        let no_worse = gone.iter().all(|limit| {
            let further_in = held.pinned(limit.index, limit.from);
            let descent = Descent::new(&further_in, self.objective);
            let inside = descent.local(&descent.held(&minimum.theta)).value;
            inside >= minimum.value - tolerance
        });
        (minimum.converged && as_low && no_worse).then_some(minimum)
    }
}

/// A descent on one objective.
struct Descent<'a, 'b, L, const P: usize> {
    problem: &'a Problem<'b, L, P>,
    objective: Objective,
}

/// How much a step is held back, as a share of the objective's curvature.
struct Damping(f64);

impl Damping {
    /// Tries a step, with ten times the damping each time that it fails, and less the next time.
    fn search<T>(&mut self, tries: usize, step: impl Fn(f64) -> Option<T>) -> Option<T> {
        let start = self.0;
        for _ in 0..tries {
            if let Some(found) = step(self.0) {
                self.0 = (0.1 * self.0).max(1e-15);
                return Some(found);
            }
            self.0 *= 10.0;
        }
        self.0 = start;
        None
    }
}

/// A theta and the objective there.
type Place<const P: usize> = ([f64; P], Local<P>);

impl<'a, 'b, L: Law<P>, const P: usize> Descent<'a, 'b, L, P> {
    fn new(problem: &'a Problem<'b, L, P>, objective: Objective) -> Self {
        Descent { problem, objective }
    }

    /// Steps until the gradient vanishes, or a step gains less than this share.
    fn run(&self, start: &[f64; P], gain: f64, most_steps: usize) -> Minimum<P> {
        let start = self.held(start);
        let mut place = (start, self.local(&start));
        let (mut damping, mut damping_over_bends) = (Damping(1e-4), Damping(1e-6));
        let mut stop = Stop::Steps;
        for _ in 0..most_steps {
            let (theta, local) = &place;
            if !local.value.is_finite() {
                stop = Stop::NotFinite;
                break;
            }
            if local.flat() || local.bottom() {
                stop = Stop::Minimum;
                break;
            }
            let next = self.newton(theta, local, &mut damping);
            let Some(next) =
                next.or_else(|| self.over_bends(theta, local, &mut damping_over_bends))
            else {
                stop = Stop::NoStep;
                break;
            };
            let gained = local.value - next.1.value;
            place = next;
            if gained < gain * place.1.value.abs() {
                stop = Stop::Minimum;
                break;
            }
        }
        let (theta, local) = place;
        Minimum {
            theta,
            value: local.value,
            gradient: local.relative_gradient(),
            converged: (local.flat() || local.bottom())
                && local.value.is_finite()
                && theta.iter().all(|t| t.is_finite()),
            stop,
        }
    }

    /// The first damped Newton step that lowers the objective.
    fn newton(
        &self,
        theta: &[f64; P],
        local: &Local<P>,
        damping: &mut Damping,
    ) -> Option<Place<P>> {
        if !local.curved() {
            return None;
        }
        damping.search(TRIES, |damping| {
            let next = self.moved(theta, &local.newton(damping * local.scale())?);
            (next.1.value < local.value).then_some(next)
        })
    }

    /// The first damped step over the kernel's bends that lowers the objective, by itself or with a
    /// second one from where it leads: along a curved valley a straight step leaves the points that
    /// hold the law, and the second brings it back to them.
    fn over_bends(
        &self,
        theta: &[f64; P],
        local: &Local<P>,
        damping: &mut Damping,
    ) -> Option<Place<P>> {
        let lines = self.lines(theta);
        damping.search(TRIES_OVER_BENDS, |damping| {
            let damping = damping * local.scale();
            let first = self.moved(theta, &local.over_bends(&lines, damping)?);
            if first.1.value < local.value {
                return Some(first);
            }
            if !first.1.value.is_finite() {
                return None;
            }
            let lines = self.lines(&first.0);
            let second = self.moved(&first.0, &first.1.over_bends(&lines, damping)?);
            (second.1.value < local.value).then_some(second)
        })
    }

    /// Where a step leads.
    fn moved(&self, theta: &[f64; P], step: &SVector<f64, P>) -> Place<P> {
        let moved = std::array::from_fn(|i| theta[i] + step[i]);
        let next = self.held(&moved);
        let at_next = self.local(&next);
        (next, at_next)
    }

    /// Theta with the pinned parameters at their values.
    fn held(&self, theta: &[f64; P]) -> [f64; P] {
        let mut held = *theta;
        for (index, coordinate) in self.pins(theta).held {
            held[index] = coordinate.value;
        }
        held
    }

    fn pins(&self, theta: &[f64; P]) -> Pins<P> {
        Pins::new(self.problem.law, &self.problem.pins, theta)
    }

    fn local(&self, theta: &[f64; P]) -> Local<P> {
        let problem = self.problem;
        let kernel = self.objective.kernel(|| problem.residuals(theta));
        let mut local = Local::new(kernel);
        let pins = self.pins(theta);
        let surface = problem.law.surface(theta);
        for &(point, times) in &problem.draws {
            let jet = surface.at(problem.points.z(point));
            let weight = times * problem.points.weight(point);
            let log_loss = problem.points.log_loss(point);
            local.add(weight, &jet, log_loss, &moving(&jet, &pins));
        }
        local.end(&pins);
        local.value += self.objective.offset(kernel, problem.weight());
        if local.value.is_nan() {
            local.value = f64::INFINITY;
        }
        local
    }

    fn lines(&self, theta: &[f64; P]) -> Lines<P> {
        let problem = self.problem;
        let mut lines = Lines::default();
        let pins = self.pins(theta);
        let surface = problem.law.surface(theta);
        for &(point, times) in &problem.draws {
            let jet = surface.at(problem.points.z(point));
            let weight = times * problem.points.weight(point);
            let residual = jet.value - problem.points.log_loss(point);
            lines.push(weight, residual, moving(&jet, &pins));
        }
        lines
    }
}

/// A point's gradient by the coordinates that move, with the pinned ones following them.
#[inline(always)]
fn moving<const P: usize>(jet: &Jet<P>, pins: &Pins<P>) -> [f64; P] {
    let mut gradient: [f64; P] = std::array::from_fn(|i| jet.gradient[i]);
    for (index, coordinate) in &pins.held {
        let slope = jet.gradient[*index];
        for (i, moved) in gradient.iter_mut().enumerate() {
            *moved += slope * coordinate.gradient[i];
        }
    }
    for (index, _) in &pins.held {
        gradient[*index] = 0.0;
    }
    gradient
}

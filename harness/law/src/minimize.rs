//! Newton's method with damping on the whole objective, from one start.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use nalgebra::DVector;

use crate::Objective;
use crate::huber_step::Lines;
use crate::lanes::{Column, ROWS};
use crate::law::{Law, Limit};
use crate::local::{Local, Sums};
use crate::pins::Pins;
use crate::points::Points;
use crate::rows::{Jets, Rows};

/// A fit's problem: a law, points, how often each counts, an objective.
pub struct Problem<'a> {
    pub law: &'a dyn Law,
    pub points: &'a Points,
    /// The points that count, each once or as often as a resample drew it.
    rows: Arc<Rows>,
    pub objective: Objective,
    /// Parameters held at values, as [`Law::pin`] takes them.
    pub pins: Vec<(usize, f64)>,
}

/// Where a descent ended.
#[derive(Debug, Clone)]
pub struct Minimum {
    pub theta: Vec<f64>,
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
/// Steps from a start that is near.
const STEPS_FROM_NEAR: usize = 25;
/// Dampings to try, each ten times the one before.
const TRIES: usize = 12;
const TRIES_OVER_BENDS: usize = 20;
/// Steps of a stage that only brings the next one near.
const STEPS_OF_STAGE: usize = 40;
/// Of more points than this the minima of refits lie next to each other.
const MANY: usize = 2000;
/// About as many points are enough to bring a descent near its end.
const FEW: usize = 2000;
/// Share of the objective that a stage need not gain any more.
const STAGE_GAIN: f64 = 1e-4;

impl<'a> Problem<'a> {
    /// Every point once.
    pub fn new(law: &'a dyn Law, points: &'a Points, objective: Objective) -> Self {
        let once: Vec<(usize, f64)> = (0..points.len()).map(|point| (point, 1.0)).collect();
        Problem {
            law,
            points,
            rows: Arc::new(Rows::new(points, &once)),
            objective,
            pins: Vec::new(),
        }
    }

    /// The same problem with these points, each as often as it says.
    pub fn drawn(&self, draws: &[(usize, f64)]) -> Self {
        Problem {
            rows: Arc::new(Rows::new(self.points, draws)),
            pins: self.pins.clone(),
            ..*self
        }
    }

    /// The same problem with a parameter held.
    pub fn pinned(&self, index: usize, value: f64) -> Self {
        let mut pins = self.pins.clone();
        pins.retain(|(pinned, _)| *pinned != index);
        pins.push((index, value));
        Problem {
            pins,
            ..self.again()
        }
    }

    /// The same problem.
    pub fn again(&self) -> Self {
        Problem {
            pins: self.pins.clone(),
            rows: Arc::clone(&self.rows),
            ..*self
        }
    }

    pub fn is_pinned(&self, index: usize) -> bool {
        self.pins.iter().any(|(pinned, _)| *pinned == index)
    }

    /// The weight of the points that count.
    pub fn weight(&self) -> f64 {
        self.rows.weight()
    }

    /// The objective at theta.
    pub fn value(&self, theta: &[f64]) -> f64 {
        Descent::new(self, self.objective).local(theta).value
    }

    /// Log residual of every point that counts, with its weight.
    pub fn residuals(&self, theta: &[f64]) -> Vec<(f64, f64)> {
        let mut residuals = Vec::with_capacity(self.rows.len());
        for block in self.rows.blocks() {
            let predicted = self.law.values(theta, &block);
            let rows = (0..block.count).map(|row| {
                let residual = predicted.0[row] - block.target.0[row];
                (residual, block.weight.0[row])
            });
            residuals.extend(rows);
        }
        residuals
    }

    /// Descends from a start far away, by way of the objective's smoother stages.
    pub fn descend(&self, start: &[f64]) -> Minimum {
        self.by_stages(start, self.objective.stages())
    }

    /// Descends from a start that is near.
    pub fn refine(&self, start: &[f64]) -> Minimum {
        // The steps over a likelihood's bends need no smoother way, and of many points the minimum hardly moves. Of few
        // a sharp bend has minima of its own near the start.
        let is_smooth = matches!(self.objective, Objective::HuberLikelihood { .. });
        if is_smooth || self.rows.len() > MANY {
            let near = Descent::new(self, self.objective).run(start, 0.0, STEPS_FROM_NEAR);
            if near.converged {
                return near;
            }
        }
        self.by_stages(start, self.objective.stages().get(1..).unwrap_or_default())
    }

    fn by_stages(&self, start: &[f64], stages: &[Objective]) -> Minimum {
        let mut theta = start.to_vec();
        let few = self.fewer();
        let on = few.as_ref().unwrap_or(self);
        for stage in stages {
            let descent = Descent::new(on, *stage);
            theta = descent.run(&theta, STAGE_GAIN, STEPS_OF_STAGE).theta;
        }
        if let Some(few) = few {
            theta = Descent::new(&few, self.objective)
                .run(&theta, 0.0, MOST_STEPS)
                .theta;
        }
        let end = Descent::new(self, self.objective).run(&theta, 0.0, MOST_STEPS);
        if end.converged {
            return end;
        }
        self.at_limits(&end).unwrap_or(end)
    }

    /// The same problem with some of its points, where there are so many that these bring a descent near its end.
    fn fewer(&self) -> Option<Self> {
        Some(Problem {
            rows: self.rows.fewer(self.points, FEW)?,
            ..self.again()
        })
    }

    /// Parameters that have run far towards a limit are held at it. The end is a minimum if it is as low
    /// as where the descent came to, and each is no worse there than further in.
    fn at_limits(&self, end: &Minimum) -> Option<Minimum> {
        let [least, _] = self.points.losses();
        let limits = self.law.limits(least);
        let coordinate = |theta: &[f64], index: usize| {
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
        let held = gone.iter().fold(self.again(), |problem, limit| {
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
struct Descent<'a, 'b> {
    problem: &'a Problem<'b>,
    objective: Objective,
    /// Kept from theta to theta, so that memory is taken once.
    jets: RefCell<Jets>,
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
type Place = (Vec<f64>, Local);

impl<'a, 'b> Descent<'a, 'b> {
    fn new(problem: &'a Problem<'b>, objective: Objective) -> Self {
        Descent {
            problem,
            objective,
            jets: RefCell::new(Jets::new(problem.law.count())),
        }
    }

    /// Steps until the gradient vanishes, or a step gains less than this share.
    fn run(&self, start: &[f64], gain: f64, most_steps: usize) -> Minimum {
        let start = self.held(start);
        let at_start = self.local(&start);
        let mut place = (start, at_start);
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
            value: local.value,
            gradient: local.relative_gradient(),
            converged: (local.flat() || local.bottom())
                && local.value.is_finite()
                && theta.iter().all(|t| t.is_finite()),
            stop,
            theta,
        }
    }

    /// The first damped Newton step that lowers the objective.
    fn newton(&self, theta: &[f64], local: &Local, damping: &mut Damping) -> Option<Place> {
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
    fn over_bends(&self, theta: &[f64], local: &Local, damping: &mut Damping) -> Option<Place> {
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
    fn moved(&self, theta: &[f64], step: &DVector<f64>) -> Place {
        let moved: Vec<f64> = theta.iter().zip(step.iter()).map(|(t, s)| t + s).collect();
        let next = self.held(&moved);
        let at_next = self.local(&next);
        (next, at_next)
    }

    /// Theta with the pinned parameters at their values.
    fn held(&self, theta: &[f64]) -> Vec<f64> {
        let mut held = theta.to_vec();
        for (index, coordinate) in self.pins(theta).held {
            held[index] = coordinate.value;
        }
        held
    }

    fn pins(&self, theta: &[f64]) -> Pins {
        Pins::new(self.problem.law, &self.problem.pins, theta)
    }

    fn local(&self, theta: &[f64]) -> Local {
        let problem = self.problem;
        let kernel = self.objective.kernel(|| problem.residuals(theta));
        let count = problem.law.count();
        let mut sums = Sums::new(kernel, count);
        let jets = &mut *self.jets.borrow_mut();
        jets.scratch.of_another = true;
        let pins = self.pins(theta);
        for block in problem.rows.blocks() {
            problem.law.jets(theta, &block, jets);
            let moving = moving(&jets.gradient, &pins);
            sums.add(&block, jets, &moving);
        }
        let mut local = sums.end(&pins);
        local.value += self.objective.offset(kernel, problem.weight());
        if local.value.is_nan() {
            local.value = f64::INFINITY;
        }
        local
    }

    fn lines(&self, theta: &[f64]) -> Lines {
        let problem = self.problem;
        let count = problem.law.count();
        let mut lines = Lines::new(count);
        let jets = &mut *self.jets.borrow_mut();
        jets.scratch.of_another = true;
        let pins = self.pins(theta);
        for block in problem.rows.blocks() {
            problem.law.jets(theta, &block, jets);
            let residual = Column::of(|row| jets.value.0[row] - block.target.0[row]);
            lines.push(block.weight, residual, &moving(&jets.gradient, &pins));
        }
        lines
    }
}

/// Gradients by the coordinates that move, with the pinned ones following them.
fn moving<'a>(gradient: &'a [Column], pins: &Pins) -> Cow<'a, [Column]> {
    if pins.held.is_empty() {
        return Cow::Borrowed(gradient);
    }
    let mut moving = gradient.to_vec();
    for (index, coordinate) in &pins.held {
        for (moved, slope) in moving.iter_mut().zip(coordinate.gradient.iter()) {
            for row in 0..ROWS {
                moved.0[row] += gradient[*index].0[row] * slope;
            }
        }
    }
    for (index, _) in &pins.held {
        moving[*index] = Column::ZERO;
    }
    Cow::Owned(moving)
}

//! Profile likelihood: how far one parameter can go while the others make up for it.

use crate::declaration::Role;
use crate::law::{FAINT_FLOOR, Law};
use crate::layout::Layout;
use crate::minimize::{Minimum, Problem};

/// Steps outwards before a bound is looked for between two of them.
const MOST_STEPS_OUT: usize = 24;
/// Steps that close in on a bound.
const MOST_STEPS_IN: usize = 14;

/// What bounds the search along a parameter: beyond it the data say nothing about it.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    low: f64,
    high: f64,
}

impl Reach {
    /// For a parameter at `value`, in the coordinate of [`Law::pin`].
    pub fn new(layout: &Layout, law: &dyn Law, index: usize, value: f64, least_loss: f64) -> Self {
        /// Powers of e that an amplitude or a bend may move.
        const FAR: f64 = 25.0;
        /// Times its size that an amplitude of either sign may move.
        const MANY: f64 = 1e5;
        let logarithmic = law.logarithmic(index);
        let [least, most] = law.bounds(index);
        let roles = layout.form.roles();
        let (low, high) = match roles[layout.owner(index).1] {
            Role::Floor if logarithmic => ((FAINT_FLOOR * least_loss).ln(), value + FAR),
            Role::Exponent(_) if logarithmic => (5e-3f64.ln(), 4f64.ln()),
            // A law that is one power alone may rise, fall, or lie flat between.
            Role::Exponent(_) if roles.len() == 2 => (-4.0, 4.0),
            // A flat power beside others is one with them: no law crosses it.
            Role::Exponent(_) if value < 0.0 => (2.0 * value.min(-2.0), 0.0),
            Role::Exponent(_) => (0.0, 2.0 * value.max(2.0)),
            Role::Change(_) => (-4.0, 4.0),
            _ if !logarithmic => {
                let far = MANY * value.abs().max(1e-6);
                (value - far, value + far)
            }
            _ => (value - FAR, value + FAR),
        };
        // No nearer to a bound than numbers tell it from that.
        let width = most - least;
        let room = |end: f64| {
            1e-6 * if width.is_finite() {
                width
            } else {
                end.abs().max(1.0)
            }
        };
        Reach {
            low: low.min(value).max(least + room(least)).min(value),
            high: high.max(value).min(most - room(most)).max(value),
        }
    }

    /// Whether a coordinate lies at the lower end or below it.
    pub fn is_left_below(&self, at: f64) -> bool {
        at <= self.low
    }

    /// Whether a coordinate lies at the upper end or above it.
    pub fn is_left_above(&self, at: f64) -> bool {
        at >= self.high
    }
}

/// One end of a profile.
#[derive(Debug, Clone)]
pub struct End {
    /// Where it is, in the coordinate of [`Law::pin`]; `None` where the data do not bound the parameter
    /// within reach.
    pub bound: Option<f64>,
    /// The law there, or at the end of the reach.
    pub theta: Vec<f64>,
}

/// The interval of a parameter in the coordinate of [`Law::pin`]: where the objective, with every
/// other parameter at its best, rises by `rise` over its minimum.
pub fn profile(
    problem: &Problem,
    best: &Minimum,
    index: usize,
    value: f64,
    step: f64,
    rise: f64,
    reach: Reach,
) -> [End; 2] {
    [reach.low, reach.high].map(|limit| {
        let walk = Walk {
            problem,
            best,
            index,
            rise,
        };
        walk.bound(value, step, limit)
    })
}

struct Walk<'a> {
    problem: &'a Problem<'a>,
    best: &'a Minimum,
    index: usize,
    rise: f64,
}

/// A place on a profile, with how far above the minimum it lies.
#[derive(Clone)]
struct Place {
    at: f64,
    rise: f64,
    theta: Vec<f64>,
}

impl Walk<'_> {
    fn bound(&self, value: f64, step: f64, limit: f64) -> End {
        let side = if limit < value { -1.0 } else { 1.0 };
        let room = (limit - value).abs();
        let mut inside = Place {
            at: value,
            rise: 0.0,
            theta: self.best.theta.clone(),
        };
        let mut away = step.min(room);
        for _ in 0..MOST_STEPS_OUT {
            let place = self.place(value + side * away, &inside);
            if place.rise > self.rise {
                return self.close_in(inside, place);
            }
            inside = place;
            if away >= room {
                break;
            }
            away = (1.7 * away).min(room);
        }
        End {
            bound: None,
            theta: inside.theta,
        }
    }

    /// The others at their best, from where they were nearby.
    fn place(&self, at: f64, near: &Place) -> Place {
        let pinned = self.problem.pinned(self.index, at);
        let minimum = pinned.refine(&near.theta);
        let rise = minimum.value - self.best.value;
        Place {
            at,
            rise: if rise.is_finite() {
                rise
            } else {
                f64::INFINITY
            },
            theta: minimum.theta,
        }
    }

    /// Secant steps on the root of the rise, which is nearly straight, kept within the bracket.
    fn close_in(&self, mut inside: Place, mut outside: Place) -> End {
        let root = |rise: f64| rise.max(0.0).sqrt();
        for _ in 0..MOST_STEPS_IN {
            let width = outside.at - inside.at;
            let rises = root(outside.rise) - root(inside.rise);
            let share = (root(self.rise) - root(inside.rise)) / rises;
            let share = if share.is_finite() {
                share.clamp(0.1, 0.9)
            } else {
                0.5
            };
            let place = self.place(inside.at + share * width, &inside);
            if place.rise > self.rise {
                outside = place;
            } else {
                inside = place;
            }
            if width.abs() < 1e-3 * (outside.at - self.origin()).abs() {
                break;
            }
        }
        End {
            bound: Some(0.5 * (inside.at + outside.at)),
            theta: inside.theta,
        }
    }

    fn origin(&self) -> f64 {
        let natural = self.problem.law.natural(&self.best.theta)[self.index];
        if self.problem.law.logarithmic(self.index) {
            natural.ln()
        } else {
            natural
        }
    }
}

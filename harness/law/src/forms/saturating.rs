//! `(L - E) / (L0 - L)^a = B x^-c`: a power law between the loss of chance, L0, and a floor E.

use crate::declaration::{Declaration, Loss, Role};
use crate::jet::{Jet, softplus};
use crate::law::{Formula, Limit};
use crate::points::Points;
use crate::project::{grid, regress};

/// `saturating`.
pub static SATURATING: Declaration = Declaration {
    name: "saturating",
    equation: "(L - E) / (L0 - L)^a = B x^-c",
    variables: &["x"],
    parameters: &["E", "L0", "a", "B", "c"],
    roles: &[
        Role::Floor,
        Role::Ceiling,
        Role::Bend(0),
        Role::Amplitude(0),
        Role::Exponent(0),
    ],
    distinct: &[5],
    loss: Loss::BuiltIn(|p, x| {
        let (span, a) = (p[1] - p[0], p[2]);
        let v = p[3].ln() + (a - 1.0) * span.ln() - p[4] * x[0].ln();
        p[0] + span / (1.0 + (-solve(v, a)).exp())
    }),
    trade: None,
};

/// With `q = (L - E) / (L0 - E)` the law is `ln q - a ln(1 - q) = v`, where `v = ln B +
/// (a - 1) ln(L0 - E) - c ln x`; any v has one q. In `theta = (ln E, ln(L0 - E), ln a, v at the
/// centre, c)`, `ln L = ln(exp(theta_0) + exp(theta_1 + ln q))`.
#[derive(Debug, Clone)]
pub struct Saturating {
    pub centre: f64,
}

impl Formula<5> for Saturating {
    fn surface(&self, theta: &[f64; 5]) -> impl Fn(&[f64]) -> Jet<5> {
        let [floor, span, log_a, at_centre, exponent] = Jet::parameters(theta);
        let a = log_a.exp();
        move |z: &[f64]| {
            let logit = logit(at_centre - exponent * z[0], a);
            let log_q = (logit * -1.0).softplus() * -1.0;
            floor.log_add(span + log_q)
        }
    }

    fn natural(&self, theta: &[f64; 5]) -> [f64; 5] {
        let [floor, span, log_a, at_centre, exponent] = *theta;
        let a = log_a.exp();
        let log_b = at_centre - (a - 1.0) * span + exponent * self.centre;
        [
            floor.exp(),
            floor.exp() + span.exp(),
            a,
            log_b.exp(),
            exponent,
        ]
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<5>; 5]) -> Jet<5> {
        let [floor, span, log_a, _, exponent] = *theta;
        match index {
            1 => (Jet::constant(value.exp()) - floor.exp()).ln(),
            3 => (log_a.exp() + -1.0) * span - exponent * self.centre + value,
            _ => Jet::constant(value),
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        index < 4
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        vec![Limit::of_floor(0, least)]
    }

    fn starts(&self, points: &Points) -> Vec<[f64; 5]> {
        let [least, most] = points.losses().map(f64::exp);
        let floors = [0.01, 0.5, 0.9, 0.99].map(|share| share * least);
        let ceilings = [1.01, 1.1, 2.0, 10.0].map(|share| share * most);
        grid([&floors, &ceilings, &[0.3, 1.0, 3.0]])
            .into_iter()
            .filter_map(|[floor, ceiling, a]| {
                let v = |log_loss: f64| {
                    let q = (log_loss.exp() - floor) / (ceiling - floor);
                    q.ln() - a * (1.0 - q).ln()
                };
                let [at_centre, exponent] = regress(points, |z| [1.0, -z[0]], v)?;
                Some([
                    floor.ln(),
                    (ceiling - floor).ln(),
                    a.ln(),
                    at_centre,
                    exponent,
                ])
            })
            .collect()
    }
}

/// The w with `ln q - a ln(1 - q) = v`, where `w = ln(q / (1 - q))`. The left side rises with w, its
/// slope between 1 and a, so Newton's method finds it; its derivatives are the implicit function's.
fn logit<const P: usize>(v: Jet<P>, a: Jet<P>) -> Jet<P> {
    let w = solve(v.value, a.value);
    let q = 1.0 / (1.0 + (-w).exp());
    let soft = softplus(w);
    let slope = 1.0 + (a.value - 1.0) * q;
    let bend = (a.value - 1.0) * q * (1.0 - q);
    let [by_v, by_a] = [1.0 / slope, -soft / slope];
    let along_a = (q + bend * by_a) / (slope * slope);
    v.map_two(
        a,
        w,
        [by_v, by_a],
        [
            -bend / (slope * slope * slope),
            -along_a,
            -q * by_a / slope + soft * along_a,
        ],
    )
}

/// `ln(q / (1 - q))` of the q with `ln q - a ln(1 - q) = v`.
pub fn solve(v: f64, a: f64) -> f64 {
    let mut w = if v < 0.0 { v } else { v / a };
    for _ in 0..60 {
        let q = 1.0 / (1.0 + (-w).exp());
        let step = (a * softplus(w) - softplus(-w) - v) / (1.0 + (a - 1.0) * q);
        w -= step;
        if step.abs() <= 1e-15 * w.abs().max(1.0) {
            break;
        }
    }
    w
}

//! `L = E + B x^-c0 (1 + (x/d)^(1/f))^(-c1 f)`: two powers, joined at d over f e-folds.

use crate::declaration::{Declaration, Loss, Role};
use crate::jet::Jet;
use crate::law::{Formula, Limit};
use crate::points::Points;
use crate::project::{grid, regress};

/// `broken`.
pub static BROKEN: Declaration = Declaration {
    name: "broken",
    equation: "L = E + B x^-c0 (1 + (x/d)^(1/f))^(-c1 f)",
    variables: &["x"],
    parameters: &["E", "B", "c0", "c1", "d", "f"],
    roles: &[
        Role::Floor,
        Role::Amplitude(0),
        Role::Exponent(0),
        Role::Change(0),
        Role::Bend(0),
        Role::Bend(0),
    ],
    distinct: &[6],
    loss: Loss::BuiltIn(|p, x| {
        // (1 + (x/d)^(1/f))^f by logarithms: the inner power overflows for a sharp break.
        let u = (x[0] / p[4]).ln() / p[5];
        let bend = p[5] * (u.max(0.0) + (-u.abs()).exp().ln_1p());
        p[0] + p[1] * x[0].powf(-p[2]) * (-p[3] * bend).exp()
    }),
    trade: None,
};

/// In `theta = (ln E, ln B - c0 m, c0, c1, ln d - m, ln f)`, with m the mean of `ln x`, the second
/// summand's logarithm is `theta_1 - c0 z - c1 f softplus((z - theta_4) / f)`.
#[derive(Debug, Clone)]
pub struct Broken {
    pub centre: f64,
}

impl Formula<6> for Broken {
    fn surface(&self, theta: &[f64; 6]) -> impl Fn(&[f64]) -> Jet<6> {
        let [floor, amplitude, before, change, place, log_width] = Jet::parameters(theta);
        let width = log_width.exp();
        let sharpness = (log_width * -1.0).exp();
        move |z: &[f64]| {
            let bend = ((Jet::constant(z[0]) - place) * sharpness).softplus();
            floor.log_add(amplitude - before * z[0] - change * width * bend)
        }
    }

    fn natural(&self, theta: &[f64; 6]) -> [f64; 6] {
        let [floor, amplitude, before, change, place, log_width] = *theta;
        [
            floor.exp(),
            (amplitude + before * self.centre).exp(),
            before,
            change,
            (place + self.centre).exp(),
            log_width.exp(),
        ]
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<6>; 6]) -> Jet<6> {
        match index {
            1 => Jet::constant(value) - theta[2] * self.centre,
            4 => Jet::constant(value - self.centre),
            _ => Jet::constant(value),
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        matches!(index, 0 | 1 | 4 | 5)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        vec![Limit::of_floor(0, least)]
    }

    fn starts(&self, points: &Points) -> Vec<[f64; 6]> {
        let [low, high] = points.span(0);
        let [least, _] = points.losses().map(f64::exp);
        let floors = [0.01, 0.5, 0.9, 0.99].map(|share| share * least);
        let places = [0.15, 0.3, 0.5, 0.7, 0.85].map(|share| low + (high - low) * share);
        let widths = [0.02, 0.1].map(|share| (high - low) * share);
        grid([&floors, &places, &widths])
            .into_iter()
            .filter_map(|[floor, place, width]| {
                let bend = |z: f64| width * (((z - place) / width).exp()).ln_1p();
                let row = |z: &[f64]| [1.0, -z[0], -bend(z[0])];
                let above = |log_loss: f64| (log_loss.exp() - floor).ln();
                let [amplitude, before, change] = regress(points, row, above)?;
                Some([floor.ln(), amplitude, before, change, place, width.ln()])
            })
            .collect()
    }
}

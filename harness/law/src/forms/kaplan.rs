//! `L = ((Nc/N)^(aN/aD) + Dc/D)^aD`: powers of N and of D that meet without a floor.

use crate::declaration::{Declaration, Loss, Role, Trade};
use crate::jet::Jet;
use crate::law::{Formula, Limit};
use crate::optimum::Optimum;
use crate::points::Points;
use crate::project::{EXPONENTS, grid, project_to};

/// `kaplan`.
pub static KAPLAN: Declaration = Declaration {
    name: "kaplan",
    equation: "L = ((Nc/N)^(aN/aD) + Dc/D)^aD",
    variables: &["N", "D"],
    parameters: &["Nc", "aN", "Dc", "aD"],
    roles: &[
        Role::Amplitude(0),
        Role::Exponent(0),
        Role::Amplitude(1),
        Role::Exponent(1),
    ],
    distinct: &[2, 2],
    loss: Loss::BuiltIn(|p, x| ((p[0] / x[0]).powf(p[1] / p[3]) + p[2] / x[1]).powf(p[3])),
    trade: Some(Trade {
        optimum: |p, log_k, power| Optimum::of_kaplan([p[0], p[1], p[2], p[3]], log_k, power),
        point: |n, d| vec![n, d],
    }),
};

/// In `theta = (aN (ln Nc - mN), aN, aD (ln Dc - mD), ln aD)`, with mN and mD the means of `ln N` and
/// `ln D`: `ln L = aD ln(exp((theta_0 - aN zN) / aD) + exp(theta_2 / aD - zD))`. The first and third
/// are the log losses, at the centre, of either limit.
#[derive(Debug, Clone)]
pub struct Kaplan {
    pub centre: [f64; 2],
}

impl Formula<4> for Kaplan {
    fn surface(&self, theta: &[f64; 4]) -> impl Fn(&[f64]) -> Jet<4> {
        let [of_n, a_n, of_d, log_a_d] = Jet::parameters(theta);
        let a_d = log_a_d.exp();
        let inverse = (log_a_d * -1.0).exp();
        move |z: &[f64]| {
            let (model, data) = ((of_n - a_n * z[0]) * inverse, of_d * inverse + -z[1]);
            a_d * model.log_add(data)
        }
    }

    fn natural(&self, theta: &[f64; 4]) -> [f64; 4] {
        let [of_n, a_n, of_d, log_a_d] = *theta;
        let a_d = log_a_d.exp();
        [
            (of_n / a_n + self.centre[0]).exp(),
            a_n,
            (of_d / a_d + self.centre[1]).exp(),
            a_d,
        ]
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<4>; 4]) -> Jet<4> {
        match index {
            0 => theta[1] * (value - self.centre[0]),
            2 => theta[3].exp() * (value - self.centre[1]),
            _ => Jet::constant(value),
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        index != 1
    }

    fn limits(&self, _: f64) -> Vec<Limit> {
        Vec::new()
    }

    fn starts(&self, points: &Points) -> Vec<[f64; 4]> {
        let [least, _] = points.losses();
        grid([&EXPONENTS, &EXPONENTS])
            .into_iter()
            .map(|[a_n, a_d]| {
                let summands = |z: &[f64], row: &mut [f64]| {
                    row[0] = (-a_n / a_d * z[0]).exp();
                    row[1] = (-z[1]).exp();
                };
                let target = |log_loss: f64| log_loss / a_d;
                let logs = project_to(points, 2, summands, target, least / a_d);
                [a_d * logs[0], a_n, a_d * logs[1], a_d.ln()]
            })
            .collect()
    }
}

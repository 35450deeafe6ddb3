//! `L = E + A N'^-alpha + B D'^-beta`, where repeated tokens and the parameters that they would feed
//! are worth less than fresh ones.

use crate::declaration::{Declaration, Loss, Role, Trade};
use crate::jet::Jet;
use crate::law::{Formula, Limit};
use crate::optimum::Optimum;
use crate::points::Points;
use crate::project::{grid, project};

/// `data-constrained`.
pub static DATA_CONSTRAINED: Declaration = Declaration {
    name: "data-constrained",
    equation: "L = E + A N'^-alpha + B D'^-beta",
    variables: &["N", "D", "U"],
    parameters: &["E", "A", "alpha", "B", "beta", "R_N", "R_D"],
    roles: &[
        Role::Floor,
        Role::Amplitude(0),
        Role::Exponent(0),
        Role::Amplitude(1),
        Role::Exponent(1),
        Role::Excess,
        Role::Repeats,
    ],
    distinct: &[3, 3, 2],
    loss: Loss::BuiltIn(loss),
    trade: Some(Trade {
        // The best model for fresh tokens is in the law itself, for 6ND.
        optimum: |p, log_k, power| {
            let powers = [p[1], p[2], p[3], p[4]];
            Optimum::of_powers(powers, log_k, power).filter(|_| power == 1.0)
        },
        point: |n, d| vec![n, d, d],
    }),
};

fn loss(p: &[f64], x: &[f64]) -> f64 {
    let (a, alpha, b, beta) = (p[1], p[2], p[3], p[4]);
    let worth = |r: f64, scale: f64| 1.0 + scale * (1.0 - (-r / scale).exp());
    let unique = x[2].min(x[1]);
    let data = unique * worth(x[1] / unique - 1.0, p[R_D]);
    let best = (alpha * a / (beta * b)).powf(1.0 / alpha) * unique.powf(beta / alpha);
    let base = best.min(x[0]);
    let model = base * worth(x[0] / base - 1.0, p[R_N]);
    p[0] + a * model.powf(-alpha) + b * data.powf(-beta)
}

/// The coordinates of the two scales.
const R_N: usize = 5;
const R_D: usize = 6;

/// Of U unique tokens, D seen, `D' = U_D (1 + R_D (1 - exp(-r / R_D)))` with `U_D = min(U, D)` and
/// `r = D / U_D - 1` repetitions. Likewise `N'` from `U_N = min(N, N_opt)`, with `N_opt` the best
/// model for `U_D` tokens seen once, `(alpha A / beta B)^(1/alpha) U_D^(beta/alpha)`.
///
/// `theta = (ln E, ln A', alpha, ln B', beta, ln R_N, ln R_D)`, amplitudes at the centre.
#[derive(Debug, Clone)]
pub struct DataConstrained {
    /// Mean logarithms of N, D and U.
    pub centre: [f64; 3],
}

impl Formula<7> for DataConstrained {
    fn surface(&self, theta: &[f64; 7]) -> impl Fn(&[f64]) -> Jet<7> {
        let [floor, a, alpha, b, beta, log_rn, log_rd] = Jet::parameters(theta);
        let (rn, rd) = (log_rn.exp(), log_rd.exp());
        let per_alpha = alpha.map(
            alpha.value.recip(),
            -alpha.value.powi(-2),
            2.0 * alpha.value.powi(-3),
        );
        // ln N_opt is `best + slope ln U_D`, about the centres.
        let best = (alpha.ln() - beta.ln() + a - b) * per_alpha;
        let slope = beta * per_alpha;
        let unique_from = self.centre[2] - self.centre[1];
        move |z: &[f64]| {
            let unique = (z[2] + unique_from).min(z[1]);
            let repeats = Jet::constant((z[1] - unique).exp() - 1.0);
            let data = worth(repeats, rd) + unique;
            let optimal = best + slope * unique;
            let model = if z[0] <= optimal.value {
                Jet::constant(z[0])
            } else {
                let excess = (Jet::constant(z[0]) - optimal).exp() + -1.0;
                optimal + worth(excess, rn)
            };
            floor.log_add(a - alpha * model).log_add(b - beta * data)
        }
    }

    fn natural(&self, theta: &[f64; 7]) -> [f64; 7] {
        let [floor, a, alpha, b, beta, log_rn, log_rd] = *theta;
        [
            floor.exp(),
            (a + alpha * self.centre[0]).exp(),
            alpha,
            (b + beta * self.centre[1]).exp(),
            beta,
            log_rn.exp(),
            log_rd.exp(),
        ]
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<7>; 7]) -> Jet<7> {
        match index {
            1 => Jet::constant(value) - theta[2] * self.centre[0],
            3 => Jet::constant(value) - theta[4] * self.centre[1],
            _ => Jet::constant(value),
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        !matches!(index, 2 | 4)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        // Repeats that are worth as much as new tokens, or nothing; and so for parameters in excess.
        let scales = [R_N, R_D].into_iter().flat_map(|index| {
            [true, false].map(|above| {
                let side = if above { 1.0 } else { -1.0 };
                Limit {
                    index,
                    above,
                    from: side * 1e3f64.ln(),
                    held: side * 1e9f64.ln(),
                }
            })
        });
        [Limit::of_floor(0, least)]
            .into_iter()
            .chain(scales)
            .collect()
    }

    fn starts(&self, points: &Points) -> Vec<[f64; 7]> {
        const EXPONENTS: [f64; 4] = [0.15, 0.3, 0.5, 0.9];
        grid([&EXPONENTS, &EXPONENTS, &[2.0, 20.0], &[2.0, 20.0]])
            .into_iter()
            .map(|[alpha, beta, rn, rd]| {
                // As if all tokens were fresh: repeats change the amplitudes little.
                let summands = |z: &[f64], row: &mut [f64]| {
                    row[0] = 1.0;
                    row[1] = (-alpha * z[0]).exp();
                    row[2] = (-beta * z[1]).exp();
                };
                let logs = project(points, 3, summands);
                [logs[0], logs[1], alpha, logs[2], beta, rn.ln(), rd.ln()]
            })
            .collect()
    }
}

/// `ln(1 + scale (1 - exp(-r / scale)))`: what r repetitions are worth, in first times.
fn worth<const P: usize>(r: Jet<P>, scale: Jet<P>) -> Jet<P> {
    let inverse = scale.ln() * -1.0;
    // `exp - 1` in one: of a large scale almost nothing is left of it.
    let decay = (r * inverse.exp() * -1.0).exp_m1();
    (decay * -1.0 * scale + 1.0).ln()
}

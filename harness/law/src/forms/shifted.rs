//! `L = B (1/x + g)^c`: a power law that bends to a floor `B g^c` for large x.

use crate::declaration::{Declaration, Loss, Role};
use crate::jet::Jet;
use crate::law::{Formula, Limit};
use crate::points::Points;
use crate::project::{EXPONENTS, grid};

/// `shifted`.
pub static SHIFTED: Declaration = Declaration {
    name: "shifted",
    equation: "L = B (1/x + g)^c",
    variables: &["x"],
    parameters: &["B", "g", "c"],
    roles: &[Role::Amplitude(0), Role::Bend(0), Role::Exponent(0)],
    distinct: &[3],
    loss: Loss::BuiltIn(|p, x| p[0] * (1.0 / x[0] + p[1]).powf(p[2])),
    trade: None,
};

/// In `theta = (ln B - c m, ln g + m, c)`, with m the mean of `ln x`:
/// `ln L = theta_0 + c ln(exp(-z) + exp(theta_1))`.
#[derive(Debug, Clone)]
pub struct Shifted {
    pub centre: f64,
}

impl Formula<3> for Shifted {
    fn surface(&self, theta: &[f64; 3]) -> impl Fn(&[f64]) -> Jet<3> {
        let [amplitude, shift, exponent] = Jet::parameters(theta);
        move |z: &[f64]| amplitude + exponent * Jet::constant(-z[0]).log_add(shift)
    }

    fn natural(&self, theta: &[f64; 3]) -> [f64; 3] {
        let [amplitude, shift, exponent] = *theta;
        [
            (amplitude + exponent * self.centre).exp(),
            (shift - self.centre).exp(),
            exponent,
        ]
    }

    fn pin(&self, index: usize, value: f64, theta: &[Jet<3>; 3]) -> Jet<3> {
        let value = Jet::constant(value);
        match index {
            0 => value - theta[2] * self.centre,
            1 => value + self.centre,
            _ => value,
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        index < 2
    }

    fn limits(&self, _: f64) -> Vec<Limit> {
        Vec::new()
    }

    fn starts(&self, points: &Points) -> Vec<[f64; 3]> {
        let [low, high] = points.span(0);
        // The bend lies within the data, at their end, or beyond it.
        let bends: Vec<f64> = (0..6)
            .map(|step| -(low + (high - low) * (0.2 + 0.25 * f64::from(step))))
            .collect();
        grid([&EXPONENTS, &bends])
            .into_iter()
            .map(|[exponent, shift]| {
                let shape = |z: f64| exponent * ((-z).exp() + shift.exp()).ln();
                let weight: f64 = (0..points.len()).map(|point| points.weight(point)).sum();
                let sum: f64 = (0..points.len())
                    .map(|point| {
                        let residual = points.log_loss(point) - shape(points.z(point)[0]);
                        points.weight(point) * residual
                    })
                    .sum();
                [sum / weight, shift, exponent]
            })
            .collect()
    }
}

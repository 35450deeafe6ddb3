//! The forms that are sums of powers, as they are declared; how they are fitted is in `powers`.

use crate::declaration::{Declaration, Loss, Role, Trade};
use crate::optimum::Optimum;

/// `power`.
pub static POWER: Declaration = Declaration {
    name: "power",
    equation: "L = B x^-c",
    variables: &["x"],
    parameters: &["B", "c"],
    roles: &[Role::Amplitude(0), Role::Exponent(0)],
    distinct: &[2],
    loss: Loss::BuiltIn(|p, x| p[0] * x[0].powf(-p[1])),
    trade: None,
};

/// `offset`.
pub static OFFSET: Declaration = Declaration {
    name: "offset",
    equation: "L = E + B x^-c",
    variables: &["x"],
    parameters: &["E", "B", "c"],
    roles: &[Role::Floor, Role::Amplitude(0), Role::Exponent(0)],
    distinct: &[3],
    loss: Loss::BuiltIn(|p, x| p[0] + p[1] * x[0].powf(-p[2])),
    trade: None,
};

/// `chinchilla`.
pub static CHINCHILLA: Declaration = Declaration {
    name: "chinchilla",
    equation: "L = E + A N^-alpha + B D^-beta",
    variables: &["N", "D"],
    parameters: &["E", "A", "alpha", "B", "beta"],
    roles: &[
        Role::Floor,
        Role::Amplitude(0),
        Role::Exponent(0),
        Role::Amplitude(1),
        Role::Exponent(1),
    ],
    distinct: &[3, 3],
    loss: Loss::BuiltIn(|p, x| p[0] + p[1] * x[0].powf(-p[2]) + p[3] * x[1].powf(-p[4])),
    trade: Some(Trade {
        optimum: |p, log_k, power| Optimum::of_powers([p[1], p[2], p[3], p[4]], log_k, power),
        point: |n, d| vec![n, d],
    }),
};

/// `width-depth`.
pub static WIDTH_DEPTH: Declaration = Declaration {
    name: "width-depth",
    equation: "L = E + A W^-alpha + B H^-beta + G D^-gamma",
    variables: &["W", "H", "D"],
    parameters: &["E", "A", "alpha", "B", "beta", "G", "gamma"],
    roles: &[
        Role::Floor,
        Role::Amplitude(0),
        Role::Exponent(0),
        Role::Amplitude(1),
        Role::Exponent(1),
        Role::Amplitude(2),
        Role::Exponent(2),
    ],
    distinct: &[3, 3, 3],
    loss: Loss::BuiltIn(|p, x| {
        let powers = (0..3).map(|v| p[1 + 2 * v] * x[v].powf(-p[2 + 2 * v]));
        powers.fold(p[0], |sum, power| sum + power)
    }),
    trade: None,
};

//! A form as it is declared, once: its name, its equation, and what its parts are.

use crate::optimum::Optimum;
use crate::tree::Tree;

/// The declaration of a form. Parameters are in the order of its equation, a point's variables in
/// that of `variables`.
#[derive(Debug)]
pub struct Declaration {
    /// The name on the command line.
    pub name: &'static str,
    /// The equation, for people.
    pub equation: &'static str,
    /// `x`, or `N` parameters, `D` tokens, `U` unique tokens, `W` width and `H` depth.
    pub variables: &'static [&'static str],
    pub parameters: &'static [&'static str],
    /// What each parameter is.
    pub roles: &'static [Role],
    /// How many different values each variable needs at least: one for each parameter that only it
    /// tells.
    pub distinct: &'static [usize],
    /// The loss of parameters at a point, by the equation as it is written.
    pub loss: Loss,
    /// What trades parameters against data, of forms that do.
    pub trade: Option<Trade>,
}

/// An equation, to be computed.
#[derive(Debug)]
pub enum Loss {
    /// Of a built-in form.
    BuiltIn(fn(parameters: &[f64], x: &[f64]) -> f64),
    /// As somebody wrote it.
    Written(&'static Tree),
}

impl Loss {
    pub fn at(&self, parameters: &[f64], x: &[f64]) -> f64 {
        match self {
            Loss::BuiltIn(loss) => loss(parameters, x),
            Loss::Written(tree) => tree.at(parameters, x),
        }
    }
}

/// How a form shares compute between parameters and data.
#[derive(Debug)]
pub struct Trade {
    /// The best N by budget, where C = k N^p D; `None` where the law does not fall with both.
    pub optimum: fn(parameters: &[f64], log_k: f64, p: f64) -> Option<Optimum>,
    /// The point of N parameters and D tokens, all of them fresh.
    pub point: fn(n: f64, d: f64) -> Vec<f64>,
}

/// What a parameter is to its law: how far it can go, and what would tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The loss that nothing in the law goes below.
    Floor,
    /// The loss of chance.
    Ceiling,
    /// The exponent of the power of this variable.
    Exponent(usize),
    /// The factor of the power of this variable.
    Amplitude(usize),
    /// What a bend along this variable adds to the exponent.
    Change(usize),
    /// How the law turns from one regime to another along this variable.
    Bend(usize),
    /// How often tokens may repeat until they are worth little.
    Repeats,
    /// How far a model may outgrow its unique tokens until that is worth little.
    Excess,
    /// Anything else.
    Other,
}

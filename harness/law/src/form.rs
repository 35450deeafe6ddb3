//! The forms a law can have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::sum_of_powers::{SumOfPowers, Term};

/// A law's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `L = B x^-c`: a straight line on logarithmic axes (Kaplan et al. 2020, eq. 1.1 to 1.3).
    Power,
    /// `L = E + B x^-c`: a power law down to a floor E (Henighan et al. 2020, arXiv:2010.14701,
    /// eq. 1.1).
    Offset,
    /// `L = E + A N^-alpha + B D^-beta`: entropy of the text, plus what a model of N parameters
    /// cannot hold, plus what D tokens cannot teach (Hoffmann et al. 2022, arXiv:2203.15556, eq. 2).
    Chinchilla,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 3] = [Form::Power, Form::Offset, Form::Chinchilla];

    /// The form's name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Form::Power => "power",
            Form::Offset => "offset",
            Form::Chinchilla => "chinchilla",
        }
    }

    /// The form's variables, in the order of a point's.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Form::Power | Form::Offset => &["x"],
            Form::Chinchilla => &["N", "D"],
        }
    }

    /// The form's equation, for people.
    pub fn equation(self) -> &'static str {
        match self {
            Form::Power => "L = B x^-c",
            Form::Offset => "L = E + B x^-c",
            Form::Chinchilla => "L = E + A N^-alpha + B D^-beta",
        }
    }

    pub(crate) fn law(self) -> SumOfPowers {
        const ONE: &[Term] = &[Term {
            amplitude: "B",
            exponent: "c",
        }];
        const N_AND_D: &[Term] = &[
            Term {
                amplitude: "A",
                exponent: "alpha",
            },
            Term {
                amplitude: "B",
                exponent: "beta",
            },
        ];
        match self {
            Form::Power => SumOfPowers::new(None, ONE),
            Form::Offset => SumOfPowers::new(Some("E"), ONE),
            Form::Chinchilla => SumOfPowers::new(Some("E"), N_AND_D),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = LawError;

    fn from_str(name: &str) -> Result<Self, LawError> {
        let found = Form::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or_else(|| LawError::NoForm(name.to_owned()))
    }
}

//! The types of numbers a model is trained in.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a training step computes in. Parameters, gradients and the optimizer's moments are kept in
/// f32 whichever it is (Micikevicius et al. 2018, arXiv:1710.03740).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    F32,
    /// Forward and backward pass in 16-bit floats, the loss scaled up so that gradients do not vanish.
    F16,
    /// Forward and backward pass in bfloat16.
    Bf16,
    /// Matrix multiplies in 16-bit floats, all else in f32; the loss is scaled.
    MixedF16,
    /// Matrix multiplies in bfloat16, all else in f32.
    MixedBf16,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Precision; 5] = [
        Precision::F32,
        Precision::F16,
        Precision::Bf16,
        Precision::MixedF16,
        Precision::MixedBf16,
    ];

    /// Its name in definitions and tables.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The precision that its matrix multiplies are made in.
    pub fn multiplies(self) -> Precision {
        match self {
            Precision::MixedF16 => Precision::F16,
            Precision::MixedBf16 => Precision::Bf16,
            alone => alone,
        }
    }

    /// Half the distance from 1 to the next number, of the type that multiplies: the largest relative
    /// error of one rounding.
    pub fn unit_roundoff(self) -> f64 {
        let fraction_bits = match self {
            Precision::F32 => 23,
            Precision::F16 | Precision::MixedF16 => 10,
            Precision::Bf16 | Precision::MixedBf16 => 7,
        };
        0.5f64.powi(fraction_bits + 1)
    }

    /// Whether this is the default, which a cell's identity leaves out.
    pub(crate) fn is_default(&self) -> bool {
        *self == Precision::default()
    }
}

/// A name that is no precision's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no precision; there are f32, f16, bf16, mixed-f16 and mixed-bf16{help}", help = self.help())]
pub struct NoPrecision(String);

impl NoPrecision {
    fn help(&self) -> String {
        let meant = crate::slips::ours(&self.0).filter(|word| word.parse::<Precision>().is_ok());
        meant.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
    }
}

impl FromStr for Precision {
    type Err = NoPrecision;

    fn from_str(name: &str) -> Result<Self, NoPrecision> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == name);
        found.ok_or_else(|| NoPrecision(name.to_owned()))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_definitions() {
        for precision in Precision::ALL {
            let quoted = format!("\"{precision}\"");
            assert_eq!(serde_json::to_string(&precision).unwrap(), quoted);
            assert_eq!(precision.as_str().parse(), Ok(precision));
        }
    }

    #[test]
    fn a_unit_roundoff_is_lost_when_added_to_one() {
        let unit = Precision::F32.unit_roundoff() as f32;
        assert_eq!(1.0 + unit, 1.0);
        assert!(1.0 + 1.01 * unit > 1.0);
    }
}

//! `figures`: what is drawn of a suite.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure of a suite's results.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Figure {
    /// Loss against parameters, a series for each data budget.
    LossVsParameters,
    /// Loss against training tokens, a series for each model.
    LossVsTokens,
    /// Loss against training FLOPs, with what the best use of them reaches.
    LossVsCompute,
    /// Training loss against tokens seen.
    TrainingCurves,
    /// Loss against parameters at equal FLOPs.
    Isoflop,
    /// Every other law that was fitted, against each of its variables.
    Laws,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Figure; 6] = [
        Figure::LossVsParameters,
        Figure::LossVsTokens,
        Figure::LossVsCompute,
        Figure::TrainingCurves,
        Figure::Isoflop,
        Figure::Laws,
    ];

    /// The figure's name in definitions, and its files'.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

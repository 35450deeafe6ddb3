//! `[model]`: what every model of a suite shares.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::FeedForward;

/// `[model]`: what every model of the suite shares.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelDefinition {
    /// The feed-forward block.
    pub feed_forward: FeedForward,
    /// Whether linear layers have biases.
    pub bias: bool,
    /// Whether the head shares the embedding's weights.
    pub tied_head: bool,
}

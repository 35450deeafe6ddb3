//! `[evaluation]`: what a trained model is scored on.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::error::DefinitionText;
use crate::{DefinitionError, Tokens};

/// `[evaluation]`: the fixed validation tokens a trained model is scored on: those of the first documents held out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationDefinition {
    /// How many tokens are scored at most, of the first documents held out.
    #[schemars(with = "Tokens")]
    pub tokens: Spanned<Tokens>,
    /// Tokens that every scored token has before it at least: so many of each sequence are read again and not scored.
    #[schemars(with = "u64")]
    pub context: Spanned<u64>,
}

impl Default for EvaluationDefinition {
    fn default() -> Self {
        Self {
            tokens: Spanned::new(0..0, 262_144),
            context: Spanned::new(0..0, 0),
        }
    }
}

impl EvaluationDefinition {
    pub(super) fn check(&self, source: &DefinitionText) -> Result<(), DefinitionError> {
        if *self.tokens.get_ref() == 0 {
            let message = "`tokens` to score must be above 0";
            return Err(source.error(Some(self.tokens.span()), message, None));
        }
        Ok(())
    }
}

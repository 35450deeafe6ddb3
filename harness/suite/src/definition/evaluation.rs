//! `[evaluation]`: what a trained model is scored on.

use serde::Deserialize;
use toml::Spanned;

use crate::error::DefinitionText;
use crate::{DefinitionError, Tokens};

/// `[evaluation]`: the fixed validation tokens a trained model is scored on.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationDefinition {
    /// How many tokens are scored.
    pub tokens: Spanned<Tokens>,
    /// Tokens at the start of each sequence that are read but not scored, so that every scored
    /// token has at least this much context.
    pub context: Spanned<u64>,
}

impl Default for EvaluationDefinition {
    fn default() -> Self {
        Self {
            tokens: Spanned::new(0..0, 65_536),
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

//! `[training]`: what every run of a suite shares.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::DefinitionError;
use crate::error::DefinitionText;

/// The learning rate's course after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Stays at its peak.
    Constant,
    /// Falls to a tenth of its peak along half a cosine (Hoffmann et al. 2022).
    Cosine,
    /// Stays at its peak, then falls linearly to zero (Hägele et al. 2024, arXiv:2405.18392).
    #[default]
    WarmupStableDecay,
}

/// `[training]`: what every run of the suite shares.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingDefinition {
    /// The learning rate's course.
    pub schedule: ScheduleKind,
    /// Share of the steps in which the learning rate rises from zero.
    #[schemars(with = "f64")]
    pub warmup: Spanned<f64>,
    /// Share of the steps in which it falls at the end, for `warmup-stable-decay`.
    #[schemars(with = "f64")]
    pub decay: Spanned<f64>,
    /// AdamW's decay of the first moment.
    #[schemars(with = "f64")]
    pub beta_1: Spanned<f64>,
    /// AdamW's decay of the second moment.
    #[schemars(with = "f64")]
    pub beta_2: Spanned<f64>,
    /// AdamW's weight decay, on matrices alone.
    #[schemars(with = "f64")]
    pub weight_decay: Spanned<f64>,
    /// The gradient's global norm is clipped to this.
    #[schemars(with = "f64")]
    pub gradient_clip: Spanned<f64>,
    /// Sequences per forward pass; a larger batch accumulates gradients over several. The whole batch where nothing is said.
    pub micro_batch: Option<u64>,
}

impl Default for TrainingDefinition {
    fn default() -> Self {
        let share = |value| Spanned::new(0..0, value);
        Self {
            schedule: ScheduleKind::default(),
            warmup: share(0.05),
            decay: share(0.2),
            beta_1: share(0.9),
            beta_2: share(0.95),
            weight_decay: share(0.1),
            gradient_clip: share(1.0),
            micro_batch: None,
        }
    }
}

impl TrainingDefinition {
    pub(super) fn check(&self, source: &DefinitionText) -> Result<(), DefinitionError> {
        let refuse =
            |span: Range<usize>, message: String| Err(source.error(Some(span), message, None));
        for (name, share) in [("warmup", &self.warmup), ("decay", &self.decay)] {
            if !(0.0..=1.0).contains(share.get_ref()) {
                return refuse(
                    share.span(),
                    format!("`{name}` is a share of the steps and must be from 0 to 1"),
                );
            }
        }
        if self.warmup.get_ref() + self.decay.get_ref() > 1.0 {
            return refuse(
                self.decay.span(),
                "`warmup` and `decay` together are longer than the run".into(),
            );
        }
        for (name, beta) in [("beta_1", &self.beta_1), ("beta_2", &self.beta_2)] {
            if !(0.0..1.0).contains(beta.get_ref()) {
                return refuse(beta.span(), format!("`{name}` must be from 0 to below 1"));
            }
        }
        if !(self.weight_decay.get_ref().is_finite() && *self.weight_decay.get_ref() >= 0.0) {
            return refuse(
                self.weight_decay.span(),
                "`weight_decay` must be finite and not negative".into(),
            );
        }
        if !(self.gradient_clip.get_ref().is_finite() && *self.gradient_clip.get_ref() > 0.0) {
            return refuse(
                self.gradient_clip.span(),
                "`gradient_clip` must be finite and above 0".into(),
            );
        }
        Ok(())
    }
}

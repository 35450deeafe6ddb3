//! The factor that a loss in 16-bit floats is multiplied by, so that its gradients neither vanish nor
//! overflow (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2).

use isoflop_suite::Precision;
use serde::{Deserialize, Serialize};

/// Where it begins. Frameworks begin at 65536 and skip the first steps until it fits; 4096 has fitted
/// every model trained here at once.
const FIRST: f64 = 4096.0;
/// Steps in a row without an overflow after which it is doubled, as in PyTorch's `GradScaler`.
const GOOD_STEPS: u64 = 2000;
/// Where a gradient overflows without any scaling, the training itself has diverged.
const LEAST: f64 = 1.0;
/// The largest power of two that is a 16-bit float.
const MOST: f64 = 32768.0;

/// The scale of a run, and how it has fared. A step whose gradient overflows is skipped, and the next
/// one has half the scale; after many good steps it is doubled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    scale: f64,
    good_steps: u64,
    /// Steps skipped so far.
    pub skipped: u64,
}

impl LossScale {
    /// The scale of a run in this precision; `None` where gradients are not 16-bit floats.
    pub fn of(precision: Precision) -> Option<Self> {
        let scaled = matches!(precision, Precision::F16 | Precision::MixedF16);
        scaled.then_some(LossScale {
            scale: FIRST,
            good_steps: 0,
            skipped: 0,
        })
    }

    /// What the next loss is multiplied by.
    pub fn factor(&self) -> f64 {
        self.scale
    }

    /// Hears whether the gradient of a step was finite. One that was not is of a step to skip.
    pub fn hear(&mut self, finite: bool) {
        if !finite {
            self.skipped += 1;
            self.good_steps = 0;
            self.scale /= 2.0;
            return;
        }
        self.good_steps += 1;
        if self.good_steps == GOOD_STEPS {
            self.good_steps = 0;
            self.scale = (2.0 * self.scale).min(MOST);
        }
    }

    /// Whether gradients overflow whatever the scale.
    pub fn is_exhausted(&self) -> bool {
        self.scale < LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_at_an_overflow_and_rises_after_many_good_steps() {
        let mut scale = LossScale::of(Precision::F16).unwrap();
        scale.hear(false);
        assert_eq!((scale.factor(), scale.skipped), (FIRST / 2.0, 1));
        (0..GOOD_STEPS).for_each(|_| scale.hear(true));
        assert_eq!((scale.factor(), scale.skipped), (FIRST, 1));
        (0..10 * GOOD_STEPS).for_each(|_| scale.hear(true));
        assert_eq!(scale.factor(), MOST);
        (0..16).for_each(|_| scale.hear(false));
        assert!(scale.is_exhausted());
        assert_eq!(LossScale::of(Precision::Bf16), None);
    }
}

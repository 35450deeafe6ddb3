//! The learning rate's course.

use std::f64::consts::PI;

use isoflop_suite::{Schedule, ScheduleKind};

/// The cosine's end, as a share of its peak (Hoffmann et al. 2022).
const COSINE_FLOOR: f64 = 0.1;

/// The learning rate of `step`, from 1 to `steps`; beyond them it stays where it ended, or at zero.
///
/// It rises linearly over the warm-up, reaching its peak at the warm-up's last step. Then it stays
/// (`constant`), falls to a tenth along half a cosine (`cosine`), or stays and falls linearly over
/// the decay's steps to a last step just above zero (`warmup-stable-decay`).
pub fn learning_rate(schedule: &Schedule, step: u64, steps: u64) -> f64 {
    let peak = schedule.learning_rate;
    if step <= schedule.warmup_steps {
        return peak * step as f64 / schedule.warmup_steps as f64;
    }
    match schedule.kind {
        ScheduleKind::Constant => peak,
        ScheduleKind::Cosine => {
            let whole = (steps - schedule.warmup_steps).max(1);
            let done = ((step - schedule.warmup_steps) as f64 / whole as f64).min(1.0);
            let fall = 0.5 * (1.0 + (PI * done).cos());
            peak * (COSINE_FLOOR + (1.0 - COSINE_FLOOR) * fall)
        }
        ScheduleKind::WarmupStableDecay => {
            let left = (steps + 1).saturating_sub(step) as f64;
            peak * (left / (schedule.decay_steps + 1) as f64).min(1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> Schedule {
        Schedule {
            kind,
            learning_rate: 0.01,
            warmup_steps: 10,
            decay_steps: 20,
        }
    }

    #[test]
    fn all_rise_alike_and_end_where_they_say() {
        use ScheduleKind::{Constant, Cosine, WarmupStableDecay};
        for (kind, last) in [
            (Constant, 0.01),
            (Cosine, 0.001),
            (WarmupStableDecay, 0.01 / 21.0),
        ] {
            let schedule = schedule(kind);
            assert!((learning_rate(&schedule, 1, 100) - 0.001).abs() < 1e-15);
            assert!((learning_rate(&schedule, 10, 100) - 0.01).abs() < 1e-15);
            assert!(
                (learning_rate(&schedule, 100, 100) - last).abs() < 1e-12,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn stable_until_the_decay_begins() {
        let schedule = schedule(ScheduleKind::WarmupStableDecay);
        assert_eq!(learning_rate(&schedule, 80, 100), 0.01);
        assert!(learning_rate(&schedule, 81, 100) < 0.01);
    }
}

//! Intervals from resamples.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The share of resamples beyond either end of a 95% interval. Resamples of few points spread less
/// than fits of few points do, so their percentiles are taken further out, at
/// `Phi(-sqrt(n / (n - p)) t)`, with t the quantile of Student's distribution (Hesterberg 2015,
/// arXiv:1411.5279, eq. 8, for p parameters).
pub fn tail(units: usize, parameters: usize) -> f64 {
    let (n, left) = (units as f64, units.saturating_sub(parameters).max(1) as f64);
    standard_normal().cdf(-(n / left).sqrt() * student_quantile(left))
}

/// The quantile of Student's distribution that 2.5% lie above.
pub fn student_quantile(freedom: f64) -> f64 {
    let student = StudentsT::new(0.0, 1.0, freedom).expect("a freedom above zero");
    student.inverse_cdf(0.975)
}

fn standard_normal() -> Normal {
    Normal::standard()
}

/// The values' quantiles at `tail` and `1 - tail`.
pub fn percentile(values: &[f64], tail: f64) -> Option<[f64; 2]> {
    let sorted = sorted(values);
    Some([at(&sorted, tail)?, at(&sorted, 1.0 - tail)?])
}

/// The quantiles at `tail` and `1 - tail` of values with a weight each.
pub fn weighted_percentile(mut values: Vec<(f64, f64)>, tail: f64) -> Option<[f64; 2]> {
    values.retain(|(value, _)| !value.is_nan());
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = values.iter().map(|(_, weight)| weight).sum();
    let at = |share: f64| {
        let mut below = 0.0;
        let reached = values.iter().find(|(_, weight)| {
            below += weight;
            below >= share * all
        });
        reached.or(values.last()).map(|(value, _)| *value)
    };
    Some([at(tail)?, at(1.0 - tail)?])
}

/// The bias-corrected and accelerated interval (Efron 1987): quantiles shifted by how many resamples
/// lie below the estimate, and by how the estimate's spread changes with its value, from the
/// jackknife.
pub fn bca(values: &[f64], estimate: f64, jackknife: &[f64], tail: f64) -> Option<[f64; 2]> {
    let sorted = sorted(values);
    let below = sorted.iter().filter(|value| **value < estimate).count() as f64;
    let equal = sorted.iter().filter(|value| **value == estimate).count() as f64;
    let share = (below + 0.5 * equal) / sorted.len() as f64;
    if !(0.0 < share && share < 1.0) || jackknife.len() < 2 {
        return None;
    }
    let normal = standard_normal();
    let bias = normal.inverse_cdf(share);
    let acceleration = acceleration(jackknife);
    let level = |z: f64| {
        let shifted = bias + z;
        normal.cdf(bias + shifted / (1.0 - acceleration * shifted))
    };
    let z = normal.inverse_cdf(tail);
    Some([at(&sorted, level(z))?, at(&sorted, level(-z))?])
}

/// A sixth of the skewness of the jackknife's influences.
fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let sum = |power: i32| {
        jackknife
            .iter()
            .map(|v| (mean - v).powi(power))
            .sum::<f64>()
    };
    let spread = sum(2);
    if spread > 0.0 {
        (sum(3) / (6.0 * spread.powf(1.5))).clamp(-0.3, 0.3)
    } else {
        0.0
    }
}

/// Resamples are kept to six digits: an interval may miss its estimate by that, and not by more.
const ROUNDING: f64 = 1e-5;

/// An interval that holds its estimate, or none: resamples that all lie on one side of what they are to
/// surround say that something is wrong, and not where the truth lies.
pub fn holding(estimate: f64, [low, high]: [f64; 2]) -> Option<[f64; 2]> {
    let room = ROUNDING * estimate.abs();
    let holds = low - room <= estimate && estimate <= high + room;
    holds.then(|| [low.min(estimate), high.max(estimate)])
}

/// The quantile `q` of the values by linear interpolation (Hyndman and Fan 1996, type 7), or `None`
/// of no values.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    at(&sorted(values), q)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The quantile of sorted values.
fn at(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Some(if low == high {
        low
    } else {
        low + (high - low) * place.fract()
    })
}

/// As many equally spaced quantiles, from 0 to 1, of values that count by weights: of equal weights those of [`quantile`]. None of
/// no values.
pub fn quantiles(mut weighted: Vec<(f64, f64)>, count: usize) -> Vec<f64> {
    weighted.retain(|(value, _)| !value.is_nan());
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(first, _)) = weighted.first() else {
        return Vec::new();
    };
    // From one value to the next it is as far as both weigh on the mean.
    let mut place = 0.0;
    let steps = weighted.windows(2).map(|pair| {
        place += (pair[0].1 + pair[1].1) / 2.0;
        (place, pair[1].0)
    });
    let places: Vec<(f64, f64)> = [(0.0, first)].into_iter().chain(steps).collect();
    let whole = places[places.len() - 1].0;
    let value = |k: usize| {
        let wanted = whole * k as f64 / (count - 1) as f64;
        let after = places.partition_point(|(place, _)| *place < wanted);
        let (high_place, high) = places[after.min(places.len() - 1)];
        let (low_place, low) = places[after.saturating_sub(1).min(places.len() - 1)];
        if high == low || high_place == low_place {
            return high;
        }
        low + (high - low) * (wanted - low_place) / (high_place - low_place)
    };
    (0..count).map(value).collect()
}

/// Standard deviation of a sample, or `None` of fewer than two values or where it overflows.
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(variance.sqrt()).filter(|deviation| deviation.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn equal_weights_are_none() {
        let values = [3.0, -1.0, 2.5, 7.0, 0.25];
        let weighed = quantiles(values.iter().map(|it| (*it, 0.3)).collect(), 41);
        for (k, weighed) in weighed.iter().enumerate() {
            let plain = quantile(&values, k as f64 / 40.0).unwrap();
            assert!(
                (weighed - plain).abs() < 1e-12,
                "{k}: {weighed} for {plain}"
            );
        }
        assert!(quantiles(Vec::new(), 41).is_empty());
        assert_eq!(quantiles(vec![(2.0, 1.0)], 3), [2.0; 3]);
    }

    #[test]
    fn a_value_ten_times_over_counts_once_by_a_tenth() {
        let often: Vec<(f64, f64)> = vec![(5.0, 0.1); 10];
        let others = [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0), (9.0, 1.0)];
        let all = quantiles(others.into_iter().chain(often).collect(), 9);
        assert_eq!(all[0], 1.0);
        assert_eq!(all[8], 9.0);
        // The median of 1, 2, 4, 5 and 9, and not of fourteen values.
        assert!((all[4] - 4.0).abs() < 1e-12, "{all:?}");
    }

    #[test]
    fn quantiles_count_values_by_their_weights() {
        let values = vec![(3.0, 0.5), (1.0, 0.1), (2.0, 0.4)];
        assert_eq!(weighted_percentile(values, 0.2), Some([2.0, 3.0]));
        assert_eq!(weighted_percentile(Vec::new(), 0.2), None);
    }

    #[test]
    fn an_interval_holds_its_estimate_or_is_none() {
        assert_eq!(holding(2.0, [1.0, 3.0]), Some([1.0, 3.0]));
        assert_eq!(holding(2.0, [2.000_001, 3.0]), Some([2.0, 3.0]));
        assert_eq!(holding(2.0, [2.1, 3.0]), None);
        assert_eq!(holding(2.0, [f64::NAN, 3.0]), None);
    }

    #[test]
    fn deviation_of_a_sample() {
        assert_eq!(deviation(&[1.0, 3.0]), Some(2f64.sqrt()));
        assert_eq!(deviation(&[1.0]), None);
    }

    #[test]
    fn tails_are_wider_for_few_points() {
        assert!((tail(1_000_000, 5) - 0.025).abs() < 1e-4);
        // n = 10, p = 1: Phi(-sqrt(10/9) * 2.262157).
        assert!((tail(10, 1) - 0.008_551).abs() < 1e-5);
    }

    /// Without bias and skewness BCa is the percentile interval.
    #[test]
    fn symmetric_resamples_need_no_correction() {
        let values: Vec<f64> = (-500..=500).map(f64::from).collect();
        let jackknife = [-1.0, 0.0, 1.0];
        let plain = percentile(&values, 0.025).unwrap();
        let corrected = bca(&values, 0.0, &jackknife, 0.025).unwrap();
        assert!((plain[0] - corrected[0]).abs() < 1e-6 && (plain[1] - corrected[1]).abs() < 1e-6);
        // More resamples below the estimate: both ends move up.
        let moved = bca(&values, 100.0, &jackknife, 0.025).unwrap();
        assert!(moved[0] > plain[0] && moved[1] > plain[1]);
    }
}

//! Sample quantiles and spreads.

/// The quantile `q` of the values by linear interpolation (Hyndman and Fan 1996, type 7), or `None`
/// of no values.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(if low == high {
        low
    } else {
        low + (high - low) * at.fract()
    })
}

/// The interval that holds the middle 95% of the values.
pub fn middle_95(values: &[f64]) -> Option<[f64; 2]> {
    Some([quantile(values, 0.025)?, quantile(values, 0.975)?])
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
    fn deviation_of_a_sample() {
        assert_eq!(deviation(&[1.0, 3.0]), Some(2f64.sqrt()));
        assert_eq!(deviation(&[1.0]), None);
    }
}

//! The mean of ratios.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The geometric mean of ratios, and its 95% interval by their spread.
pub fn interval(ratios: &[f64]) -> [f64; 3] {
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("two rounds or more");
    let half = student.inverse_cdf(0.975) * (variance / n).sqrt();
    [mean, mean - half, mean + half].map(f64::exp)
}

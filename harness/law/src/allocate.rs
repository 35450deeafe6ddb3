//! What to train for a budget: the N and D that make a law's loss smallest at C = 6 N D.

use serde::{Deserialize, Serialize};

use crate::quantile::{deviation, middle_95};
use crate::{Fit, Form, LawError};

/// The model and the data to spend a budget on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// The budget, C = 6 N D.
    pub flops: f64,
    /// Parameters, as the fit counts them.
    pub n: f64,
    /// 95% interval of N over the resamples.
    pub n_ci95: Option<[f64; 2]>,
    /// Training tokens.
    pub d: f64,
    /// 95% interval of D over the resamples.
    pub d_ci95: Option<[f64; 2]>,
    /// Predicted loss.
    pub loss: f64,
    /// 95% interval of the predicted loss over the resamples.
    pub loss_ci95: Option<[f64; 2]>,
}

/// The exponent `a` of `N* ~ C^a`: beta / (alpha + beta).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AllocationExponent {
    /// At the optimum.
    pub a: f64,
    /// Standard error over the resamples.
    pub a_se: Option<f64>,
    /// 95% interval over the resamples.
    pub a_ci95: Option<[f64; 2]>,
}

impl AllocationExponent {
    /// The exponent of a fitted law.
    ///
    /// # Errors
    /// If the form does not trade parameters against data.
    pub fn of(fit: &Fit) -> Result<Self, LawError> {
        trades(fit)?;
        let a = |values: &[f64]| values[4] / (values[2] + values[4]);
        let drawn: Vec<f64> = fit.resamples.iter().map(|values| a(values)).collect();
        Ok(AllocationExponent {
            a: a(&fit.values()),
            a_se: deviation(&drawn),
            a_ci95: middle_95(&drawn),
        })
    }
}

/// Shares a budget of training FLOPs, C = 6 N D, between parameters and tokens.
///
/// Setting the derivative of `A N^-alpha + B (C / 6N)^-beta` to zero gives
/// `N* = (alpha A / beta B)^(1 / (alpha + beta)) (C / 6)^(beta / (alpha + beta))`
/// (Hoffmann et al. 2022, eq. 4).
///
/// # Errors
/// If the form does not trade parameters against data.
pub fn allocate(fit: &Fit, flops: f64) -> Result<Allocation, LawError> {
    trades(fit)?;
    let law = fit.form.law();
    let best = |values: &[f64]| {
        let [_, a, alpha, b, beta] = values else {
            unreachable!("chinchilla has five parameters")
        };
        let sum = alpha + beta;
        let n = (alpha * a / (beta * b)).powf(1.0 / sum) * (flops / 6.0).powf(beta / sum);
        let d = flops / (6.0 * n);
        [n, d, law.loss(values, &[n, d])]
    };
    let drawn: Vec<[f64; 3]> = fit.resamples.iter().map(|values| best(values)).collect();
    let interval =
        |index: usize| middle_95(&drawn.iter().map(|all| all[index]).collect::<Vec<_>>());
    let [n, d, loss] = best(&fit.values());
    Ok(Allocation {
        flops,
        n,
        n_ci95: interval(0),
        d,
        d_ci95: interval(1),
        loss,
        loss_ci95: interval(2),
    })
}

fn trades(fit: &Fit) -> Result<(), LawError> {
    match fit.form {
        Form::Chinchilla => Ok(()),
        form => Err(LawError::NoAllocation { form: form.name() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FitOptions, Table, fit};

    /// The closed form against a search over N.
    #[test]
    fn no_other_model_of_the_budget_is_better() {
        let mut table = Table::new(2);
        for n in [1e6, 1e7, 1e8, 1e9_f64] {
            for d in [1e8, 1e9, 1e10_f64] {
                table.push(
                    &[n, d],
                    1.8 + 480.0 * n.powf(-0.35) + 2000.0 * d.powf(-0.37),
                );
            }
        }
        let options = FitOptions {
            bootstrap: 0,
            ..FitOptions::default()
        };
        let fit = fit(Form::Chinchilla, &table, &options).unwrap();
        let flops = 1e21;
        let allocation = allocate(&fit, flops).unwrap();
        assert!((6.0 * allocation.n * allocation.d / flops - 1.0).abs() < 1e-12);
        for factor in [0.5, 0.9, 1.1, 2.0] {
            let n = allocation.n * factor;
            assert!(fit.predict(&[n, flops / (6.0 * n)]).loss > allocation.loss);
        }
        let exponent = AllocationExponent::of(&fit).unwrap();
        assert!((exponent.a - 0.37 / 0.72).abs() < 1e-6);
    }
}

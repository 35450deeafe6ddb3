//! What to train for a budget: the N and D that make a law's loss smallest at equal FLOPs.

use serde::{Deserialize, Serialize};

use crate::interval::deviation;
use crate::{Convention, Fit, Form, LawError};

/// The model and the data to spend a budget on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// The budget.
    pub flops: f64,
    /// How its FLOPs are counted.
    pub convention: String,
    /// Parameters, as the fit counts them.
    pub n: f64,
    /// 95% interval of N over the resamples.
    pub n_ci95: Option<[f64; 2]>,
    /// Training tokens.
    pub d: f64,
    /// 95% interval of D over the resamples.
    pub d_ci95: Option<[f64; 2]>,
    /// Tokens per parameter.
    pub tokens_per_parameter: f64,
    /// 95% interval of it over the resamples.
    pub tokens_per_parameter_ci95: Option<[f64; 2]>,
    /// Predicted loss.
    pub loss: f64,
    /// 95% interval of the predicted loss over the resamples.
    pub loss_ci95: Option<[f64; 2]>,
}

/// The exponent `a` of `N* ~ C^a`.
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
    /// If the form does not trade parameters against data, or the law does not fall with both.
    pub fn of(fit: &Fit, convention: &Convention) -> Result<Self, LawError> {
        let of = |values: &[f64]| Some(Optimum::of(fit.form, values, convention)?.exponent);
        trades(fit)?;
        let drawn: Vec<f64> = fit
            .resamples
            .iter()
            .filter_map(|values| of(values))
            .collect();
        Ok(AllocationExponent {
            a: of(&fit.values()).ok_or(LawError::NoOptimum)?,
            a_se: deviation(&drawn),
            a_ci95: fit.interval(&drawn),
        })
    }
}

/// Shares a budget of training FLOPs between parameters and tokens.
///
/// # Errors
/// If the form does not trade parameters against data, or the law does not fall with both.
pub fn allocate(fit: &Fit, flops: f64, convention: &Convention) -> Result<Allocation, LawError> {
    trades(fit)?;
    let best = |values: &[f64]| -> Option<[f64; 4]> {
        let n = Optimum::of(fit.form, values, convention)?.parameters(flops);
        let d = convention.tokens(flops, n);
        let x = match fit.form {
            // Fresh tokens, all of them.
            Form::DataConstrained => vec![n, d, d],
            _ => vec![n, d],
        };
        Some([n, d, d / n, fit.form.loss(values, &x)])
    };
    let drawn: Vec<[f64; 4]> = fit
        .resamples
        .iter()
        .filter_map(|values| best(values))
        .collect();
    let interval =
        |index: usize| fit.interval(&drawn.iter().map(|all| all[index]).collect::<Vec<_>>());
    let [n, d, tokens_per_parameter, loss] = best(&fit.values()).ok_or(LawError::NoOptimum)?;
    Ok(Allocation {
        flops,
        convention: convention.name.clone(),
        n,
        n_ci95: interval(0),
        d,
        d_ci95: interval(1),
        tokens_per_parameter,
        tokens_per_parameter_ci95: interval(2),
        loss,
        loss_ci95: interval(3),
    })
}

/// The power law `N* = exp(log_at_one) C^exponent` of a law's best models.
struct Optimum {
    log_at_one: f64,
    exponent: f64,
}

impl Optimum {
    /// Where the derivative by N vanishes at `D = C / (k N^p)`:
    ///
    /// - `A N^-alpha + B D^-beta` (Hoffmann et al. 2022, eq. 4, for k = 6 and p = 1):
    ///   `N^(alpha + p beta) = alpha A / (p beta B) (C/k)^beta`;
    /// - `(Nc/N)^r + Dc/D`, with `r = aN/aD` (Kaplan et al. 2020, eq. 1.5):
    ///   `N^(r + p) = r Nc^r / (p Dc) C/k`.
    ///
    /// `None` where the law does not fall with both.
    fn of(form: Form, values: &[f64], convention: &Convention) -> Option<Self> {
        let (log_k, p) = (convention.coefficient.ln(), convention.exponent);
        let optimum = match (form, values) {
            // The best model for fresh tokens is in the data-constrained law itself, for 6ND.
            (Form::DataConstrained, _) if p != 1.0 => return None,
            (Form::Chinchilla | Form::DataConstrained, [_, a, alpha, b, beta, ..])
                if *alpha > 0.0 && *beta > 0.0 =>
            {
                let sum = alpha + p * beta;
                let ratio = (alpha * a / (p * beta * b)).ln();
                Optimum {
                    log_at_one: (ratio - beta * log_k) / sum,
                    exponent: beta / sum,
                }
            }
            (Form::Kaplan, [nc, a_n, dc, a_d]) if *a_n > 0.0 && *a_d > 0.0 => {
                let r = a_n / a_d;
                let ratio = r.ln() + r * nc.ln() - p.ln() - dc.ln();
                Optimum {
                    log_at_one: (ratio - log_k) / (r + p),
                    exponent: 1.0 / (r + p),
                }
            }
            _ => return None,
        };
        let finite = optimum.log_at_one.is_finite() && optimum.exponent.is_finite();
        finite.then_some(optimum)
    }

    fn parameters(&self, flops: f64) -> f64 {
        (self.log_at_one + self.exponent * flops.ln()).exp()
    }
}

fn trades(fit: &Fit) -> Result<(), LawError> {
    match fit.form {
        Form::Chinchilla | Form::Kaplan | Form::DataConstrained => Ok(()),
        form => Err(LawError::NoAllocation { form: form.name() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FitOptions, Table, fit};

    fn fitted(form: Form, parameters: &[f64]) -> Fit {
        let mut table = Table::new(form.variables().len());
        for n in [1e6, 1e7, 1e8, 1e9_f64] {
            for d in [1e8, 1e9, 1e10_f64] {
                for unique in [d, d / 8.0, d / 64.0] {
                    let x = &[n, d, unique][..form.variables().len()];
                    table.push(x, form.loss(parameters, x));
                }
            }
        }
        let options = FitOptions {
            bootstrap: 0,
            ..FitOptions::default()
        };
        fit(form, &table, &options).unwrap()
    }

    /// The closed forms against other models of the same budget, by two conventions.
    #[test]
    fn no_other_model_of_the_budget_is_better() {
        let conventions = [
            Convention::six_n_d(),
            Convention {
                name: "attention".into(),
                coefficient: 40.0,
                exponent: 0.93,
                error: 0.0,
            },
        ];
        for (form, parameters) in [
            (Form::Chinchilla, &[1.8, 480.0, 0.35, 2000.0, 0.37][..]),
            (Form::Kaplan, &[8.8e13, 0.076, 5.4e13, 0.095]),
            (
                Form::DataConstrained,
                &[1.8, 480.0, 0.35, 2000.0, 0.37, 5.0, 15.0],
            ),
        ] {
            let fit = fitted(form, parameters);
            let known = if form == Form::DataConstrained { 1 } else { 2 };
            for convention in &conventions[..known] {
                let flops = 1e21;
                let best = allocate(&fit, flops, convention).unwrap();
                assert!((convention.flops(best.n, best.d) / flops - 1.0).abs() < 1e-12);
                for factor in [0.5, 0.9, 1.1, 2.0] {
                    let n = best.n * factor;
                    let d = convention.tokens(flops, n);
                    let x = &[n, d, d][..form.variables().len()];
                    assert!(fit.predict(x).loss > best.loss, "{form} {factor}");
                }
                // The exponent is the slope of N*.
                let more = allocate(&fit, 10.0 * flops, convention).unwrap();
                let exponent = AllocationExponent::of(&fit, convention).unwrap().a;
                assert!(((more.n / best.n).log10() - exponent).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn laws_without_a_trade_are_refused() {
        let fit = fitted(Form::Offset, &[1.8, 480.0, 0.35]);
        assert!(allocate(&fit, 1e21, &Convention::six_n_d()).is_err());
    }

    /// Counts that follow a power of N are found exactly.
    #[test]
    fn a_convention_is_found_from_counts() {
        let mut table = Table::new(2);
        let mut flops = Vec::new();
        for n in [1e6, 1e7, 1e8_f64] {
            for d in [1e9, 1e10_f64] {
                table.push(&[n, d], 3.0 - n.log10() * 0.1 - d.log10() * 0.05);
                flops.push(23.0 * n.powf(0.91) * d);
            }
        }
        let found = Convention::fitted("flops", &table, &flops).unwrap();
        assert!((found.exponent - 0.91).abs() < 1e-9 && (found.coefficient - 23.0).abs() < 1e-6);
        assert!(found.error < 1e-9);
    }
}

//! What to train for a budget: the N and D that make a law's loss smallest at equal FLOPs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::declaration::Trade;
use crate::interval::deviation;
use crate::objective::golden_section;
use crate::optimum::Optimum;
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
    /// How many times the largest N or D fitted these are, or the smallest, where they lie beyond.
    #[serde(default)]
    pub beyond: BTreeMap<String, f64>,
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
    /// Whether so many resamples have no best share that the interval has no end.
    #[serde(default)]
    pub open: bool,
}

impl AllocationExponent {
    /// The exponent of a fitted law.
    ///
    /// # Errors
    /// If the form does not trade parameters against data, or the law does not fall with both.
    pub fn of(fit: &Fit, convention: &Convention) -> Result<Self, LawError> {
        let trade = trade(fit.form)?;
        let of = |values: &Vec<f64>| Some(optimum(trade, values, convention)?.exponent);
        let drawn: Vec<f64> = fit.resamples.iter().filter_map(of).collect();
        let ends: Vec<f64> = fit.ends.iter().filter_map(of).collect();
        let a = of(&fit.values()).ok_or(LawError::NoOptimum)?;
        // Laws without a best share say nothing of where it lies: of many, the interval has no end.
        let without = fit.resamples.len() - drawn.len();
        let open = without as f64 > fit.tail() * fit.resamples.len() as f64;
        Ok(AllocationExponent {
            a,
            a_se: deviation(&drawn),
            a_ci95: fit.interval(a, &drawn, &ends).filter(|_| !open),
            open,
        })
    }

    /// Whether the data tell it: an interval over nearly all shares there are says nothing.
    pub fn is_told(&self) -> bool {
        !self.open && self.a_ci95.is_none_or(is_told)
    }
}

/// Exponents lie between nothing and one, and an interval as wide as this says nothing of them.
const TELLS_NOTHING: f64 = 0.9;

/// Whether an exponent's interval says something of it.
pub(crate) fn is_told([low, high]: [f64; 2]) -> bool {
    high - low < TELLS_NOTHING
}

/// Shares a budget of training FLOPs between parameters and tokens.
///
/// # Errors
/// If the form does not trade parameters against data, the law does not fall with both, or the best model
/// is not one whose FLOPs are known.
pub fn allocate(fit: &Fit, flops: f64, convention: &Convention) -> Result<Allocation, LawError> {
    let trade = trade(fit.form)?;
    let best = |values: &[f64]| best(fit.form, trade, values, flops, convention);
    let [n, d, tokens_per_parameter, loss] = match best(&fit.values()) {
        Best::At(all) => all,
        Best::NotCounted => {
            return Err(LawError::NotCounted {
                convention: convention.name.clone(),
                counted: convention.range().unwrap_or_default(),
            });
        }
        Best::None => return Err(LawError::NoOptimum),
    };
    let all = |laws: &[Vec<f64>]| -> (Vec<[f64; 4]>, usize) {
        let found: Vec<Best> = laws.iter().map(|values| best(values)).collect();
        let beyond = found.iter().filter(|it| !matches!(it, Best::At(_)));
        let beyond = beyond.count();
        let at = found.into_iter().filter_map(|it| match it {
            Best::At(all) => Some(all),
            _ => None,
        });
        (at.collect(), beyond)
    };
    let (drawn, beyond) = all(&fit.resamples);
    let (ends, ends_beyond) = all(&fit.ends);
    // An interval that reaches beyond what was counted, or to laws without a best share, has no end there.
    let open = ends_beyond > 0 || beyond as f64 > fit.tail() * fit.resamples.len() as f64;
    let estimates = [n, d, tokens_per_parameter, loss];
    let interval = |index: usize| {
        let of = |all: &[[f64; 4]]| all.iter().map(|all| all[index]).collect::<Vec<_>>();
        fit.interval(estimates[index], &of(&drawn), &of(&ends))
            .filter(|_| !open)
    };
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
        beyond: fit
            .beyond(&(trade.point)(n, d))
            .into_iter()
            .map(|(variable, times)| (variable.to_owned(), times))
            .collect(),
    })
}

/// What a law makes of a budget.
enum Best {
    /// N, D, tokens per parameter and loss.
    At([f64; 4]),
    /// The best N is smaller or larger than those whose FLOPs are known.
    NotCounted,
    /// The law does not fall with both.
    None,
}

fn best(form: Form, trade: &Trade, values: &[f64], flops: f64, convention: &Convention) -> Best {
    let of = |n: f64| {
        let d = convention.tokens(flops, n)?;
        Some([n, d, d / n, form.loss(values, &(trade.point)(n, d))])
    };
    let found = match convention.range() {
        // Saved before models were kept beside their power, which reaches no further than they do.
        None if convention.exponent != 1.0 => return Best::NotCounted,
        None => match optimum(trade, values, convention) {
            Some(optimum) => of(optimum.parameters(flops)),
            None => return Best::None,
        },
        Some(range) => {
            // The best by 6ND is a law's that has one at all.
            if optimum(trade, values, &Convention::six_n_d()).is_none() {
                return Best::None;
            }
            let loss = |log_n: f64| of(log_n.exp()).map_or(f64::INFINITY, |all| all[3]);
            match least(loss, range.map(f64::ln)) {
                Some(log_n) => of(log_n.exp()),
                None => return Best::NotCounted,
            }
        }
    };
    found.map_or(Best::NotCounted, Best::At)
}

/// Where a function is least within a range; `None` if that is at an end of it.
fn least(f: impl Fn(f64) -> f64, [low, high]: [f64; 2]) -> Option<f64> {
    const STEPS: usize = 40;
    let at = |step: usize| low + (high - low) * step as f64 / STEPS as f64;
    let values: Vec<f64> = (0..=STEPS).map(|step| f(at(step))).collect();
    let best = (0..=STEPS).min_by(|a, b| values[*a].total_cmp(&values[*b]))?;
    let (from, to) = (at(best.saturating_sub(1)), at((best + 1).min(STEPS)));
    let found = golden_section(&f, from, to);
    let edge = 1e-5 * (high - low);
    (found > low + edge && found < high - edge).then_some(found)
}

/// How a form shares compute.
fn trade(form: Form) -> Result<&'static Trade, LawError> {
    let trade = form.declaration().trade.as_ref();
    trade.ok_or_else(|| LawError::NoAllocation { form: form.name() })
}

/// The best N of one FLOP by the power of a way of counting, where it has one.
pub(crate) fn best_at_one(fit: &Fit, convention: &Convention) -> Option<f64> {
    let trade = trade(fit.form).ok()?;
    Some(optimum(trade, &fit.values(), convention)?.parameters(1.0))
}

fn optimum(trade: &Trade, values: &[f64], convention: &Convention) -> Option<Optimum> {
    (trade.optimum)(values, convention.coefficient.ln(), convention.exponent)
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

    /// FLOPs per token that follow another power of N, at models from 1e5 to 1e13.
    fn attention() -> Convention {
        let models = (5..=13).map(|power| 10f64.powi(power));
        Convention {
            name: "attention".into(),
            coefficient: 40.0,
            exponent: 0.93,
            error: 0.0,
            counted: models.map(|n| [n, 40.0 * n.powf(0.93)]).collect(),
        }
    }

    #[test]
    fn a_best_model_that_was_not_counted_is_refused() {
        let fit = fitted(Form::Chinchilla, &[1.8, 480.0, 0.35, 2000.0, 0.37]);
        let mut convention = attention();
        convention.counted.truncate(3);
        let refused = allocate(&fit, 1e21, &convention);
        assert!(
            matches!(refused, Err(LawError::NotCounted { .. })),
            "{refused:?}"
        );
        assert!(allocate(&fit, 1e16, &attention()).is_ok());
    }

    #[test]
    fn how_far_beyond_the_runs_is_told_by_variable() {
        let fit = fitted(Form::Chinchilla, &[1.8, 480.0, 0.35, 2000.0, 0.37]);
        let best = allocate(&fit, 1e21, &Convention::six_n_d()).unwrap();
        // The largest were 1e9 and 1e10.
        assert!((best.beyond["D"] - best.d / 1e10).abs() < 1e-9 * best.beyond["D"]);
        assert_eq!(best.beyond.contains_key("N"), best.n > 1e9);
    }

    /// The closed forms against other models of the same budget, by two conventions.
    #[test]
    fn no_other_model_of_the_budget_is_better() {
        let conventions = [Convention::six_n_d(), attention()];
        for (form, parameters) in [
            (Form::Chinchilla, &[1.8, 480.0, 0.35, 2000.0, 0.37][..]),
            (Form::Kaplan, &[8.8e13, 0.076, 5.4e13, 0.095]),
            (
                Form::DataConstrained,
                &[1.8, 480.0, 0.35, 2000.0, 0.37, 5.0, 15.0],
            ),
        ] {
            let fit = fitted(form, parameters);
            for convention in &conventions {
                let flops = 1e21;
                let best = allocate(&fit, flops, convention).unwrap();
                assert!((convention.flops(best.n, best.d).unwrap() / flops - 1.0).abs() < 1e-12);
                for factor in [0.5, 0.9, 1.1, 2.0] {
                    let n = best.n * factor;
                    let d = convention.tokens(flops, n).unwrap();
                    let x = &[n, d, d][..form.variables().len()];
                    assert!(fit.predict(x).loss > best.loss, "{form} {factor}");
                }
            }
            // The exponent is the slope of N*.
            let six = &conventions[0];
            let [best, more] = [1e21, 1e22].map(|flops| allocate(&fit, flops, six).unwrap().n);
            let exponent = AllocationExponent::of(&fit, six).unwrap().a;
            assert!(((more / best).log10() - exponent).abs() < 1e-9);
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

//! A fit as JSON, in `fits.json` and on standard output. Other people's scripts read it, so it is
//! stable: fields may be added, and none changes its meaning under one `format`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AllocationExponent, Fit, Form, Objective, Parameter};

/// A fit, and what it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitRecord {
    /// Version of this format: 1.
    pub format: u32,
    /// The law's form.
    pub form: Form,
    /// What was made small.
    #[serde(flatten)]
    pub objective: Objective,
    /// Points fitted.
    pub points: usize,
    /// Rows left out, by cell or row number, each with its reason.
    pub left_out: Vec<String>,
    /// Parameters by name.
    pub params: BTreeMap<String, f64>,
    /// Standard errors by name.
    pub se: BTreeMap<String, f64>,
    /// 95% intervals by name.
    pub ci95: BTreeMap<String, [f64; 2]>,
    /// Whether the data bound the parameter, by name.
    pub identified: BTreeMap<String, bool>,
    /// The objective at the optimum.
    pub value: f64,
    /// Relative gradient at the optimum.
    pub gradient_norm: f64,
    /// Descents made.
    pub starts: usize,
    /// Descents that ended at the optimum.
    pub starts_at_optimum: usize,
    /// Whether the optimum is a minimum.
    pub converged: bool,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// The exponent of compute-optimal parameters, where the form has one.
    pub allocation: Option<AllocationExponent>,
    /// The columns fitted: each variable's, in the form's order, and the loss's.
    pub columns: Vec<String>,
    /// Which FLOPs the fit speaks of, where it does.
    pub flops_convention: Option<String>,
    /// SHA-256 of the table fitted.
    pub table_hash: String,
    /// Smallest and largest value of each variable.
    pub range: Vec<[f64; 2]>,
    /// Parameters of every resample, in the equation's order, to six digits.
    pub resamples: Vec<Vec<f64>>,
}

/// What a fit was fitted to, beside its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    /// Rows left out, by cell or row number, each with its reason.
    pub left_out: Vec<String>,
    /// The columns fitted: each variable's, in the form's order, and the loss's.
    pub columns: Vec<String>,
    /// Which FLOPs the fit speaks of, where it does.
    pub flops_convention: Option<String>,
    /// SHA-256 of the table fitted.
    pub table_hash: String,
}

impl FitRecord {
    /// The record of a fit.
    pub fn new(fit: &Fit, provenance: Provenance) -> Self {
        fn by_name<T>(fit: &Fit, of: impl Fn(&Parameter) -> Option<T>) -> BTreeMap<String, T> {
            fit.parameters
                .iter()
                .filter_map(|parameter| Some((parameter.name.clone(), of(parameter)?)))
                .collect()
        }
        FitRecord {
            format: 1,
            form: fit.form,
            objective: fit.objective,
            points: fit.points,
            left_out: provenance.left_out,
            params: by_name(fit, |parameter| Some(parameter.value)),
            se: by_name(fit, |parameter| parameter.se),
            ci95: by_name(fit, |parameter| parameter.ci95),
            identified: by_name(fit, |parameter| parameter.identified),
            value: fit.value,
            gradient_norm: fit.gradient_norm,
            starts: fit.starts,
            starts_at_optimum: fit.starts_at_optimum,
            converged: fit.converged,
            residual: fit.residual,
            allocation: AllocationExponent::of(fit).ok(),
            columns: provenance.columns,
            flops_convention: provenance.flops_convention,
            table_hash: provenance.table_hash,
            range: fit.range.clone(),
            resamples: fit
                .resamples
                .iter()
                .map(|values| values.iter().map(|value| six_digits(*value)).collect())
                .collect(),
        }
    }

    /// The fit of a record; `None` where the record lacks one of the form's parameters.
    pub fn fit(&self) -> Option<Fit> {
        let names = self.form.law().names();
        let parameters = names.iter().map(|name| {
            Some(Parameter {
                name: (*name).to_owned(),
                value: *self.params.get(*name)?,
                se: self.se.get(*name).copied(),
                ci95: self.ci95.get(*name).copied(),
                identified: self.identified.get(*name).copied(),
            })
        });
        if self
            .resamples
            .iter()
            .any(|values| values.len() != names.len())
        {
            return None;
        }
        Some(Fit {
            form: self.form,
            objective: self.objective,
            points: self.points,
            parameters: parameters.collect::<Option<_>>()?,
            value: self.value,
            gradient_norm: self.gradient_norm,
            starts: self.starts,
            starts_at_optimum: self.starts_at_optimum,
            converged: self.converged,
            residual: self.residual,
            range: self.range.clone(),
            resamples: self.resamples.clone(),
        })
    }
}

/// Rounds to six significant digits: what a resample is good for, in a third of the bytes.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

//! A fit as JSON, in `fits.json` and on standard output. Other people's scripts read it, so it is
//! stable: fields may be added, and none changes its meaning under one `format`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::declaration::Role;
use crate::effects::RandomEffects;
use crate::identification::Identification;
use crate::{
    AllocationExponent, Convention, Fit, Form, Hidden, Holdout, Isoflop, Joint, LackOfFit,
    Objective, Parameter, Pattern,
};

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
    /// Between what parameters were kept, by name.
    #[serde(default)]
    pub bounds: BTreeMap<String, [Option<f64>; 2]>,
    /// Points fitted.
    pub points: usize,
    /// What the bootstrap drew: points, or groups of them.
    #[serde(default)]
    pub units: usize,
    /// Rows left out, by cell or row number, each with its reason.
    pub left_out: Vec<String>,
    /// Parameters by name.
    pub params: BTreeMap<String, f64>,
    /// Standard errors by name.
    pub se: BTreeMap<String, f64>,
    /// 95% intervals by name: the ones to quote. Bias-corrected and accelerated; the profile's, where the
    /// resamples pile up at a boundary.
    pub ci95: BTreeMap<String, [f64; 2]>,
    /// 95% percentile intervals by name.
    #[serde(default)]
    pub percentile95: BTreeMap<String, [f64; 2]>,
    /// 95% intervals by profile likelihood, by name; an end that the data do not bound is null.
    #[serde(default)]
    pub profile95: BTreeMap<String, [Option<f64>; 2]>,
    /// Whether the data bound the parameter, by name.
    pub identified: BTreeMap<String, bool>,
    /// On which side the data do not bound it, by name.
    #[serde(default)]
    pub verdict: BTreeMap<String, Identification>,
    /// What kind of run would bound it, where these do not, by name.
    #[serde(default)]
    pub advice: BTreeMap<String, String>,
    /// The objective at the optimum.
    pub value: f64,
    /// Relative gradient at the optimum.
    pub gradient_norm: f64,
    /// Descents made.
    pub starts: usize,
    /// Descents that ended at the optimum.
    pub starts_at_optimum: usize,
    /// The objective at the next best minimum, where there is another.
    #[serde(default)]
    pub next_minimum: Option<f64>,
    /// Whether the optimum is a minimum.
    pub converged: bool,
    /// Why it is none.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Why there are no intervals, where there are too few points or groups for any.
    #[serde(default)]
    pub no_intervals: Option<String>,
    /// Root mean square of the log residuals.
    pub residual: f64,
    /// Equally spaced quantiles, 0 to 1, of log measured over predicted loss.
    #[serde(default)]
    pub noise: Vec<f64>,
    /// How replicates scatter, and their cells, where runs count by that.
    #[serde(default)]
    pub effects: Option<RandomEffects>,
    /// What runs that repeat say of the law.
    #[serde(default)]
    pub lack_of_fit: Option<LackOfFit>,
    /// Where residuals run in a pattern, the surest first.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// The fit that this is a part of, where several groups of rows were fitted at once: `value`, `starts` and `aicc` are
    /// those of all groups.
    #[serde(default)]
    pub joint: Option<Joint>,
    /// The standard error that the losses share, as all runs were scored on the same text: the floor's error and intervals
    /// hold it.
    #[serde(default)]
    pub common_se: Option<f64>,
    /// Akaike's criterion, corrected for few points.
    #[serde(default)]
    pub aicc: Option<f64>,
    /// The exponent of compute-optimal parameters, where the form has one.
    pub allocation: Option<AllocationExponent>,
    /// The columns fitted: each variable's, in the form's order, and the loss's.
    pub columns: Vec<String>,
    /// By which FLOPs `allocation` is best, where the form has one.
    pub flops_convention: Option<String>,
    /// Every way of counting FLOPs that the table has, that one first.
    #[serde(default)]
    pub conventions: Vec<Convention>,
    /// What the table was filtered by.
    #[serde(rename = "where", default)]
    pub filter: Option<String>,
    /// The column and the value whose rows these are, of a fit per value.
    #[serde(default)]
    pub by: Option<[String; 2]>,
    /// The column that is predicted in the place of the loss, of a fit per column.
    #[serde(default)]
    pub target: Option<String>,
    /// How many rows became how many points, and by what, where several became one.
    #[serde(default)]
    pub reduced: Option<String>,
    /// How the form does on the largest runs, fitted to the others.
    #[serde(default)]
    pub holdout: Option<HoldoutRecord>,
    /// Why it is not scored on hidden runs, where it was to be if it could.
    #[serde(default)]
    pub not_scored: Option<String>,
    /// SHA-256 of the table fitted.
    pub table_hash: String,
    /// Smallest and largest value of each variable.
    pub range: Vec<[f64; 2]>,
    /// Parameters of every resample, in the equation's order, to six digits.
    pub resamples: Vec<Vec<f64>>,
    /// Resamples whose refit did not converge, and which are not among these.
    #[serde(default)]
    pub failed_resamples: usize,
    /// The parameters at the ends of the profile of each parameter whose resamples pile up at a boundary.
    #[serde(default)]
    pub ends: Vec<Vec<f64>>,
}

/// What a fit was fitted to, beside its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    /// Rows left out, by cell or row number, each with its reason.
    pub left_out: Vec<String>,
    /// The columns fitted: each variable's, in the form's order, and the loss's.
    pub columns: Vec<String>,
    /// Every way of counting FLOPs that the table has, the one that the fit speaks of first.
    pub conventions: Vec<Convention>,
    /// What the table was filtered by.
    pub filter: Option<String>,
    /// The column and the value whose rows these are, of a fit per value.
    pub by: Option<[String; 2]>,
    /// The column that is predicted in the place of the loss, of a fit per column.
    pub target: Option<String>,
    /// SHA-256 of the table fitted.
    pub table_hash: String,
    /// How many rows became how many points, and by what, where several became one.
    pub reduced: Option<String>,
}

/// A form scored on hidden runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldoutRecord {
    /// Root mean square of the log errors on them.
    pub error: f64,
    /// Mean of the log errors on them; above zero where the law says too much.
    pub bias: f64,
    /// Hidden runs whose loss lies in its interval.
    pub inside: usize,
    /// What was hidden: points, or groups of them; fits of older versions do not say.
    #[serde(default)]
    pub units: usize,
    /// In how many steps they were foretold, each from all smaller runs; fits of older versions do not say, and it was one.
    #[serde(default)]
    pub origins: usize,
    /// The runs, largest first.
    pub hidden: Vec<Hidden>,
}

impl HoldoutRecord {
    /// The scores.
    pub fn new(holdout: Holdout) -> Self {
        HoldoutRecord {
            error: holdout.error,
            bias: holdout.bias,
            inside: holdout.inside,
            units: holdout.units,
            origins: holdout.origins,
            hidden: holdout.hidden,
        }
    }
}

/// Slices of equal compute and what they were cut from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IsoflopRecord {
    /// Version of this format: 1.
    pub format: u32,
    /// `isoflop`.
    pub form: String,
    /// Points in all slices.
    pub points: usize,
    /// Rows left out, by cell or row number, each with its reason.
    pub left_out: Vec<String>,
    /// The minima, the laws through them, and what gave none.
    #[serde(flatten)]
    pub isoflop: Isoflop,
    /// The columns read: N's, D's, the FLOPs' and the loss's.
    pub columns: Vec<String>,
    /// What the table was filtered by.
    #[serde(rename = "where", default)]
    pub filter: Option<String>,
    /// The column and the value whose rows these are, of a fit per value.
    #[serde(default)]
    pub by: Option<[String; 2]>,
    /// The column that is predicted in the place of the loss, of a fit per column.
    #[serde(default)]
    pub target: Option<String>,
    /// How many rows became how many points, and by what, where several became one.
    #[serde(default)]
    pub reduced: Option<String>,
    /// SHA-256 of the table fitted.
    pub table_hash: String,
}

impl IsoflopRecord {
    /// The record of a table's slices.
    pub fn new(isoflop: Isoflop, points: usize, provenance: Provenance) -> Self {
        IsoflopRecord {
            format: 1,
            form: "isoflop".to_owned(),
            points,
            left_out: provenance.left_out,
            isoflop,
            columns: provenance.columns,
            filter: provenance.filter,
            by: provenance.by,
            target: provenance.target,
            reduced: provenance.reduced,
            table_hash: provenance.table_hash,
        }
    }
}

/// An entry of `fits.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Record {
    /// A fitted law.
    Law(Box<FitRecord>),
    /// Slices of equal compute.
    Isoflop(Box<IsoflopRecord>),
}

impl Record {
    /// Whether its numbers are those of a minimum.
    pub fn converged(&self) -> bool {
        self.law().is_none_or(|law| law.converged)
    }

    /// SHA-256 of the table that it was fitted to.
    pub fn table_hash(&self) -> &str {
        match self {
            Record::Law(record) => &record.table_hash,
            Record::Isoflop(record) => &record.table_hash,
        }
    }

    /// The fitted law, where it is one.
    pub fn law(&self) -> Option<&FitRecord> {
        match self {
            Record::Law(record) => Some(record),
            Record::Isoflop(_) => None,
        }
    }
}

impl FitRecord {
    /// Whether its residuals are of losses, and not of their logarithms.
    pub fn is_of_values(&self) -> bool {
        matches!(self.form, Form::Written(_)) && self.objective.is_of_values()
    }

    /// The record of a fit.
    pub fn new(fit: &Fit, provenance: Provenance) -> Self {
        fn by_name<T>(fit: &Fit, of: impl Fn(&Parameter) -> Option<T>) -> BTreeMap<String, T> {
            fit.parameters
                .iter()
                .filter_map(|parameter| Some((parameter.name.clone(), of(parameter)?)))
                .collect()
        }
        let convention = provenance.conventions.first();
        let allocation =
            convention.and_then(|convention| AllocationExponent::of(fit, convention).ok());
        FitRecord {
            format: 1,
            form: fit.form,
            objective: fit.objective,
            bounds: fit.bounds.clone(),
            points: fit.points,
            units: fit.units,
            left_out: provenance.left_out,
            params: by_name(fit, |parameter| Some(parameter.value)),
            se: by_name(fit, |parameter| parameter.se),
            ci95: by_name(fit, |parameter| parameter.ci95),
            percentile95: by_name(fit, |parameter| parameter.percentile95),
            profile95: by_name(fit, |parameter| parameter.profile95),
            identified: by_name(fit, Parameter::identified),
            verdict: by_name(fit, |parameter| parameter.verdict),
            advice: by_name(fit, |parameter| parameter.advice.clone()),
            value: fit.value,
            gradient_norm: fit.gradient_norm,
            starts: fit.starts,
            starts_at_optimum: fit.starts_at_optimum,
            next_minimum: fit.next_minimum,
            converged: fit.converged,
            trouble: fit.trouble.clone(),
            no_intervals: fit.no_intervals.clone(),
            residual: fit.residual,
            noise: fit.noise.iter().map(|value| six_digits(*value)).collect(),
            effects: fit.effects,
            lack_of_fit: fit.lack_of_fit,
            patterns: fit.patterns.clone(),
            joint: fit.joint.clone(),
            common_se: None,
            aicc: fit.aicc,
            flops_convention: allocation
                .and(convention)
                .map(|convention| convention.name.clone()),
            allocation,
            columns: provenance.columns,
            conventions: provenance.conventions,
            filter: provenance.filter,
            by: provenance.by,
            target: provenance.target,
            reduced: provenance.reduced,
            holdout: None,
            not_scored: None,
            table_hash: provenance.table_hash,
            range: fit.range.clone(),
            resamples: rounded(&fit.resamples),
            failed_resamples: fit.failed_resamples,
            ends: rounded(&fit.ends),
        }
    }

    /// The record of losses that all share an error of this size, since the runs were scored on the same text: no spread
    /// between runs shows it, and it moves the floor.
    pub fn with_common_error(mut self, se: f64) -> Self {
        /// The normal quantile that 2.5% lie above.
        const Z: f64 = 1.959_963_984_540_054;
        let mut moved = false;
        let roles = self.form.parameters().iter().zip(self.form.roles());
        for (name, _) in roles.filter(|(_, role)| **role == Role::Floor) {
            let Some(value) = self.params.get(*name).copied() else {
                continue;
            };
            if self.verdict.get(*name) == Some(&Identification::Fixed) {
                continue;
            }
            moved = true;
            // What ends at nothing does so whatever the text.
            let wider = |end: f64, side: f64| {
                if end == 0.0 {
                    return end;
                }
                let moved = value + side * (end - value).hypot(Z * se);
                if value >= 0.0 { moved.max(0.0) } else { moved }
            };
            if let Some(own) = self.se.get_mut(*name) {
                *own = own.hypot(se);
            }
            for ends in [&mut self.ci95, &mut self.percentile95] {
                if let Some([low, high]) = ends.get_mut(*name) {
                    (*low, *high) = (wider(*low, -1.0), wider(*high, 1.0));
                }
            }
            if let Some([low, high]) = self.profile95.get_mut(*name) {
                *low = low.map(|low| wider(low, -1.0));
                *high = high.map(|high| wider(high, 1.0));
            }
        }
        self.common_se = moved.then_some(se);
        self
    }

    /// The fit of a record; `None` where the record lacks one of the form's parameters.
    pub fn fit(&self) -> Option<Fit> {
        let names = self.form.parameters();
        let parameters = names.iter().map(|name| {
            Some(Parameter {
                name: (*name).to_owned(),
                value: *self.params.get(*name)?,
                se: self.se.get(*name).copied(),
                ci95: self.ci95.get(*name).copied(),
                percentile95: self.percentile95.get(*name).copied(),
                profile95: self.profile95.get(*name).copied(),
                verdict: self.verdict.get(*name).copied(),
                advice: self.advice.get(*name).cloned(),
            })
        });
        let mut laws = self.resamples.iter().chain(&self.ends);
        if laws.any(|values| values.len() != names.len()) {
            return None;
        }
        Some(Fit {
            form: self.form,
            objective: self.objective,
            bounds: self.bounds.clone(),
            points: self.points,
            units: self.units,
            parameters: parameters.collect::<Option<_>>()?,
            value: self.value,
            gradient_norm: self.gradient_norm,
            starts: self.starts,
            starts_at_optimum: self.starts_at_optimum,
            next_minimum: self.next_minimum,
            converged: self.converged,
            trouble: self.trouble.clone(),
            no_intervals: self.no_intervals.clone(),
            residual: self.residual,
            noise: self.noise.clone(),
            effects: self.effects,
            lack_of_fit: self.lack_of_fit,
            patterns: self.patterns.clone(),
            joint: self.joint.clone(),
            aicc: self.aicc,
            range: self.range.clone(),
            resamples: self.resamples.clone(),
            failed_resamples: self.failed_resamples,
            ends: self.ends.clone(),
        })
    }
}

fn rounded(laws: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let round = |values: &Vec<f64>| values.iter().map(|value| six_digits(*value)).collect();
    laws.iter().map(round).collect()
}

/// Rounds to six significant digits: what a resample is good for, in a third of the bytes.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

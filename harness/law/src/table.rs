//! The points a law is fitted to.

use std::collections::HashMap;

use crate::{LawError, Objective};

/// One measured loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// The law's variables.
    pub x: &'a [f64],
    /// The loss measured there.
    pub loss: f64,
    /// The loss's standard error, where it is known; points then count by its inverse square.
    pub se: Option<f64>,
    /// Which points belong to one run, and are drawn together by the bootstrap.
    pub group: Option<u64>,
}

/// Points: the variables of a law and the loss measured there. Points that no law can use are left
/// out and kept account of: those of which a number is missing (NaN), infinite, or not above zero.
#[derive(Debug, Clone, Default)]
pub struct Table {
    variables: usize,
    /// Which variables are kept as they are.
    plain: Vec<bool>,
    /// Whether losses are kept as they are.
    of_values: bool,
    /// Natural logarithms of the variables, or these themselves, point after point.
    log_x: Vec<f64>,
    /// Natural logarithms of the losses, or these themselves.
    log_loss: Vec<f64>,
    /// Standard errors of the losses.
    se: Vec<Option<f64>>,
    group: Vec<Option<u64>>,
    /// The order in which each was pushed, from 0.
    pushed_as: Vec<usize>,
    left_out: Vec<usize>,
    pushed: usize,
}

impl Table {
    /// A table of laws of `variables` variables.
    pub fn new(variables: usize) -> Self {
        Table {
            variables,
            plain: vec![false; variables],
            ..Table::default()
        }
    }

    /// A table of a written law, whose variables may be zero or negative where `plain` says so, and its losses where
    /// residuals are `of_values` and not of their logarithms.
    pub fn of_equation(plain: &[bool], of_values: bool) -> Self {
        Table {
            plain: plain.to_vec(),
            of_values,
            ..Table::new(plain.len())
        }
    }

    /// Whether residuals are of losses and not of their logarithms.
    pub(crate) fn is_of_values(&self) -> bool {
        self.of_values
    }

    /// An objective, on the residuals that the table is kept for.
    pub(crate) fn objective(&self, asked: Objective) -> Objective {
        if self.of_values {
            asked.of_values()
        } else {
            asked
        }
    }

    /// Which variables are kept as they are, and not by their logarithms.
    pub(crate) fn plain(&self) -> &[bool] {
        &self.plain
    }

    fn kept(value: f64, plain: bool) -> f64 {
        if plain { value } else { value.ln() }
    }

    fn given(kept: f64, plain: bool) -> f64 {
        if plain { kept } else { kept.exp() }
    }

    /// Adds a point of which nothing more is known.
    ///
    /// # Panics
    /// If `x` has another number of variables than the table.
    pub fn push(&mut self, x: &[f64], loss: f64) {
        self.push_point(Point {
            x,
            loss,
            se: None,
            group: None,
        });
    }

    /// Adds a point.
    ///
    /// # Panics
    /// If the point has another number of variables than the table.
    pub fn push_point(&mut self, point: Point) {
        assert_eq!(
            point.x.len(),
            self.variables,
            "a point has the table's variables"
        );
        let usable = |value: f64, plain: bool| value.is_finite() && (plain || value > 0.0);
        let mut variables = point.x.iter().zip(&self.plain);
        if variables.all(|(value, plain)| usable(*value, *plain))
            && usable(point.loss, self.of_values)
            && point.se.is_none_or(|se| usable(se, false))
        {
            let variables = point.x.iter().zip(&self.plain);
            self.log_x
                .extend(variables.map(|(value, plain)| Self::kept(*value, *plain)));
            self.log_loss.push(Self::kept(point.loss, self.of_values));
            self.se.push(point.se);
            self.group.push(point.group);
            self.pushed_as.push(self.pushed);
        } else {
            self.left_out.push(self.pushed);
        }
        self.pushed += 1;
    }

    /// Usable points.
    pub fn len(&self) -> usize {
        self.log_loss.len()
    }

    /// How many runs the usable points are: points of one group are one.
    pub fn runs(&self) -> usize {
        self.units().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.log_loss.is_empty()
    }

    /// Points left out, by the order in which they were pushed, from 0.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// The order in which each usable point was pushed, from 0.
    pub fn pushed_as(&self) -> &[usize] {
        &self.pushed_as
    }

    /// Variables of a point.
    pub fn variables(&self) -> usize {
        self.variables
    }

    /// The variables of a usable point.
    pub fn x(&self, point: usize) -> Vec<f64> {
        let kept = self.log_x(point).iter().zip(&self.plain);
        kept.map(|(kept, plain)| Self::given(*kept, *plain))
            .collect()
    }

    /// The loss of a usable point.
    pub fn loss(&self, point: usize) -> f64 {
        Self::given(self.log_loss[point], self.of_values)
    }

    /// The usable points at these places, as a table of their own.
    pub fn select(&self, places: &[usize]) -> Table {
        let mut table = Table::of_equation(&self.plain, self.of_values);
        for &point in places {
            table.log_x.extend_from_slice(self.log_x(point));
            table.log_loss.push(self.log_loss[point]);
            table.se.push(self.se[point]);
            table.group.push(self.group[point]);
            table.pushed_as.push(self.pushed_as[point]);
        }
        table.pushed = self.pushed;
        table
    }

    /// The usable points of several tables of the same kind, one after the other, each by itself.
    pub(crate) fn pooled(tables: &[&Table]) -> Table {
        let mut pooled = Table::of_equation(&tables[0].plain, tables[0].of_values);
        for table in tables {
            pooled.log_x.extend_from_slice(&table.log_x);
            pooled.log_loss.extend_from_slice(&table.log_loss);
            pooled.se.extend_from_slice(&table.se);
        }
        pooled.pushed = pooled.log_loss.len();
        pooled.pushed_as = (0..pooled.pushed).collect();
        pooled.group = vec![None; pooled.pushed];
        pooled
    }

    pub(crate) fn log_x(&self, point: usize) -> &[f64] {
        &self.log_x[point * self.variables..(point + 1) * self.variables]
    }

    /// How many usable points have a standard error.
    pub(crate) fn with_errors(&self) -> usize {
        self.se.iter().flatten().count()
    }

    pub(crate) fn log_loss(&self, point: usize) -> f64 {
        self.log_loss[point]
    }

    pub(crate) fn se(&self, point: usize) -> Option<f64> {
        self.se[point]
    }

    /// What is drawn together: points of one group, or each point by itself.
    pub(crate) fn units(&self) -> Vec<Vec<usize>> {
        let mut of_group: HashMap<u64, usize> = HashMap::new();
        let mut units: Vec<Vec<usize>> = Vec::new();
        for (point, group) in self.group.iter().enumerate() {
            let unit = group.map(|group| *of_group.entry(group).or_insert(units.len()));
            match unit {
                Some(unit) if unit < units.len() => units[unit].push(point),
                _ => units.push(vec![point]),
            }
        }
        units
    }

    /// How much each point counts: the inverse square of its standard error, in the objective's
    /// residuals, with a mean of one.
    pub(crate) fn weights(&self, objective: Objective) -> Result<Vec<f64>, LawError> {
        let known = self.with_errors();
        if known == 0 {
            return Ok(vec![1.0; self.len()]);
        }
        if known < self.len() {
            return Err(LawError::SomeErrors {
                known,
                points: self.len(),
            });
        }
        let raw: Vec<f64> = (0..self.len())
            .map(|point| {
                let se = self.se[point].unwrap_or(1.0);
                match objective {
                    Objective::Lsq | Objective::Huber { .. } => se.powi(-2),
                    _ => (se / self.loss(point)).powi(-2),
                }
            })
            .collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        // Errors whose squares over- or underflow leave nothing to weigh by.
        let weights: Vec<f64> = raw.iter().map(|weight| weight / mean).collect();
        if weights
            .iter()
            .all(|weight| weight.is_finite() && *weight > 0.0)
        {
            Ok(weights)
        } else {
            Err(LawError::UselessErrors)
        }
    }

    /// Mean logarithm of every variable.
    pub(crate) fn centre(&self) -> Vec<f64> {
        let n = self.len() as f64;
        let mean = |v: usize| {
            (0..self.len())
                .map(|point| self.log_x(point)[v])
                .sum::<f64>()
                / n
        };
        let centre = |v: usize| if self.plain[v] { 0.0 } else { mean(v) };
        (0..self.variables).map(centre).collect()
    }

    /// How many different values a variable takes, to nine digits.
    pub(crate) fn distinct(&self, variable: usize) -> usize {
        let mut values: Vec<f64> = (0..self.len())
            .map(|point| self.log_x(point)[variable])
            .collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| (*a - *b).abs() <= 1e-9);
        values.len()
    }

    /// Smallest and largest value of a variable.
    pub(crate) fn range(&self, variable: usize) -> [f64; 2] {
        let plain = self.plain[variable];
        let values = (0..self.len()).map(|point| Self::given(self.log_x(point)[variable], plain));
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
            [low.min(value), high.max(value)]
        })
    }

    /// The smallest loss.
    pub(crate) fn least_loss(&self) -> f64 {
        let least = self.log_loss.iter().copied().fold(f64::INFINITY, f64::min);
        Self::given(least, self.of_values)
    }
}

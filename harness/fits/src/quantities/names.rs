//! Which columns hold what a law needs.

use isoflop_law::Form;
use isoflop_ledger::Columns;

use super::units::unit;
use super::{NoQuantity, Quantity, QuantitySource};
use crate::FitsError;

/// Columns named by flags or by a definition.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Parameters.
    pub n: Option<String>,
    /// Training tokens.
    pub d: Option<String>,
    /// Training FLOPs; of N, D and C any two give the third by C = 6ND.
    pub c: Option<String>,
    /// The variable of a law of one variable.
    pub x: Option<String>,
    /// Loss.
    pub loss: Option<String>,
    /// Standard error of the loss, by which rows count: a column, or one number for all.
    pub se: Option<String>,
    /// Width of the model.
    pub width: Option<String>,
    /// Depth of the model.
    pub depth: Option<String>,
    /// Unique tokens, where tokens repeat.
    pub unique: Option<String>,
    /// Rows that share a value are one run, and drawn together by the bootstrap.
    pub group: Option<String>,
}

impl Names {
    fn named(&self, quantity: Quantity) -> Option<&str> {
        match quantity {
            Quantity::Parameters => self.n.as_deref(),
            Quantity::Tokens => self.d.as_deref(),
            Quantity::Flops => self.c.as_deref(),
            Quantity::UniqueTokens => self.unique.as_deref(),
            Quantity::Width => self.width.as_deref(),
            Quantity::Depth => self.depth.as_deref(),
            Quantity::Loss => self.loss.as_deref(),
        }
    }

    /// What is named for a quantity, or the first column with a usual name and numbers.
    ///
    /// # Errors
    /// If what is named is neither a column nor an expression of columns.
    fn given(
        &self,
        columns: &Columns,
        quantity: Quantity,
    ) -> Result<Option<QuantitySource>, FitsError> {
        if let Some(name) = self.named(quantity) {
            return QuantitySource::named(name, columns, quantity).map(Some);
        }
        let present = columns.names();
        let usual = |name: &str| {
            quantity
                .usual()
                .iter()
                .position(|usual| plain(name) == *usual)
        };
        // The whole name before what is left of it without its unit or the group that it is in.
        let rank = |name: &&String| {
            let (bare, _) = unit(name);
            let last = name.rsplit(['.', '/']).next().unwrap_or_default();
            let (bare_last, _) = unit(last);
            let whole = usual(name).map(|at| (0, at));
            whole
                .or_else(|| usual(&bare).map(|at| (1, at)))
                .or_else(|| usual(last).map(|at| (2, at)))
                .or_else(|| usual(&bare_last).map(|at| (3, at)))
        };
        let mut ranked: Vec<((i32, usize), &String)> = present
            .iter()
            .filter_map(|name| Some((rank(&name)?, name)))
            .collect();
        ranked.sort();
        let filled = |name: &String| {
            let numbers = columns.numbers(name).ok()?;
            Some(numbers.iter().flatten().count())
        };
        let usable: Vec<(&String, usize)> = ranked
            .iter()
            .filter_map(|(_, name)| Some((*name, filled(name)?)))
            .collect();
        // A column that hardly any row has is not what a likelier name stands for.
        let most = usable.iter().map(|(_, filled)| *filled).max().unwrap_or(0);
        let found = usable.iter().find(|(_, filled)| 2 * filled >= most);
        Ok(found.map(|(name, _)| QuantitySource::of((*name).clone(), quantity)))
    }

    /// Where a form's variables come from, in its order.
    ///
    /// # Errors
    /// If one is in no column and does not follow from others.
    pub fn variables(
        &self,
        columns: &Columns,
        form: Form,
    ) -> Result<Vec<QuantitySource>, FitsError> {
        self.variables_of(columns, form, &[])
    }

    /// Where a form's variables come from, in its order, in a table that may have the columns to which a law
    /// was `fitted`.
    ///
    /// # Errors
    /// If one is in no column and does not follow from others.
    pub(crate) fn variables_of(
        &self,
        columns: &Columns,
        form: Form,
        fitted: &[String],
    ) -> Result<Vec<QuantitySource>, FitsError> {
        let variables = form.variables().iter().enumerate();
        variables
            .map(|(at, variable)| {
                let quantity = Quantity::of_letter(variable);
                let flagged = quantity.is_some_and(|it| self.named(it).is_some());
                if matches!(form, Form::Written(_)) && columns.has(variable) && !flagged {
                    return QuantitySource::expressed(variable, columns);
                }
                let named = match quantity {
                    Some(quantity) => self.named(quantity),
                    None if *variable == "x" => self.x.as_deref(),
                    None => Some(*variable),
                };
                let before = fitted.get(at).filter(|_| named.is_none());
                let before = before.and_then(|text| QuantitySource::expressed(text, columns).ok());
                match (before, quantity, named) {
                    (Some(source), ..) => Ok(source),
                    (None, Some(quantity), _) => self.source(columns, quantity),
                    (None, None, Some(x)) => QuantitySource::expressed(x, columns),
                    (None, None, None) => Err(NoQuantity::no_x(form, columns).into()),
                }
            })
            .collect::<Result<Vec<_>, FitsError>>()
            .and_then(|sources| apart(form, sources))
    }

    /// Where a quantity comes from: its column, or `C = 6 N D`.
    ///
    /// # Errors
    /// If it is in no column and does not follow from others.
    pub fn source(
        &self,
        columns: &Columns,
        quantity: Quantity,
    ) -> Result<QuantitySource, FitsError> {
        if let Some(given) = self.given(columns, quantity)? {
            return Ok(given);
        }
        let other = |quantity| self.given(columns, quantity);
        let [n, d, c] = [Quantity::Parameters, Quantity::Tokens, Quantity::Flops].map(other);
        let derived = match quantity {
            Quantity::Parameters => QuantitySource::over_six(c?, d?),
            Quantity::Tokens => QuantitySource::over_six(c?, n?),
            Quantity::Flops => QuantitySource::six_times(n?, d?),
            _ => None,
        };
        derived.ok_or_else(|| NoQuantity::new(quantity, columns).into())
    }
}

/// Sources of which no two are one column.
fn apart(form: Form, sources: Vec<QuantitySource>) -> Result<Vec<QuantitySource>, FitsError> {
    for (at, source) in sources.iter().enumerate() {
        if let Some(before) = sources[..at].iter().position(|it| it == source) {
            return Err(FitsError::SameColumn {
                variables: [before, at].map(|at| form.variables()[at]),
                column: source.to_string(),
            });
        }
    }
    Ok(sources)
}

fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric());
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

//! What looks wrong about the columns that a law is fitted to, to be said aloud.

use isoflop_law::Form;
use isoflop_ledger::Columns;

use crate::{FitsError, Names, Quantity, QuantitySource};

/// Models have more parameters than this.
const FEWEST_PARAMETERS: f64 = 1000.0;

impl Names {
    /// Doubts about the columns of a form's variables.
    ///
    /// # Errors
    /// If a variable is in no column and does not follow from others.
    pub fn doubts(&self, columns: &Columns, form: Form) -> Result<Vec<String>, FitsError> {
        let sources = self.variables(columns, form)?;
        let mut doubts = Vec::new();
        for (variable, source) in form.variables().iter().zip(&sources) {
            let quantity = match *variable {
                "N" => Quantity::Parameters,
                "D" => Quantity::Tokens,
                _ => continue,
            };
            if source.is_derived() {
                doubts.extend(derived(columns, variable, quantity, source));
            }
            if quantity == Quantity::Parameters {
                doubts.extend(small(columns, source)?);
            }
        }
        Ok(doubts)
    }
}

/// A variable that follows from others although a column looks as if it held it.
fn derived(
    columns: &Columns,
    variable: &str,
    quantity: Quantity,
    source: &QuantitySource,
) -> Option<String> {
    let stem = match quantity {
        Quantity::Parameters => "param",
        _ => "token",
    };
    let present = columns.names();
    let like = present
        .iter()
        .find(|name| name.to_lowercase().contains(stem))?;
    let why = match columns.numbers(like) {
        Ok(_) => format!("if `{like}` is it, give `{} {like}`", quantity.flag()),
        Err(error) => error.to_string(),
    };
    Some(format!("{variable} is taken to be {source}: {why}"))
}

/// Parameters that are so few that they may be counted in millions.
fn small(columns: &Columns, source: &QuantitySource) -> Result<Option<String>, FitsError> {
    let numbers = source.numbers(columns)?;
    let most = numbers.into_iter().flatten().fold(0.0, f64::max);
    Ok((most > 0.0 && most < FEWEST_PARAMETERS).then(|| {
        format!(
            "the largest model has {most} parameters by {source}: if they are millions, name the column \
             so that it says so, as `params_m`"
        )
    }))
}

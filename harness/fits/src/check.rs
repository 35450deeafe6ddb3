//! Laws that could not be fitted are refused before anything is trained.

use isoflop_ledger::{CellRecord, Columns, planned_table};
use isoflop_suite::{Definition, DefinitionError, FitDefinition, Plan, slips};
use toml::Spanned;

use crate::{Asked, FitsError, Rows};

/// Refuses laws of a definition that could not be fitted when its cells are done.
///
/// # Errors
/// If a form, an objective or a column is not known, or the cells are too few or too alike for a law;
/// the error names the line.
pub fn check_fits(definition: &Definition, plan: &Plan) -> Result<(), FitsError> {
    let cells = plan.cells.iter();
    let records = cells.map(|it| CellRecord::new(it.cell.clone(), it.flops_budget));
    let columns = Columns::new(planned_table(&records.collect::<Vec<_>>())?);
    for wanted in &definition.fits {
        let asked = Asked::of(definition, wanted)?;
        let fit = wanted.get_ref();
        check_columns(definition, fit, &columns)?;
        if let (Some(filter), Some(text)) = (&asked.filter, &fit.filter) {
            let kept = filter.keeps(&columns);
            kept.map_err(|error| definition.error_at(text.span(), error.to_string(), None))?;
        }
        // What a filter keeps may depend on losses, which are not known yet.
        let rows = Rows::of(&columns, "", None)?;
        if let Err(error) = rows.possible(&asked.choice) {
            let message = format!("this law could not be fitted: {error}");
            return Err(definition.error_at(fit.form.span(), message, None).into());
        }
    }
    Ok(())
}

fn check_columns(
    definition: &Definition,
    fit: &FitDefinition,
    columns: &Columns,
) -> Result<(), DefinitionError> {
    let missing = |column: &Spanned<String>, there: &[String], of: &str| {
        let name = column.get_ref();
        let near = slips::nearest(name, there.iter().map(String::as_str));
        let help = near.map_or_else(
            || format!("the columns{of} are {}", there.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("`cells.parquet` has no column `{name}`{of}");
        Err(definition.error_at(column.span(), message, Some(help)))
    };
    for column in [&fit.x, &fit.n, &fit.d].into_iter().flatten() {
        if columns.numbers(column.get_ref()).is_err() {
            return missing(column, &columns.number_names(), " of numbers");
        }
    }
    for column in [&fit.group, &fit.by].into_iter().flatten() {
        if !columns.has(column.get_ref()) {
            return missing(column, &columns.names(), "");
        }
    }
    Ok(())
}

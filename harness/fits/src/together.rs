//! One law fitted to several parts of a table at once.

use isoflop_law::{FitRecord, Form, Record, Table, fit_together as fit_tables};

use crate::points::Points;
use crate::rows::growing;
use crate::{Choice, FitsError, Hide, Rows, Shape};

/// Fits a law to rows that differ in the value of a column, or in what is predicted, with the parameters of these names the
/// same for all of them: a record for each part.
///
/// # Errors
/// If a column is missing, the law has no such parameter, or the rows cannot be fitted.
pub fn fit_together(
    parts: &[Rows],
    choice: &Choice,
    shared: &[String],
) -> Result<Vec<Record>, FitsError> {
    let read: Vec<(Form, Points)> = parts
        .iter()
        .map(|rows| rows.part(choice))
        .collect::<Result<_, _>>()?;
    let tables: Vec<&Table> = read.iter().map(|(_, points)| &points.table).collect();
    let fits = fit_tables(read[0].0, &tables, shared, &choice.options)?;
    let each = parts.iter().zip(&read).zip(&fits);
    each.map(|((rows, (form, points)), fit)| {
        let conventions = rows.conventions_of(*form, points, &choice.names)?;
        let provenance = rows.provenance(points, conventions);
        let mut record = FitRecord::new(fit, provenance);
        if let Some(se) = rows.common_error(points)? {
            record = record.with_common_error(se);
        }
        Ok(Record::Law(Box::new(record)))
    })
    .collect()
}

impl Rows<'_> {
    /// The rows as the points of a law that is fitted to others at once.
    fn part(&self, choice: &Choice) -> Result<(Form, Points), FitsError> {
        if matches!(choice.holdout, Some(Hide::Asked(_))) {
            return Err(FitsError::NoHoldoutTogether);
        }
        let choice = self.targeted(choice);
        let (form, choice) = match &choice.shape {
            Shape::Law(form) => (*form, choice),
            Shape::Written(equation) => self.written(equation, &choice)?,
            Shape::Isoflop => return Err(FitsError::SlicesTogether),
        };
        let sources = choice.names.variables(self.columns, form)?;
        let points = self.points(&sources, &[], &choice, &growing(form.variables()))?;
        Ok((form, points))
    }
}

//! What kept laws say of the rows of a table.

use isoflop_law::{Fit, FitRecord, Prediction, Record, average, rank};
use isoflop_ledger::{Columns, LedgerError};

use crate::{FitsError, Names};

/// A law, or several that are averaged, and the rows that they are for: all, or those of a value of a column.
#[derive(Debug)]
pub struct KeptLaw {
    by: Option<[String; 2]>,
    /// The column that it predicts in the place of the loss, of a fit per column.
    pub target: Option<String>,
    /// The law; of several, those that hidden runs do not tell apart.
    pub voices: Vec<Voice>,
}

/// A law that has a say in a forecast.
#[derive(Debug)]
pub struct Voice {
    /// Its share in the average.
    pub weight: f64,
    /// The columns that the law was fitted to: its variables', in the form's order, and the loss's.
    columns: Vec<String>,
    /// The law.
    pub fit: Fit,
}

impl Voice {
    fn new(weight: f64, law: &FitRecord) -> Result<Self, FitsError> {
        Ok(Voice {
            weight,
            columns: law.columns.clone(),
            fit: law.fit().ok_or(FitsError::NoParameters)?,
        })
    }
}

/// What a law says of a row.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// The loss, and its intervals.
    pub said: Prediction,
    /// How far the row lies beyond the runs fitted, by variable.
    pub beyond: Vec<(&'static str, f64)>,
}

impl Predicted {
    /// How many times the largest value fitted, or the smallest; 1 within.
    pub fn times_beyond(&self) -> f64 {
        let times = self.beyond.iter().map(|(_, times)| times.max(1.0 / times));
        times.fold(1.0, f64::max)
    }
}

/// The laws among kept fits: of several of the same rows those that hidden runs do not tell apart, or else the first.
///
/// # Errors
/// If one lacks parameters of its form.
pub fn kept_laws(records: &[Record]) -> Result<Vec<KeptLaw>, FitsError> {
    let laws: Vec<&FitRecord> = records.iter().filter_map(Record::law).collect();
    let mut parts: Vec<Vec<&FitRecord>> = Vec::new();
    for law in laws {
        let same =
            |part: &&mut Vec<&FitRecord>| (&part[0].by, &part[0].target) == (&law.by, &law.target);
        match parts.iter_mut().find(same) {
            Some(part) => part.push(law),
            None => parts.push(vec![law]),
        }
    }
    let kept = parts.into_iter().map(|mine| {
        Ok(KeptLaw {
            by: mine[0].by.clone(),
            target: mine[0].target.clone(),
            voices: voices(&mine)?,
        })
    });
    kept.collect()
}

/// Which of several laws of the same rows have a say.
fn voices(laws: &[&FitRecord]) -> Result<Vec<Voice>, FitsError> {
    let target = laws[0].columns.last();
    let comparable = laws
        .iter()
        .filter(|law| law.converged && law.columns.last() == target);
    match rank(comparable.copied()) {
        Some(ranking) => {
            let believed = ranking.believed().into_iter();
            believed
                .map(|(weight, law)| Voice::new(weight, law))
                .collect()
        }
        None => {
            let converged = laws.iter().find(|law| law.converged);
            Ok(vec![Voice::new(1.0, converged.unwrap_or(&laws[0]))?])
        }
    }
}

/// What the laws say of every row, by the columns that are named, or else those that the law was fitted to, or else
/// those with a usual name; nothing of one that lacks a number above zero for its law, or that
/// none of them is for.
///
/// # Errors
/// If the table lacks a column.
pub fn predict_rows(
    laws: &[&KeptLaw],
    columns: &Columns,
    names: &Names,
) -> Result<Vec<Option<Predicted>>, FitsError> {
    let mut rows = vec![None; columns.rows()];
    for law in laws {
        law.predict(columns, names, &mut rows)?;
    }
    Ok(rows)
}

impl KeptLaw {
    fn predict(
        &self,
        columns: &Columns,
        names: &Names,
        rows: &mut [Option<Predicted>],
    ) -> Result<(), FitsError> {
        let variables: Vec<Vec<Vec<Option<f64>>>> = self
            .voices
            .iter()
            .map(|voice| voice.variables(columns, names))
            .collect::<Result<_, FitsError>>()?;
        let mine: Vec<bool> = match &self.by {
            None => vec![true; columns.rows()],
            Some([column, value]) => {
                let values = columns.words_of(column);
                let values = values.map_err(|error| FitsError::NoGroups {
                    column: column.clone(),
                    error,
                })?;
                values.iter().map(|it| it == value).collect()
            }
        };
        for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| mine[*at]) {
            let points = self.voices.iter().zip(&variables);
            let points = points.map(|(voice, variables)| voice.point(variables, at));
            let points: Option<Vec<Vec<f64>>> = points.collect();
            *row = points.map(|points| self.at(&points));
        }
        Ok(())
    }

    /// What is said of a point, given in the variables of each law.
    fn at(&self, points: &[Vec<f64>]) -> Predicted {
        let voices = self.voices.iter().zip(points);
        let said: Vec<(f64, &Fit, &[f64])> = voices
            .map(|(voice, x)| (voice.weight, &voice.fit, x.as_slice()))
            .collect();
        let mut beyond: Vec<(&'static str, f64)> = Vec::new();
        for (variable, times) in said.iter().flat_map(|(_, fit, x)| fit.beyond(x)) {
            if beyond.iter().all(|(known, _)| *known != variable) {
                beyond.push((variable, times));
            }
        }
        Predicted {
            said: match said.as_slice() {
                [(_, fit, x)] => fit.predict(x),
                several => average(several),
            },
            beyond,
        }
    }
}

impl Voice {
    fn variables(
        &self,
        columns: &Columns,
        names: &Names,
    ) -> Result<Vec<Vec<Option<f64>>>, FitsError> {
        let sources = names.variables_of(columns, self.fit.form, &self.columns)?;
        let numbers = sources.iter().map(|source| source.numbers(columns));
        Ok(numbers.collect::<Result<_, LedgerError>>()?)
    }

    /// A row's point, where the law can use all its numbers: what was zero or negative in the runs fitted may be so here.
    fn point(&self, variables: &[Vec<Option<f64>>], row: usize) -> Option<Vec<f64>> {
        let x: Option<Vec<f64>> = variables.iter().map(|values| values[row]).collect();
        x.filter(|x| {
            let mut all = x.iter().zip(&self.fit.range);
            all.all(|(x, [low, _])| x.is_finite() && (*x > 0.0 || *low <= 0.0))
        })
    }
}

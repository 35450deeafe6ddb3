//! Which of several laws to believe, by the runs that were hidden from all of them.

use crate::FitRecord;
use crate::Hidden;
use crate::interval::{deviation, student_quantile};

/// Steps from which on the differences of steps are compared, and not those of single runs.
const LEAST_STEPS: usize = 4;

/// A law among others.
#[derive(Debug, Clone, Copy)]
pub struct Ranked<'a> {
    /// The law.
    pub record: &'a FitRecord,
    /// Root mean square of its errors on the runs that are hidden from all laws.
    pub error: f64,
    /// Their mean.
    pub bias: f64,
    /// Between what its error exceeds the best law's, with 95%; `None` of the best law, and of too few runs.
    pub excess: Option<[f64; 2]>,
    /// Whether it is told to err more than the best law.
    pub is_worse: bool,
}

/// Laws by their errors on the runs hidden from all of them.
#[derive(Debug)]
pub struct Ranking<'a> {
    /// The best first.
    pub laws: Vec<Ranked<'a>>,
    /// Whether errors are of losses, as one of the laws is fitted to these, and not of their logarithms.
    pub of_values: bool,
    /// How many runs they are compared on.
    pub runs: usize,
}

impl Ranking<'_> {
    /// The laws that are not told to be worse than the best, with the weight that each has in a forecast that is
    /// averaged over them: the inverse of its mean square error (Bates and Granger 1969).
    pub fn believed(&self) -> Vec<(f64, &FitRecord)> {
        let not_worse = self.laws.iter().filter(|law| !law.is_worse);
        // Of a law without an error the weight has no number.
        let least = self.laws[0].error.max(f64::MIN_POSITIVE);
        let raw: Vec<(f64, &FitRecord)> = not_worse
            .map(|law| ((least / law.error.max(least)).powi(2), law.record))
            .collect();
        let all: f64 = raw.iter().map(|(weight, _)| weight).sum();
        raw.into_iter()
            .map(|(weight, record)| (weight / all, record))
            .collect()
    }
}

/// Ranks laws that were fitted to the same rows; `None` where fewer than two were scored, or no run is hidden from all.
///
/// How sure a difference is, is Student's test of the differences of squared errors (Diebold and Mariano 1995): by steps
/// where runs were foretold in four steps or more, since the runs of a step share the fit that foretold them, or else by
/// runs, which is too sure of runs that were trained alike.
pub fn rank<'a>(records: impl Iterator<Item = &'a FitRecord>) -> Option<Ranking<'a>> {
    let scored: Vec<(&FitRecord, &[Hidden])> = records
        .filter_map(|record| Some((record, record.holdout.as_ref()?.hidden.as_slice())))
        .collect();
    let of_values = scored.iter().any(|(record, _)| record.is_of_values());
    let shared: Vec<&Hidden> = scored
        .first()?
        .1
        .iter()
        .filter(|run| {
            let others = scored[1..].iter();
            others
                .clone()
                .all(|(_, hidden)| find(hidden, run).is_some())
        })
        .collect();
    if scored.len() < 2 || shared.is_empty() {
        return None;
    }
    let mut laws: Vec<(&FitRecord, Vec<f64>)> = scored
        .iter()
        .map(|(record, hidden)| {
            let runs = shared.iter().filter_map(|run| find(hidden, run));
            (*record, runs.map(|run| run.error(of_values)).collect())
        })
        .collect();
    laws.sort_by(|a, b| mean_square(&a.1).total_cmp(&mean_square(&b.1)));
    let best = laws[0].1.clone();
    let ranked = laws.iter().enumerate().map(|(place, (record, errors))| {
        let between = (place > 0)
            .then(|| excess(&shared, errors, &best))
            .flatten();
        Ranked {
            record,
            error: mean_square(errors).sqrt(),
            bias: errors.iter().sum::<f64>() / errors.len() as f64,
            excess: between.map(|ends| {
                let least = mean_square(&best);
                ends.map(|end| (least + end).max(0.0).sqrt() - least.sqrt())
            }),
            is_worse: between.is_some_and(|[low, _]| low > 0.0),
        }
    });
    Some(Ranking {
        laws: ranked.collect(),
        of_values,
        runs: shared.len(),
    })
}

fn find<'a>(hidden: &'a [Hidden], run: &Hidden) -> Option<&'a Hidden> {
    let mut all = hidden.iter();
    all.find(|it| it.pushed_as == run.pushed_as && it.loss == run.loss)
}

fn mean_square(errors: &[f64]) -> f64 {
    errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64
}

/// Between what the mean of the squares of `errors` exceeds that of `best`.
fn excess(runs: &[&Hidden], errors: &[f64], best: &[f64]) -> Option<[f64; 2]> {
    let apart: Vec<f64> = errors
        .iter()
        .zip(best)
        .map(|(a, b)| a * a - b * b)
        .collect();
    let mut steps: Vec<usize> = runs.iter().map(|run| run.fitted_to).collect();
    steps.dedup();
    let parts: Vec<f64> = if steps.len() < LEAST_STEPS {
        apart.clone()
    } else {
        let of_step = |step: &usize| {
            let here = runs
                .iter()
                .zip(&apart)
                .filter(|(run, _)| run.fitted_to == *step);
            let here: Vec<f64> = here.map(|(_, apart)| *apart).collect();
            here.iter().sum::<f64>() / here.len() as f64
        };
        steps.iter().map(of_step).collect()
    };
    let n = parts.len() as f64;
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    let spread = deviation(&parts)?;
    let wide = student_quantile(n - 1.0) * spread / n.sqrt();
    Some([mean - wide, mean + wide])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FitOptions, Form, Hiding, HoldoutRecord, Provenance, Table, fit, holdout};

    /// Runs of Chinchilla's law with a scatter of half a percent.
    fn table() -> (Table, Vec<f64>) {
        let mut table = Table::new(2);
        let mut flops = Vec::new();
        for i in 0..8 {
            for j in 0..8 {
                let (n, d) = (1e7 * 2f64.powi(i), 1e9 * 2f64.powi(j));
                let scatter = 1.0 + 0.005 * (f64::from((i * 7 + j * 13) % 11) / 5.0 - 1.0);
                let loss = 1.7 + 400.0 * n.powf(-0.34) + 410.0 * d.powf(-0.28);
                table.push(&[n, d], loss * scatter);
                flops.push(6.0 * n * d);
            }
        }
        (table, flops)
    }

    fn scored(form: Form, table: &Table, flops: &[f64]) -> FitRecord {
        let options = FitOptions {
            bootstrap: 0,
            ..FitOptions::default()
        };
        let fitted = fit(form, table, &options).unwrap();
        let hiding = Hiding {
            runs: 20,
            origins: 5,
        };
        let holdout = holdout(form, table, flops, hiding, &options).unwrap();
        FitRecord {
            holdout: Some(HoldoutRecord::new(holdout)),
            ..FitRecord::new(&fitted, Provenance::default())
        }
    }

    fn written(text: &str) -> Form {
        let names = ["N".to_owned(), "D".to_owned()];
        Form::Written(crate::Equation::read(text).unwrap().law(&names).unwrap())
    }

    #[test]
    fn a_law_is_not_told_from_itself_and_is_told_from_a_wrong_one() {
        let (table, flops) = table();
        let same = written("loss = e + a/N^x + b/D^y");
        let wrong = written("loss = a*N^-x*D^-y");
        let records = [wrong, same, Form::Chinchilla].map(|form| scored(form, &table, &flops));
        let ranking = rank(records.iter()).unwrap();
        assert_eq!(ranking.runs, 20);
        assert_eq!(ranking.laws[2].record.form, wrong);
        assert!(ranking.laws[2].is_worse && !ranking.laws[1].is_worse);
        let believed = ranking.believed();
        assert_eq!(believed.len(), 2);
        assert!((believed[0].0 - 0.5).abs() < 1e-3, "{}", believed[0].0);
    }

    #[test]
    fn every_step_is_foretold_from_all_smaller_runs() {
        let (table, flops) = table();
        let record = scored(Form::Chinchilla, &table, &flops);
        let hidden = record.holdout.unwrap().hidden;
        let mut fitted: Vec<usize> = hidden.iter().map(|run| run.fitted_to).collect();
        assert!(hidden.is_sorted_by(|a, b| a.flops >= b.flops));
        fitted.dedup();
        assert_eq!(fitted, [60, 56, 52, 48, 44]);
    }
}

//! Losses document by document: how much of a loss's standard error all cells of a suite share, and their table.

use std::iter::repeat_n;

use isoflop_suite::{DocumentLoss, Nats};
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};

use crate::Finished;
use crate::schema::names;

/// Runs that tell what they share, at least.
const LEAST_RUNS: usize = 3;

/// The standard error of a loss in its two parts. A document that is hard for one model is hard for all: what that adds
/// is common to the cells of a suite, moves them together, and leaves their differences as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// What all cells share.
    pub common: Nats,
    /// The cell's own.
    pub own: Nats,
}

/// Splits the standard errors of runs that were scored on the same documents; `None` of the others, and where these are
/// fewer than three.
pub fn spreads<'a>(
    runs: &'a [Finished],
    documents: impl Fn(&'a Finished) -> Option<&'a [DocumentLoss]>,
) -> Vec<Option<Spread>> {
    let mut found = vec![None; runs.len()];
    let all: Vec<Option<&[DocumentLoss]>> = runs
        .iter()
        .map(|run| documents(run).filter(|documents| documents.len() > 1))
        .collect();
    for first in 0..runs.len() {
        let Some(documents) = all[first].filter(|_| found[first].is_none()) else {
            continue;
        };
        let alike = |other: &[DocumentLoss]| {
            let same =
                |(a, b): (&DocumentLoss, &DocumentLoss)| a.id == b.id && a.tokens == b.tokens;
            other.len() == documents.len() && other.iter().zip(documents).all(same)
        };
        let members: Vec<usize> = (first..runs.len())
            .filter(|at| all[*at].is_some_and(alike))
            .collect();
        if members.len() < LEAST_RUNS {
            continue;
        }
        let losses: Vec<&[DocumentLoss]> = members.iter().filter_map(|at| all[*at]).collect();
        for (at, spread) in members.iter().zip(split(&losses)) {
            found[*at] = Some(spread);
        }
    }
    found
}

/// The documents that a run's loss is of.
pub fn of_loss(run: &Finished) -> Option<&[DocumentLoss]> {
    let scores = run.run.outcome.end.scores()?;
    Some(scores.documents.as_slice())
}

/// By a table of runs and documents: a document's share in how far a run's loss may be off is its mean over the runs, which
/// is common, and what is left, which is the run's own.
fn split(runs: &[&[DocumentLoss]]) -> Vec<Spread> {
    let (count, documents) = (runs.len() as f64, runs[0].len() as f64);
    let tokens: f64 = runs[0].iter().map(|it| it.tokens as f64).sum();
    let off: Vec<Vec<f64>> = runs
        .iter()
        .map(|run| {
            let sum: f64 = run.iter().map(|it| it.tokens as f64 * it.loss).sum();
            let off = |it: &DocumentLoss| it.tokens as f64 * (it.loss - sum / tokens) / tokens;
            run.iter().map(off).collect()
        })
        .collect();
    let mean: Vec<f64> = (0..runs[0].len())
        .map(|document| off.iter().map(|run| run[document]).sum::<f64>() / count)
        .collect();
    let correction = documents / (documents - 1.0);
    let own: Vec<f64> = off
        .iter()
        .map(|run| {
            let apart = run
                .iter()
                .zip(&mean)
                .map(|(off, mean)| (off - mean).powi(2));
            apart.sum::<f64>() * correction * count / (count - 1.0)
        })
        .collect();
    let of_mean: f64 = mean.iter().map(|off| off * off).sum::<f64>() * correction;
    // Their mean still holds some of what is the runs' own.
    let common = of_mean - own.iter().sum::<f64>() / count / count;
    let spread = |own: &f64| Spread {
        common: common.max(0.0).sqrt(),
        own: own.sqrt(),
    };
    own.iter().map(spread).collect()
}

/// `documents.parquet`: a row for each run and document; those of named validation sets have the set's name.
pub fn documents_frame(runs: &[Finished]) -> PolarsResult<DataFrame> {
    let mut cells: Vec<&str> = Vec::new();
    let mut sets: Vec<Option<&str>> = Vec::new();
    let mut rows: Vec<&DocumentLoss> = Vec::new();
    for run in runs {
        let Some(scores) = run.run.outcome.end.scores() else {
            continue;
        };
        let named = scores.sets.iter();
        let named = named.map(|set| (Some(set.name.as_str()), &set.documents));
        for (set, documents) in [(None, &scores.documents)].into_iter().chain(named) {
            cells.extend(repeat_n(run.cell.id.as_str(), documents.len()));
            sets.extend(repeat_n(set, documents.len()));
            rows.extend(documents);
        }
    }
    let ids: Vec<&str> = rows.iter().map(|it| it.id.as_str()).collect();
    let tokens: Vec<u64> = rows.iter().map(|it| it.tokens).collect();
    let losses: Vec<f64> = rows.iter().map(|it| it.loss).collect();
    let oracle: Vec<Option<f64>> = rows.iter().map(|it| it.oracle_loss).collect();
    let columns = vec![
        Column::from(Series::new(names::CELL.into(), cells)),
        Column::from(Series::new("set".into(), sets)),
        Column::from(Series::new("document".into(), ids)),
        Column::from(Series::new("scored_tokens".into(), tokens)),
        Column::from(Series::new(names::LOSS.into(), losses)),
        Column::from(Series::new(names::ORACLE_LOSS.into(), oracle)),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// Losses with a part of each document that all runs share, and a tenth as much of their own.
    fn run(documents: usize, own: f64, seed: u64) -> Vec<DocumentLoss> {
        let mut shared = ChaCha8Rng::seed_from_u64(1);
        let mut mine = ChaCha8Rng::seed_from_u64(seed);
        (0..documents)
            .map(|at| DocumentLoss {
                id: at.to_string(),
                tokens: 100 + (at as u64 % 7) * 50,
                loss: 3.0 + shared.random::<f64>() + own * mine.random::<f64>(),
                oracle_loss: None,
            })
            .collect()
    }

    #[test]
    fn the_parts_are_what_was_put_in() {
        let runs: Vec<Vec<DocumentLoss>> = (2..14).map(|seed| run(400, 0.1, seed)).collect();
        let runs: Vec<&[DocumentLoss]> = runs.iter().map(Vec::as_slice).collect();
        let spreads = split(&runs);
        let mean = |of: &dyn Fn(&Spread) -> f64| {
            spreads.iter().map(of).sum::<f64>() / spreads.len() as f64
        };
        let (common, own) = (mean(&|it| it.common), mean(&|it| it.own));
        assert!((own / common - 0.1).abs() < 0.01, "{own} {common}");
        for (run, spread) in runs.iter().zip(&spreads) {
            let all = DocumentLoss::standard_error(run, |it| it.loss).unwrap();
            let parts = spread.common.hypot(spread.own);
            assert!((parts / all - 1.0).abs() < 0.05, "{parts} {all}");
        }
    }

    /// The standard error of a difference is that of its documents, pair by pair, and has nothing of what is common.
    #[test]
    fn differences_have_the_runs_own_alone() {
        let runs: Vec<Vec<DocumentLoss>> = (2..14).map(|seed| run(400, 0.1, seed)).collect();
        let all: Vec<&[DocumentLoss]> = runs.iter().map(Vec::as_slice).collect();
        let spreads = split(&all);
        let apart: Vec<DocumentLoss> = runs[0]
            .iter()
            .zip(&runs[1])
            .map(|(a, b)| DocumentLoss {
                loss: a.loss - b.loss,
                ..a.clone()
            })
            .collect();
        let paired = DocumentLoss::standard_error(&apart, |it| it.loss).unwrap();
        let parts = spreads[0].own.hypot(spreads[1].own);
        assert!((parts / paired - 1.0).abs() < 0.1, "{parts} {paired}");
    }
}

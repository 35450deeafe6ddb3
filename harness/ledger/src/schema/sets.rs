//! Losses on named validation sets: as many columns as there are sets, by their names.

use std::collections::BTreeSet;
use std::f64::consts::LN_2;

use isoflop_suite::SetScore;
use polars::prelude::{Column, NamedFrom, Series};

use crate::Finished;
use crate::documents::{Spread, spreads};

/// Of each set: `loss_NAME` and its standard errors, as of `loss`, `bits_per_byte_NAME` and `scored_tokens_NAME`.
pub fn set_columns(runs: &[Finished]) -> Vec<Column> {
    let names = runs.iter().flat_map(sets).map(|set| set.name.as_str());
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().flat_map(|name| of(name, runs)).collect()
}

fn of(name: &str, runs: &[Finished]) -> [Column; 6] {
    let scores: Vec<Option<&SetScore>> = runs.iter().map(|run| score(run, name)).collect();
    let spreads = spreads(runs, |run| {
        score(run, name).map(|set| set.documents.as_slice())
    });
    let numbers = |name: String, of: &dyn Fn(&SetScore) -> Option<f64>| {
        let values: Vec<Option<f64>> = scores.iter().map(|set| of((*set)?)).collect();
        Column::from(Series::new(name.into(), values))
    };
    let errors = |name: String, of: &dyn Fn(&Spread) -> f64| {
        let values: Vec<Option<f64>> = spreads.iter().map(|it| it.as_ref().map(of)).collect();
        Column::from(Series::new(name.into(), values))
    };
    let bits = |set: &SetScore| Some(set.loss / LN_2 / set.bytes_per_token?);
    let tokens: Vec<u64> = scores
        .iter()
        .map(|set| set.map_or(0, |set| set.scored_tokens))
        .collect();
    [
        numbers(format!("loss_{name}"), &|set| Some(set.loss)),
        numbers(format!("loss_{name}_se"), &|set| set.loss_se),
        errors(format!("loss_{name}_se_common"), &|it| it.common),
        errors(format!("loss_{name}_se_own"), &|it| it.own),
        numbers(format!("bits_per_byte_{name}"), &bits),
        Column::from(Series::new(format!("scored_tokens_{name}").into(), tokens)),
    ]
}

/// The sets that a run was scored on.
fn sets(run: &Finished) -> &[SetScore] {
    let scores = run.run.outcome.end.scores();
    scores.map_or(&[], |scores| &scores.sets)
}

fn score<'a>(run: &'a Finished, name: &str) -> Option<&'a SetScore> {
    sets(run).iter().find(|set| set.name == name)
}

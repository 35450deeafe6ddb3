//! `[[fit]]`: the laws of a suite.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// `[[fit]]`: a law to fit when the suite is done. Column names are those of `cells.parquet`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = law_as_well)]
pub struct FitDefinition {
    /// A form that `isoflop fit` knows, an equation such as `loss = E + A*N^-alpha`, a published law's name, or `isoflop` for slices of
    /// equal compute; `form` and `law` are two names of one key.
    #[serde(alias = "law")]
    #[schemars(with = "String")]
    pub form: Spanned<String>,
    /// What to make small: `huber-log`, `huber-likelihood`, `lsq-log`, `lsq`, or `huber` of written laws.
    #[schemars(with = "Option<String>")]
    pub objective: Option<Spanned<String>>,
    /// Where Huber's function turns linear.
    #[serde(default = "a_thousandth")]
    pub delta: f64,
    /// The column that is the variable of a law of one variable.
    #[schemars(with = "Option<String>")]
    pub x: Option<Spanned<String>>,
    /// The column that counts parameters; `params_total` where none is named.
    #[schemars(with = "Option<String>")]
    pub n: Option<Spanned<String>>,
    /// The column that counts training tokens; `tokens` where none is named.
    #[schemars(with = "Option<String>")]
    pub d: Option<Spanned<String>>,
    /// What is predicted, such as `loss - oracle_loss + entropy_rate`; `loss` where nothing is said.
    #[schemars(with = "Option<String>")]
    pub loss: Option<Spanned<String>>,
    /// The column of the losses' standard errors, by which rows count.
    #[schemars(with = "Option<String>")]
    pub se: Option<Spanned<String>>,
    /// Only rows for which this holds, such as `loss < 4 and width > 16`.
    #[serde(rename = "where")]
    #[schemars(with = "Option<String>")]
    pub filter: Option<Spanned<String>>,
    /// Rows that share a value of this column are drawn together by the bootstrap: checkpoints of a run, or replicates of a cell
    /// (`replicate`), which then count by how they scatter.
    #[schemars(with = "Option<String>")]
    pub group: Option<Spanned<String>>,
    /// A fit for each value of this column.
    #[schemars(with = "Option<String>")]
    pub by: Option<Spanned<String>>,
    /// Parameters that are the same for all values of `by`: one fit, with the others free for each.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub shared: Vec<Spanned<String>>,
    /// How many of the largest runs by FLOPs to hide, and to predict from the others.
    pub holdout: Option<usize>,
    /// Bootstrap resamples for the intervals.
    #[serde(default = "resamples")]
    pub bootstrap: usize,
    /// Seed of the bootstrap.
    #[serde(default)]
    pub seed: u64,
}

fn law_as_well(schema: &mut schemars::Schema) {
    super::schema::also_named(schema, "form", "law");
}

fn a_thousandth() -> f64 {
    1e-3
}

fn resamples() -> usize {
    1000
}

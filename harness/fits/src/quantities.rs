//! Which of a table's columns are parameters, tokens, FLOPs and loss: those named by flags, those
//! with a usual name, or what follows from `C = 6 N D`.

use std::fmt;

use isoflop_law::Form;
use isoflop_ledger::{Columns, LedgerError};

use crate::{Expression, FitsError};

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Parameters.
    Parameters,
    /// Training tokens.
    Tokens,
    /// Training FLOPs.
    Flops,
    /// Unique tokens, where tokens repeat.
    UniqueTokens,
    /// Width of the model.
    Width,
    /// Depth of the model.
    Depth,
    /// Validation loss.
    Loss,
}

impl Quantity {
    /// The flag that names its column.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Quantity::Parameters => "--n",
            Quantity::Tokens => "--d",
            Quantity::Flops => "--c",
            Quantity::UniqueTokens => "--unique",
            Quantity::Width => "--width",
            Quantity::Depth => "--depth",
            Quantity::Loss => "--loss",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Tokens => "training tokens",
            Quantity::Flops => "training FLOPs",
            Quantity::UniqueTokens => "unique tokens",
            Quantity::Width => "widths",
            Quantity::Depth => "depths",
            Quantity::Loss => "losses",
        }
    }

    /// Usual names, likeliest first, in small letters and digits alone.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Quantity::Parameters => &[
                "paramstotal",
                "params",
                "parameters",
                "n",
                "nparams",
                "numparams",
                "nparameters",
                "numparameters",
                "modelsize",
                "modelparams",
                "paramcount",
                "parametercount",
                "totalparams",
                "totalparameters",
                "nonembeddingparams",
                "size",
            ],
            Quantity::Tokens => &[
                "tokens",
                "d",
                "trainingtokens",
                "traintokens",
                "ntokens",
                "numtokens",
                "tokensseen",
                "tokenstrained",
                "totaltokens",
                "trainedtokens",
                "tokencount",
                "trainingdata",
                "datasetsize",
                "datasize",
                "data",
            ],
            Quantity::Flops => &[
                "flops6ntotal",
                "flops",
                "c",
                "flop",
                "compute",
                "trainingflops",
                "trainingflop",
                "trainflops",
                "trainflop",
                "totalflops",
                "flopsbudget",
                "budget",
            ],
            Quantity::UniqueTokens => &["uniquetokens", "unique", "u", "tokensunique"],
            Quantity::Width => &[
                "width",
                "dmodel",
                "hiddensize",
                "hiddendim",
                "nembd",
                "modelwidth",
                "w",
            ],
            Quantity::Depth => &["depth", "layers", "nlayers", "numlayers", "nlayer", "h"],
            Quantity::Loss => &[
                "loss",
                "valloss",
                "validationloss",
                "evalloss",
                "testloss",
                "finalloss",
                "crossentropy",
                "nll",
                "l",
            ],
        }
    }
}

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
            let whole = usual(name).map(|at| (0, at));
            whole
                .or_else(|| usual(&bare).map(|at| (1, at)))
                .or_else(|| usual(last).map(|at| (2, at)))
        };
        let mut ranked: Vec<((i32, usize), &String)> = present
            .iter()
            .filter_map(|name| Some((rank(&name)?, name)))
            .collect();
        ranked.sort();
        let found = ranked
            .iter()
            .find(|(_, name)| columns.numbers(name).is_ok());
        Ok(found.map(|(_, name)| QuantitySource::of((*name).clone(), quantity)))
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
        let of = |quantity| self.source(columns, quantity);
        form.variables()
            .iter()
            .map(|variable| match *variable {
                "N" => of(Quantity::Parameters),
                "D" => of(Quantity::Tokens),
                "U" => of(Quantity::UniqueTokens),
                "W" => of(Quantity::Width),
                "H" => of(Quantity::Depth),
                _ => {
                    let Some(x) = &self.x else {
                        return Err(NoQuantity::no_x(form, columns).into());
                    };
                    QuantitySource::expressed(x, columns)
                }
            })
            .collect()
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

fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric());
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// Units in names of columns, as the name's last word or before what is counted, and what they count by.
const UNITS: [(&str, f64); 12] = [
    ("millions", 1e6),
    ("million", 1e6),
    ("billions", 1e9),
    ("billion", 1e9),
    ("mparams", 1e6),
    ("bparams", 1e9),
    ("btokens", 1e9),
    ("mtokens", 1e6),
    ("m", 1e6),
    ("b", 1e9),
    ("gflops", 1e9),
    ("pflops", 1e15),
];

/// A name without the unit in it, and how much one of the unit is: `model_mparams` is `model_params` in
/// millions, `tokens_b` is `tokens` in billions.
fn unit(name: &str) -> (String, f64) {
    let mut words: Vec<String> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    let Some(last) = words.pop() else {
        return (name.to_owned(), 1.0);
    };
    let found = UNITS.iter().find(|(unit, _)| *unit == last);
    let Some((unit, times)) = found else {
        return (name.to_owned(), 1.0);
    };
    // `mparams` counts params; `m` alone counts what is before it.
    let counted = unit.get(1..).unwrap_or_default();
    if ["params", "tokens", "flops"].contains(&counted) {
        words.push(counted.to_owned());
    } else if words.is_empty() {
        return (name.to_owned(), 1.0);
    }
    (words.join("_"), *times)
}

/// Where a quantity's numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub enum QuantitySource {
    /// A column.
    Column(String),
    /// A column that counts by so many.
    Scaled(String, f64),
    /// An expression of columns.
    Expressed(Expression),
    /// `C / (6 N)` or `C / (6 D)`, of C and the other.
    OverSix(Box<QuantitySource>, Box<QuantitySource>),
    /// `6 N D`.
    SixTimes(Box<QuantitySource>, Box<QuantitySource>),
}

impl QuantitySource {
    /// What a user names for a quantity: a column, or an expression of columns.
    fn named(name: &str, columns: &Columns, quantity: Quantity) -> Result<Self, FitsError> {
        if columns.has(name) {
            columns.numbers(name)?;
            return Ok(Self::of(name.to_owned(), quantity));
        }
        Self::expressed(name, columns)
    }

    /// A column, or an expression of columns.
    fn expressed(text: &str, columns: &Columns) -> Result<Self, FitsError> {
        if columns.has(text) {
            columns.numbers(text)?;
            return Ok(QuantitySource::Column(text.to_owned()));
        }
        let expression: Expression = text.parse()?;
        expression.numbers(columns)?;
        Ok(QuantitySource::Expressed(expression))
    }

    /// A column of a quantity, in the unit that its name says.
    fn of(column: String, quantity: Quantity) -> Self {
        let counts = [
            Quantity::Parameters,
            Quantity::Tokens,
            Quantity::Flops,
            Quantity::UniqueTokens,
        ];
        let (_, times) = unit(&column);
        if times != 1.0 && counts.contains(&quantity) {
            QuantitySource::Scaled(column, times)
        } else {
            QuantitySource::Column(column)
        }
    }

    fn over_six(flops: Option<Self>, other: Option<Self>) -> Option<Self> {
        Some(QuantitySource::OverSix(flops?.into(), other?.into()))
    }

    fn six_times(n: Option<Self>, d: Option<Self>) -> Option<Self> {
        Some(QuantitySource::SixTimes(n?.into(), d?.into()))
    }

    /// Whether it follows from others, by `C = 6 N D`.
    pub fn is_derived(&self) -> bool {
        matches!(
            self,
            QuantitySource::OverSix(..) | QuantitySource::SixTimes(..)
        )
    }

    /// Its number in every row.
    ///
    /// # Errors
    /// If a column is not there.
    pub fn numbers(&self, columns: &Columns) -> Result<Vec<Option<f64>>, LedgerError> {
        let of_two = |a: &Self, b: &Self, of: fn(f64, f64) -> f64| {
            let (a, b) = (a.numbers(columns)?, b.numbers(columns)?);
            Ok(a.into_iter()
                .zip(b)
                .map(|(a, b)| Some(of(a?, b?)))
                .collect())
        };
        match self {
            QuantitySource::Column(name) => columns.numbers(name),
            QuantitySource::Expressed(expression) => expression.numbers(columns),
            QuantitySource::Scaled(name, times) => {
                let numbers = columns.numbers(name)?.into_iter();
                Ok(numbers.map(|number| Some(number? * times)).collect())
            }
            QuantitySource::OverSix(flops, other) => of_two(flops, other, |c, x| c / (6.0 * x)),
            QuantitySource::SixTimes(n, d) => of_two(n, d, |n, d| 6.0 * n * d),
        }
    }
}

impl fmt::Display for QuantitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuantitySource::Column(name) => f.write_str(name),
            QuantitySource::Expressed(expression) => expression.fmt(f),
            QuantitySource::Scaled(name, times) => write!(f, "{times:e} {name}"),
            QuantitySource::OverSix(flops, other) => write!(f, "{flops} / (6 {other})"),
            QuantitySource::SixTimes(n, d) => write!(f, "6 {n} {d}"),
        }
    }
}

/// A quantity that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{missing}; the table has {}{}", present.join(", "), wide(present))]
pub struct NoQuantity {
    missing: String,
    present: Vec<String>,
}

/// What to do with a table that has a column for each run.
fn wide(present: &[String]) -> &'static str {
    let ends = |end: &str| present.iter().any(|name| name.ends_with(end));
    if ends("__MIN") && ends("__MAX") {
        return "\n  help: this is a chart exported by Weights & Biases, with a column for each run and no \
                parameters or tokens; export the table of runs instead, with their config and summary";
    }
    ""
}

impl NoQuantity {
    fn new(quantity: Quantity, columns: &Columns) -> Self {
        NoQuantity {
            missing: format!(
                "no column of {} was found: name it with `{} COLUMN`",
                quantity.words(),
                quantity.flag()
            ),
            present: columns.names(),
        }
    }

    fn no_x(form: Form, columns: &Columns) -> Self {
        NoQuantity {
            missing: format!(
                "`{form}` is a law of one variable: name its column with `--x COLUMN`, or `x = \"COLUMN\"` in a definition"
            ),
            present: columns.names(),
        }
    }
}

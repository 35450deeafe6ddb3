//! Which of a table's columns are parameters, tokens, FLOPs and loss: those named by flags, those
//! with a usual name, or what follows from `C = 6 N D`.

use std::fmt;

use isoflop_law::Form;
use isoflop_ledger::{Columns, LedgerError};

use crate::FitsError;

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
    fn flag(self) -> &'static str {
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
            Quantity::Width => &["width", "dmodel", "hiddensize", "nembd", "modelwidth", "w"],
            Quantity::Depth => &["depth", "layers", "nlayers", "numlayers", "nlayer", "h"],
            Quantity::Loss => &[
                "loss",
                "valloss",
                "validationloss",
                "evalloss",
                "testloss",
                "finalloss",
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

    /// The column named for a quantity, or the first with a usual name and numbers.
    ///
    /// # Errors
    /// If the column named is not there.
    pub fn column(
        &self,
        columns: &Columns,
        quantity: Quantity,
    ) -> Result<Option<String>, LedgerError> {
        if let Some(name) = self.named(quantity) {
            columns.numbers(name)?;
            return Ok(Some(name.to_owned()));
        }
        let present = columns.names();
        let found = quantity.usual().iter().find_map(|usual| {
            present
                .iter()
                .find(|name| plain(name) == *usual && columns.numbers(name).is_ok())
        });
        Ok(found.cloned())
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
                    columns.numbers(x)?;
                    Ok(QuantitySource::Column(x.clone()))
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
        if let Some(column) = self.column(columns, quantity)? {
            return Ok(QuantitySource::Column(column));
        }
        let other = |quantity| self.column(columns, quantity);
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

/// Where a quantity's numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub enum QuantitySource {
    /// A column.
    Column(String),
    /// `C / (6 N)` or `C / (6 D)`, of the columns of C and the other.
    OverSix(String, String),
    /// `6 N D`, of their columns.
    SixTimes(String, String),
}

impl QuantitySource {
    fn over_six(flops: Option<String>, other: Option<String>) -> Option<Self> {
        Some(QuantitySource::OverSix(flops?, other?))
    }

    fn six_times(n: Option<String>, d: Option<String>) -> Option<Self> {
        Some(QuantitySource::SixTimes(n?, d?))
    }

    /// Its number in every row.
    ///
    /// # Errors
    /// If a column is not there.
    pub fn numbers(&self, columns: &Columns) -> Result<Vec<Option<f64>>, LedgerError> {
        let of_two = |a: &str, b: &str, of: fn(f64, f64) -> f64| {
            let (a, b) = (columns.numbers(a)?, columns.numbers(b)?);
            Ok(a.into_iter()
                .zip(b)
                .map(|(a, b)| Some(of(a?, b?)))
                .collect())
        };
        match self {
            QuantitySource::Column(name) => columns.numbers(name),
            QuantitySource::OverSix(flops, other) => of_two(flops, other, |c, x| c / (6.0 * x)),
            QuantitySource::SixTimes(n, d) => of_two(n, d, |n, d| 6.0 * n * d),
        }
    }
}

impl fmt::Display for QuantitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuantitySource::Column(name) => f.write_str(name),
            QuantitySource::OverSix(flops, other) => write!(f, "{flops} / (6 {other})"),
            QuantitySource::SixTimes(n, d) => write!(f, "6 {n} {d}"),
        }
    }
}

/// A quantity that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{missing}; the table has {}", present.join(", "))]
pub struct NoQuantity {
    missing: String,
    present: Vec<String>,
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

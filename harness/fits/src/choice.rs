//! How a table is to be fitted.

use std::fmt;
use std::str::FromStr;

use isoflop_law::{Equation, FitOptions, Form, Hiding, LawError, Objective, library};
use isoflop_ledger::{Columns, LedgerError, names};
use isoflop_suite::{Definition, DefinitionError, FitDefinition, slips};
use toml::Spanned;

use crate::{Filter, FitsError, Names, Reduction, Rows};

/// What to make of a table: a law, or slices of equal compute.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A law of this form.
    Law(Form),
    /// A law as somebody wrote it; which of its names are variables the table tells.
    Written(Equation),
    /// Slices of equal compute.
    Isoflop,
}

impl FromStr for Shape {
    type Err = LawError;

    fn from_str(name: &str) -> Result<Self, LawError> {
        match name {
            "isoflop" => Ok(Shape::Isoflop),
            law if law.contains('=') => Equation::read(law).map(Shape::Written),
            form => form.parse().map(Shape::Law).or_else(|no_form| {
                let published = library()?.into_iter().find(|law| law.name == form);
                let published = published.ok_or(no_form)?;
                Equation::of(&published).map(Shape::Written)
            }),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Law(form) => form.fmt(f),
            Shape::Written(equation) => equation.fmt(f),
            Shape::Isoflop => f.pad("isoflop"),
        }
    }
}

/// Which of the largest runs to hide and predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hide {
    /// So many; a law that cannot be fitted to the others is an error.
    Asked(Hiding),
    /// A quarter of them, where the law can be fitted to the others.
    Quarter {
        /// In how many steps they are foretold.
        origins: usize,
    },
}

impl Hide {
    /// Of so many runs.
    pub(crate) fn of(self, runs: usize) -> Hiding {
        match self {
            Hide::Asked(hiding) => hiding,
            Hide::Quarter { origins } => Hiding {
                runs: (runs / 4).max(1),
                origins,
            },
        }
    }
}

/// How to fit a table.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What to make of the table.
    pub shape: Shape,
    /// Which columns are what.
    pub names: Names,
    /// How the law is fitted.
    pub options: FitOptions,
    /// Which of the largest runs to hide and predict.
    pub holdout: Option<Hide>,
    /// What makes one point of several rows.
    pub reduction: Option<Reduction>,
}

impl Choice {
    /// What a definition asks for.
    ///
    /// # Errors
    /// If there is no such form or objective, or the form lacks a variable; the error names the line.
    pub fn of(
        definition: &Definition,
        wanted: &Spanned<FitDefinition>,
    ) -> Result<Self, DefinitionError> {
        let (place, wanted) = (wanted.span(), wanted.get_ref());
        let form = wanted.form.get_ref();
        let shape: Shape = form.parse().map_err(|error: LawError| {
            let names = Form::ALL.map(Form::name).into_iter().chain(["isoflop"]);
            let help = slips::nearest(form, names).map(|name| format!("did you mean `{name}`?"));
            definition.error_at(wanted.form.span(), error.to_string(), help)
        })?;
        let objective = match &wanted.objective {
            None => Objective::HuberLog {
                delta: wanted.delta,
            },
            Some(name) => Objective::named(name.get_ref(), wanted.delta).ok_or_else(|| {
                let message = format!("there is no objective `{}`", name.get_ref());
                let help =
                    "they are huber-log, huber-likelihood, lsq-log, lsq, and huber of written laws";
                definition.error_at(name.span(), message, Some(help.to_owned()))
            })?,
        };
        if let (Shape::Law(form), None) = (&shape, &wanted.x)
            && form.variables() == ["x"]
        {
            let message = format!("`{form}` is a law of one variable, and this gives none");
            let help = "name its column: x = \"flops_6n_total\", say".to_owned();
            return Err(definition.error_at(place, message, Some(help)));
        }
        let word = |word: &Option<Spanned<String>>| word.as_ref().map(|it| it.get_ref().clone());
        Ok(Choice {
            shape,
            names: Names {
                x: word(&wanted.x),
                n: word(&wanted.n).or_else(|| Some(names::PARAMS_TOTAL.to_owned())),
                d: word(&wanted.d).or_else(|| Some(names::TOKENS.to_owned())),
                loss: word(&wanted.loss),
                se: word(&wanted.se),
                group: word(&wanted.group),
                ..Names::default()
            },
            options: FitOptions {
                objective,
                bootstrap: wanted.bootstrap,
                seed: wanted.seed,
                fixed: Vec::new(),
                ..FitOptions::default()
            },
            holdout: wanted
                .holdout
                .map(|runs| Hide::Asked(Hiding { runs, origins: 1 })),
            reduction: None,
        })
    }
}

/// What a definition asks for: a choice, and of which rows.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How to fit.
    pub choice: Choice,
    /// Which rows, where not all.
    pub filter: Option<Filter>,
    /// The column for each of whose values there is a fit.
    pub by: Option<String>,
    /// Parameters that these share.
    pub shared: Vec<String>,
}

impl Asked {
    /// What a `[[fit]]` asks for.
    ///
    /// # Errors
    /// If there is no such form or objective, the form lacks a variable, or the filter cannot be read;
    /// the error names the line.
    pub fn of(
        definition: &Definition,
        wanted: &Spanned<FitDefinition>,
    ) -> Result<Self, DefinitionError> {
        let fit = wanted.get_ref();
        if let (Some(first), None) = (fit.shared.first(), &fit.by) {
            let message = "parameters are shared between the values of a column".to_owned();
            let help = "name the column: by = \"dataset\", say".to_owned();
            return Err(definition.error_at(first.span(), message, Some(help)));
        }
        let choice = Choice::of(definition, wanted)?;
        if let Some(first) = fit.shared.first() {
            let wrong = match (&choice.shape, choice.holdout) {
                (Shape::Isoflop, _) => Some(FitsError::SlicesTogether),
                (_, Some(_)) => Some(FitsError::NoHoldoutTogether),
                _ => None,
            };
            if let Some(error) = wrong {
                return Err(definition.error_at(first.span(), error.to_string(), None));
            }
        }
        if let Shape::Law(form) = choice.shape {
            let parameters = form.parameters();
            let unknown = fit
                .shared
                .iter()
                .find(|it| !parameters.contains(&it.get_ref().as_str()));
            if let Some(name) = unknown {
                let message = format!("`{form}` has no parameter `{}`", name.get_ref());
                let help = format!("its parameters are {}", parameters.join(", "));
                return Err(definition.error_at(name.span(), message, Some(help)));
            }
        }
        let filter = fit.filter.as_ref().map(|text| {
            let read = text.get_ref().parse::<Filter>();
            read.map_err(|error| definition.error_at(text.span(), error.to_string(), None))
        });
        Ok(Asked {
            choice,
            filter: filter.transpose()?,
            by: fit.by.as_ref().map(|column| column.get_ref().clone()),
            shared: fit
                .shared
                .iter()
                .map(|name| name.get_ref().clone())
                .collect(),
        })
    }

    /// The rows of a table that are fitted together.
    ///
    /// # Errors
    /// If the filter or `by` names a column that is not there.
    pub fn rows<'a>(
        &'a self,
        columns: &'a Columns,
        table_hash: &'a str,
    ) -> Result<Vec<Rows<'a>>, LedgerError> {
        let rows = Rows::of(columns, table_hash, self.filter.as_ref())?;
        match &self.by {
            Some(column) => rows.by(column),
            None => Ok(vec![rows]),
        }
    }
}

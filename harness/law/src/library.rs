//! Published laws: their equations, what their parameters mean, and where they were published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::LawError;

/// A published law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Its name on the command line.
    pub name: String,
    /// Its equation, as [`Equation`](crate::Equation) reads it; of a built-in form, for people.
    pub equation: String,
    /// What it is about.
    pub about: String,
    /// Paper and equation.
    pub source: String,
    /// Where the equation was read, where that is not the paper itself.
    #[serde(default)]
    pub read: Option<String>,
    /// A public table that it was fitted to.
    #[serde(default)]
    pub table: Option<String>,
    /// What its authors fitted it to.
    #[serde(default)]
    pub range: Option<String>,
    /// Why its intervals do not hold the truth in 95 of 100 tables, where that was seen.
    #[serde(default)]
    pub intervals: Option<String>,
    /// Whether it is one of [`Form::ALL`](crate::Form::ALL), with starts and coordinates of its own.
    #[serde(default)]
    pub built_in: bool,
    /// What its variables are.
    pub variables: BTreeMap<String, String>,
    /// What its parameters are.
    pub parameters: BTreeMap<String, Meaning>,
}

/// What a parameter is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// In words.
    pub meaning: String,
    /// Its unit.
    #[serde(default)]
    pub unit: Option<String>,
    /// Its published value.
    #[serde(default)]
    pub value: Option<f64>,
}

/// The files of the library, by name.
const FILES: &[(&str, &str)] = &include!("../laws/list.rs");

/// Every published law, by name.
///
/// # Errors
/// If a file of the library cannot be read.
pub fn library() -> Result<Vec<Published>, LawError> {
    let mut laws: Vec<Published> = FILES
        .iter()
        .map(|(file, text)| {
            toml::from_str(text).map_err(|error| LawError::NoEquation(format!("{file}: {error}")))
        })
        .collect::<Result<_, _>>()?;
    laws.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(laws)
}

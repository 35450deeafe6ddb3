//! Whether the data tell a parameter, and what would tell it.

use serde::{Deserialize, Serialize};

use crate::Form;
use crate::declaration::Role;

/// Whether the data bound a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identification {
    /// On both sides.
    Identified,
    /// No bound above: any larger value fits as well.
    UnboundedAbove,
    /// No bound below: a floor of zero, or a flat power, fits as well.
    UnboundedBelow,
    /// On neither side.
    Unbounded,
    /// It was not fitted: the user gave its value.
    Fixed,
}

impl Identification {
    /// From the ends of a profile.
    pub(crate) fn of(ends: [Option<f64>; 2]) -> Self {
        match ends {
            [Some(_), Some(_)] => Identification::Identified,
            [Some(_), None] => Identification::UnboundedAbove,
            [None, Some(_)] => Identification::UnboundedBelow,
            [None, None] => Identification::Unbounded,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Identification::Identified => "identified",
            Identification::UnboundedAbove => "unbounded above",
            Identification::UnboundedBelow => "unbounded below",
            Identification::Unbounded => "unbounded",
            Identification::Fixed => "fixed",
        }
    }
}

/// What kind of run would bound a parameter that these data do not, of a law with these `values`.
pub fn advice(form: Form, index: usize, verdict: Identification, values: &[f64]) -> Option<String> {
    if matches!(verdict, Identification::Identified | Identification::Fixed) {
        return None;
    }
    let variables = form.variables();
    // A power of negative exponent rises: what is far from the floor is then at the large end.
    let rises = |variable: usize| {
        let exponent = form
            .roles()
            .iter()
            .position(|it| *it == Role::Exponent(variable));
        exponent.is_some_and(|at| values[at] < 0.0)
    };
    let all = |[falling, rising]: [fn(&str) -> String; 2]| -> String {
        let word = |(variable, name): (usize, &&str)| {
            if rises(variable) {
                rising(name)
            } else {
                falling(name)
            }
        };
        let words: Vec<String> = variables.iter().enumerate().map(word).collect();
        words.join(" and ")
    };
    // Where the other variables hold the loss back least.
    let others = |variable: usize| {
        let rest = variables.iter().enumerate().filter(|(v, _)| *v != variable);
        let rest: Vec<&str> = rest.map(|(_, name)| plural(name)).collect();
        if rest.is_empty() {
            String::new()
        } else {
            format!(" at the most {}", rest.join(" and "))
        }
    };
    Some(match form.roles()[index] {
        Role::Floor => format!(
            "runs with {}, nearer to the floor, would bound it",
            all([more, less])
        ),
        Role::Ceiling => format!(
            "runs with {}, nearer to the loss of chance, would bound it",
            all([less, more])
        ),
        // A power that is gone at the smallest value needs smaller ones, a flat one a wider range.
        Role::Exponent(v) if rises(v) && verdict == Identification::UnboundedBelow => format!(
            "runs with {}, where this power counts,{} would bound it",
            more(variables[v]),
            others(v)
        ),
        Role::Exponent(v) | Role::Amplitude(v)
            if !rises(v) && verdict == Identification::UnboundedAbove =>
        {
            format!(
                "runs with {}, where this power still counts,{} would bound it",
                less(variables[v]),
                others(v)
            )
        }
        Role::Exponent(v) | Role::Amplitude(v) => format!(
            "runs over a wider range of {}{} would bound it",
            plural(variables[v]),
            others(v)
        ),
        Role::Repeats => "runs that repeat their tokens more often would bound it".to_owned(),
        Role::Excess => {
            "runs with more parameters than their unique tokens can feed would bound it".to_owned()
        }
        Role::Other => format!(
            "runs over a wider range of {} would bound it",
            variables
                .iter()
                .map(|name| plural(name))
                .collect::<Vec<_>>()
                .join(" and ")
        ),
        Role::Bend(v) | Role::Change(v) => format!(
            "runs farther on both sides of the bend in {} would bound it",
            plural(variables[v])
        ),
    })
}

fn plural(variable: &str) -> &str {
    match variable {
        "N" => "parameters",
        "D" => "tokens",
        "U" => "unique tokens",
        "W" => "width",
        "H" => "depth",
        other => other,
    }
}

fn more(variable: &str) -> String {
    match variable {
        "x" | "W" | "H" => format!("larger {}", plural(variable)),
        _ => format!("more {}", plural(variable)),
    }
}

fn less(variable: &str) -> String {
    match variable {
        "x" | "W" | "H" => format!("smaller {}", plural(variable)),
        _ => format!("fewer {}", plural(variable)),
    }
}

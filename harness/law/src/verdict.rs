//! Whether the data tell a parameter, and what would tell it.

use serde::{Deserialize, Serialize};

use crate::Form;
use crate::form::Role;

/// Whether the data bound a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// On both sides.
    Identified,
    /// Not above: any larger value fits as well.
    UnboundedAbove,
    /// Not below: a floor of nothing, or a flat power, fits as well.
    UnboundedBelow,
    /// On neither side.
    Unbounded,
}

impl Verdict {
    /// From the ends of a profile.
    pub(crate) fn of(ends: [Option<f64>; 2]) -> Self {
        match ends {
            [Some(_), Some(_)] => Verdict::Identified,
            [Some(_), None] => Verdict::UnboundedAbove,
            [None, Some(_)] => Verdict::UnboundedBelow,
            [None, None] => Verdict::Unbounded,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Identified => "identified",
            Verdict::UnboundedAbove => "unbounded above",
            Verdict::UnboundedBelow => "unbounded below",
            Verdict::Unbounded => "unbounded",
        }
    }
}

/// What kind of run would bound a parameter that these data do not.
pub fn advice(form: Form, index: usize, verdict: Verdict) -> Option<String> {
    if verdict == Verdict::Identified {
        return None;
    }
    let name = |variable: usize| match form.variables()[variable] {
        "N" => "parameters".to_owned(),
        "D" => "tokens".to_owned(),
        "U" => "unique tokens".to_owned(),
        "W" => "width".to_owned(),
        "H" => "depth".to_owned(),
        x => x.to_owned(),
    };
    let all: Vec<String> = (0..form.variables().len()).map(name).collect();
    let others = |variable: usize| {
        let rest: Vec<&str> = all
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != variable)
            .map(|(_, name)| name.as_str())
            .collect();
        if rest.is_empty() {
            String::new()
        } else {
            format!(", with {} at their largest", rest.join(" and "))
        }
    };
    Some(match form.roles()[index] {
        Role::Floor => format!(
            "runs with more {}, nearer to the floor, would bound it",
            all.join(" and more ")
        ),
        Role::Ceiling => format!(
            "runs with less {}, nearer to the loss of chance, would bound it",
            all.join(" and less ")
        ),
        // A power that is gone at the smallest value needs smaller ones, a flat one a wider range.
        Role::Exponent(v) | Role::Amplitude(v) if verdict == Verdict::UnboundedAbove => format!(
            "runs with fewer {}, where its power still counts{}, would bound it",
            all[v],
            others(v)
        ),
        Role::Exponent(v) | Role::Amplitude(v) => format!(
            "runs over a wider range of {}{}, would bound it",
            all[v],
            others(v)
        ),
        Role::Bend(v) if form == Form::DataConstrained && v == 2 => {
            "runs that repeat their tokens more often would bound it".to_owned()
        }
        Role::Bend(v) if form == Form::DataConstrained => format!(
            "runs with more {} than their unique tokens can feed would bound it",
            all[v]
        ),
        Role::Bend(v) => format!("more runs on both sides of the bend in {} would bound it", all[v]),
    })
}

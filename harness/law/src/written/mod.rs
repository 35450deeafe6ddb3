//! Laws that somebody wrote as an equation: `loss = E + A*N^-alpha + B*D^-beta + G*(lr/l0 - 1)^2`.

mod law;
mod program;
mod shape;
mod starts;
mod tree;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use isoflop_grammar::equations;

use crate::LawError;
use crate::declaration::{Declaration, Loss, Role};

pub use law::OfEquation;
use program::Scale;
use shape::Part;
pub use tree::Tree;

/// Parameters of a law, at most.
const MOST_PARAMETERS: usize = 40;

/// A law as it was written.
#[derive(Debug)]
pub struct Written {
    pub(crate) declaration: Declaration,
    target: String,
    tree: Tree,
    parts: Vec<Part>,
}

/// An equation that was read, before it is known which of its names are variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    text: String,
    named: Vec<(String, isoflop_grammar::Node)>,
}

impl fmt::Display for Equation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Equation {
    /// Reads one: equations with `;` between them, of which the last is the law and the others name its parts.
    ///
    /// # Errors
    /// Where it cannot be read; the error points at the character.
    pub fn read(text: &str) -> Result<Self, LawError> {
        let named = equations(text).map_err(|error| LawError::NoEquation(error.to_string()))?;
        for (at, (name, _)) in named.iter().enumerate() {
            if named[..at].iter().any(|(before, _)| before == name) {
                return Err(LawError::NoEquation(format!(
                    "`{name}` is said twice in `{text}`"
                )));
            }
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Equation { text, named })
    }

    /// What it predicts.
    pub fn target(&self) -> &str {
        &self.named[self.named.len() - 1].0
    }

    /// The names in it that it does not explain itself, in the order in which they stand there.
    pub fn names(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let _ = self.tree(&mut |name| {
            if !found.iter().any(|it| it == name) {
                found.push(name.to_owned());
            }
            Tree::Number(f64::NAN)
        });
        found
    }

    fn tree(&self, name: &mut dyn FnMut(&str) -> Tree) -> Tree {
        let mut known: Vec<(&str, Tree)> = Vec::new();
        for (target, node) in &self.named {
            let tree = Tree::of(node, &mut |it| {
                let known = known.iter().find(|(name, _)| *name == it);
                known.map_or_else(|| name(it), |(_, tree)| tree.clone())
            });
            known.push((target, tree));
        }
        known.pop().expect("there is an equation").1
    }

    /// The law in which these of its names are variables and the others parameters.
    ///
    /// # Errors
    /// If it has no variable, no parameter, or too many of them.
    pub fn law(&self, variables: &[String]) -> Result<&'static Written, LawError> {
        /// Laws that were written in this process. There are few, and forms are copied freely.
        static ALL: Mutex<Vec<&'static Written>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|written| {
            written.declaration.name == self.text && written.declaration.variables == variables
        });
        if let Some(written) = known {
            return Ok(written);
        }
        let written: &'static Written = Box::leak(Box::new(self.written(variables)?));
        all.push(written);
        Ok(written)
    }

    fn written(&self, variables: &[String]) -> Result<Written, LawError> {
        let wrong = |message: String| Err(LawError::NoEquation(message));
        let mut parameters: Vec<String> = Vec::new();
        let tree = self.tree(&mut |name| {
            if let Some(at) = variables.iter().position(|it| it == name) {
                return Tree::Variable(at);
            }
            let at = parameters.iter().position(|it| it == name);
            Tree::Parameter(at.unwrap_or_else(|| {
                parameters.push(name.to_owned());
                parameters.len() - 1
            }))
        });
        let text = &self.text;
        if parameters.is_empty() {
            return wrong(format!(
                "`{text}` has no parameter to fit: all its names are columns"
            ));
        }
        if !tree.varies() {
            let names = parameters.join(", ");
            return wrong(format!(
                "`{text}` has no variable: none of {names} is a column or a quantity of the table"
            ));
        }
        if parameters.len() > MOST_PARAMETERS {
            return wrong(format!(
                "`{text}` has {} parameters, and a law has at most {MOST_PARAMETERS}",
                parameters.len()
            ));
        }
        let parts = shape::parts(&tree, parameters.len());
        let roles: Vec<Role> = parts.iter().map(|part| part.role).collect();
        let leaked = |names: &[String]| -> &'static [&'static str] {
            let names = names.iter().map(|name| &*name.clone().leak());
            names.collect::<Vec<&'static str>>().leak()
        };
        let name: &'static str = text.clone().leak();
        Ok(Written {
            declaration: Declaration {
                name,
                equation: name,
                variables: leaked(variables),
                parameters: leaked(&parameters),
                roles: roles.leak(),
                distinct: vec![2; variables.len()].leak(),
                loss: Loss::Written(Box::leak(Box::new(tree.clone()))),
                trade: None,
            },
            target: self.target().to_owned(),
            tree,
            parts,
        })
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.declaration.name, it.declaration.variables);
        of(self) == of(other)
    }
}

impl Eq for Written {}

impl Hash for Written {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
        self.declaration.variables.hash(state);
    }
}

impl Written {
    /// What it predicts, by the name that it has in the equation.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What each parameter is measured on, where nobody has bounded it.
    fn scales(&self, of_values: bool) -> Vec<Scale> {
        let factors: Vec<usize> = match &self.tree {
            // Of a law that is one product its factors are positive, as its target is.
            Tree::Product(factors) if !of_values => factors
                .iter()
                .filter_map(|factor| match factor {
                    Tree::Parameter(index) => Some(*index),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let scale = |(index, part): (usize, &Part)| {
            let positive = part.positive
                || (part.role == Role::Floor && !of_values)
                || factors.contains(&index);
            if positive {
                Scale::Logarithm
            } else {
                Scale::Plain
            }
        };
        self.parts.iter().enumerate().map(scale).collect()
    }
}

//! Laws that somebody wrote as an equation: `loss = E + A*N^-alpha + B*D^-beta + G*(lr/l0 - 1)^2`.

mod frame;
mod law;
mod program;
mod shape;
mod starts;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use isoflop_grammar::equations;

use crate::declaration::{Declaration, Loss, Role};
use crate::{LawError, Published};

use crate::tree::Tree;
pub use law::OfEquation;
use program::Scale;
use shape::Part;

/// Numbers, names and signs of a law, with those of the parts that it names, at most.
const MOST_PARTS: usize = 4000;
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
    variables: Option<Vec<String>>,
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
        let equation = Equation {
            text: text.trim().to_owned(),
            named,
            variables: None,
        };
        equation.checked()
    }

    /// A published law's, whose variables are known.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(law: &Published) -> Result<Self, LawError> {
        let equation = Equation::read(&law.equation)?;
        // What it predicts is explained there as well.
        let names = equation.names();
        let variables = names
            .into_iter()
            .filter(|it| law.variables.contains_key(it));
        Ok(Equation {
            variables: Some(variables.collect()),
            ..equation
        })
    }

    /// The variables of a published law; of others the table tells them.
    pub fn variables(&self) -> Option<&[String]> {
        self.variables.as_deref()
    }

    /// Refuses parts that grow by naming each other until no memory holds them.
    fn checked(self) -> Result<Self, LawError> {
        let mut sizes: Vec<(&str, usize)> = Vec::new();
        for (name, node) in &self.named {
            let mut more = 0;
            let tree = Tree::of(node, &mut |it| {
                let known = sizes.iter().find(|(name, _)| *name == it);
                more += known.map_or(0, |(_, size)| *size);
                Tree::Number(f64::NAN)
            });
            let size = tree.size() + more;
            if size > MOST_PARTS {
                return Err(LawError::NoEquation(format!(
                    "`{name}` has more than the {MOST_PARTS} parts that are read"
                )));
            }
            sizes.push((name, size));
        }
        Ok(self)
    }

    /// What it predicts.
    pub fn target(&self) -> &str {
        &self.named[self.named.len() - 1].0
    }

    /// The names in it that it does not explain itself, in the order in which they stand there.
    pub fn names(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let tree = self.tree(&mut |name| {
            let at = found.iter().position(|it| it == name);
            Tree::Parameter(at.unwrap_or_else(|| {
                found.push(name.to_owned());
                found.len() - 1
            }))
        });
        let used = found.into_iter().enumerate();
        used.filter(|(at, _)| tree.count(*at) > 0)
            .map(|(_, name)| name)
            .collect()
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
        if variables.iter().any(|it| it == self.target()) {
            return wrong(format!(
                "`{text}` has what it predicts on its other side as well"
            ));
        }
        let unused = (0..parameters.len()).find(|index| tree.count(*index) == 0);
        if let Some(unused) = unused {
            return wrong(format!(
                "`{}` is in a part of `{text}` that the law does not use",
                parameters[unused]
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

/// Whether a factor can only be positive, or is a parameter.
fn is_plain_factor(factor: &Tree) -> bool {
    match factor {
        Tree::Number(number) => *number > 0.0,
        Tree::Variable(_) | Tree::Parameter(_) | Tree::Exp(_) => true,
        Tree::Power(base, _) => matches!(**base, Tree::Variable(_) | Tree::Parameter(_)),
        _ => false,
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
    /// Whether a variable may be zero or negative in it.
    pub fn may_be_zero(&self, variable: usize) -> bool {
        shape::may_be_zero(&self.tree, variable)
    }

    /// What it predicts, by the name that it has in the equation.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What each parameter is measured on, where nobody has bounded it.
    fn scales(&self, of_values: bool) -> Vec<Scale> {
        let factors: Vec<usize> = match &self.tree {
            // Of a law that is a product of powers its factors are positive, as its target is.
            Tree::Product(factors) if !of_values && factors.iter().all(is_plain_factor) => factors
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

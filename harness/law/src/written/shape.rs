//! What the parameters of an equation are, by how they enter it: floors, amplitudes, exponents, scales of a variable,
//! and which of them it is linear in.

use crate::declaration::Role;

use super::program::{Program, Scale, Stored};
use crate::tree::Tree;

/// A parameter of an equation.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub role: Role,
    /// Whether it can only be positive: it is compared with a variable, or its logarithm is taken.
    pub positive: bool,
    /// Variables that it stands beside.
    pub variables: Vec<usize>,
}

/// What each of so many parameters is.
pub fn parts(tree: &Tree, count: usize) -> Vec<Part> {
    (0..count).map(|index| part(tree, index)).collect()
}

fn part(tree: &Tree, index: usize) -> Part {
    let terms = match tree {
        Tree::Sum(terms) => terms.as_slice(),
        one => std::slice::from_ref(one),
    };
    let with: Vec<&Tree> = terms.iter().filter(|term| term.count(index) > 0).collect();
    let mut variables = Vec::new();
    if let Some(nearest) = nearest(tree, index) {
        variables_of(nearest, &mut variables);
    }
    let is_floor = terms.len() > 1 && terms.contains(&Tree::Parameter(index));
    let role = if is_floor && with.len() == 1 {
        Role::Floor
    } else if let (true, Some(variable)) = (terms.len() > 1, exponent_of(tree, index)) {
        Role::Exponent(variable)
    } else if let Some(variable) = with.iter().find_map(|term| amplitude_of(term, index)) {
        Role::Amplitude(variable)
    } else {
        Role::Other
    };
    Part {
        role,
        positive: is_compared(tree, index),
        variables,
    }
}

fn variables_of(tree: &Tree, found: &mut Vec<usize>) {
    if let Tree::Variable(variable) = tree
        && !found.contains(variable)
    {
        found.push(*variable);
    }
    for part in tree.parts() {
        variables_of(part, found);
    }
}

fn first_variable(tree: &Tree) -> Option<usize> {
    let mut found = Vec::new();
    variables_of(tree, &mut found);
    found.first().copied()
}

/// The smallest part in which it stands with a variable.
fn nearest(tree: &Tree, index: usize) -> Option<&Tree> {
    let inner = tree
        .parts()
        .into_iter()
        .find_map(|part| nearest(part, index));
    inner.or_else(|| (tree.count(index) > 0 && tree.varies()).then_some(tree))
}

/// The variable of whose power it is the exponent, by itself.
fn exponent_of(tree: &Tree, index: usize) -> Option<usize> {
    if let Tree::Power(base, exponent) = tree {
        let alone = Tree::Parameter(index);
        let opposite = alone.clone().times(Tree::Number(-1.0));
        let found = (**exponent == alone || **exponent == opposite).then(|| first_variable(base));
        if let Some(variable) = found.flatten() {
            return Some(variable);
        }
    }
    tree.parts()
        .into_iter()
        .find_map(|part| exponent_of(part, index))
}

/// The variable of the product of which it is a factor.
fn amplitude_of(term: &Tree, index: usize) -> Option<usize> {
    match term {
        Tree::Product(factors) if factors.contains(&Tree::Parameter(index)) => first_variable(term),
        _ => None,
    }
}

/// Whether it is divided by, added to or multiplied with a variable in the base of a power that is not whole, or in a
/// logarithm.
fn is_compared(tree: &Tree, index: usize) -> bool {
    let inside = match tree {
        Tree::Power(base, exponent) => {
            let whole = matches!(**exponent, Tree::Number(power) if power.fract() == 0.0);
            let inverse = **base == Tree::Parameter(index);
            (!whole && is_bare(base, index)) || inverse
        }
        Tree::Log(x) => is_bare(x, index),
        _ => false,
    };
    inside
        || tree
            .parts()
            .into_iter()
            .any(|part| is_compared(part, index))
}

/// Whether it stands in a part outside of exponents.
fn is_bare(tree: &Tree, index: usize) -> bool {
    match tree {
        Tree::Parameter(it) => *it == index,
        Tree::Exp(_) => false,
        Tree::Power(base, _) => is_bare(base, index),
        other => other.parts().into_iter().any(|part| is_bare(part, index)),
    }
}

/// Whether a variable may be zero: it is no base of a power that is not whole or below zero, and in no logarithm.
pub fn may_be_zero(tree: &Tree, variable: usize) -> bool {
    let is_factor = |tree: &Tree| match tree {
        Tree::Product(factors) => factors.contains(&Tree::Variable(variable)),
        one => *one == Tree::Variable(variable),
    };
    let here = match tree {
        Tree::Power(base, exponent) => {
            let whole = matches!(**exponent, Tree::Number(n) if n.fract() == 0.0 && n > 0.0);
            whole || !is_factor(base)
        }
        Tree::Log(x) => !is_factor(x),
        _ => true,
    };
    here && tree
        .parts()
        .into_iter()
        .all(|part| may_be_zero(part, variable))
}

/// Parameters in which the tree is linear, all at once; on these scales.
pub fn linear(tree: &Tree, scales: &[Scale], stored: &[Stored]) -> Vec<usize> {
    let bent: Vec<[usize; 2]> = Program::of(tree, scales, stored).bent().collect();
    // What has a kink is straight on either side of it, and not linear.
    let kinked = |index: usize| {
        tree.any(&|part| matches!(part, Tree::Least(_) | Tree::Abs(_)) && part.count(index) > 0)
    };
    let conflicts = |index: usize| bent.iter().filter(|pair| pair.contains(&index)).count();
    let mut order: Vec<usize> = (0..scales.len())
        .filter(|index| !bent.contains(&[*index, *index]) && !kinked(*index))
        .collect();
    order.sort_by_key(|index| conflicts(*index));
    let mut chosen: Vec<usize> = Vec::new();
    for index in order {
        let apart = |other: &usize| !bent.contains(&[index.max(*other), index.min(*other)]);
        if chosen.iter().all(apart) {
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    chosen
}

/// An equation in which amplitudes are those at the centre of the data: `A N^-a` is `A' (N/n)^-a`, with n the centre
/// and `A' = A n^-a`, so that A' hardly depends on the exponent.
#[derive(Debug, Clone)]
pub struct Centred {
    /// With variables from `count` on for those over their centres.
    pub tree: Tree,
    /// What is added to the logarithm of each amplitude, where it is one.
    pub shifts: Vec<Option<Tree>>,
}

/// Centres an equation of so many parameters, of variables that are stored like this; `may` says of which parameters.
pub fn centred(tree: &Tree, stored: &[Stored], may: &[bool]) -> Centred {
    let mut shifts = vec![None; may.len()];
    let tree = absorbed(tree, tree, stored, may, &mut shifts);
    Centred { tree, shifts }
}

fn absorbed(
    tree: &Tree,
    whole: &Tree,
    stored: &[Stored],
    may: &[bool],
    shifts: &mut [Option<Tree>],
) -> Tree {
    let Tree::Product(factors) = tree else {
        return tree.with(&mut |part| absorbed(part, whole, stored, may, shifts));
    };
    let amplitude = factors.iter().find_map(|factor| match factor {
        Tree::Parameter(index) if may[*index] && whole.count(*index) == 1 => Some(*index),
        _ => None,
    });
    let Some(amplitude) = amplitude else {
        return tree.with(&mut |part| absorbed(part, whole, stored, may, shifts));
    };
    let mut shift: Option<Tree> = None;
    let factors = factors.iter().map(|factor| {
        let Tree::Power(base, exponent) = factor else {
            return factor.clone();
        };
        let Tree::Variable(variable) = **base else {
            return factor.clone();
        };
        let Stored::Logarithm(centre) = stored[variable] else {
            return factor.clone();
        };
        if exponent.varies() {
            return factor.clone();
        }
        let more = (**exponent).clone().times(Tree::Number(centre));
        shift = Some(match shift.take() {
            Some(before) => before.plus(more),
            None => more,
        });
        let over = Tree::Variable(variable + stored.len());
        Tree::Power(Box::new(over), exponent.clone())
    });
    let product = Tree::Product(factors.collect());
    shifts[amplitude] = shift;
    product
}

//! A law's equation as a tree of sums, products and powers.

use isoflop_grammar::{Function, Node, Operator};

/// A part of an equation.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Number(f64),
    /// By its place among the law's variables.
    Variable(usize),
    /// By its place among the law's parameters.
    Parameter(usize),
    Sum(Vec<Tree>),
    Product(Vec<Tree>),
    Power(Box<Tree>, Box<Tree>),
    Exp(Box<Tree>),
    Log(Box<Tree>),
    Abs(Box<Tree>),
    /// The smaller of two.
    Least(Box<[Tree; 2]>),
}

impl Tree {
    /// From what the grammar read; `name` says what a name stands for.
    pub fn of(node: &Node, name: &mut dyn FnMut(&str) -> Tree) -> Self {
        match node {
            Node::Number(number) => Tree::Number(*number),
            Node::Name(it) => name(it),
            Node::Negated(inner) => Tree::of(inner, name).times(Tree::Number(-1.0)),
            Node::Joined { by, parts, .. } => {
                let [a, b] = [0, 1].map(|at| Tree::of(&parts[at], name));
                match by {
                    Operator::Plus => a.plus(b),
                    Operator::Minus => a.plus(b.times(Tree::Number(-1.0))),
                    Operator::Times => a.times(b),
                    Operator::Over => a.times(b.inverse()),
                    Operator::Power => a.power(b),
                }
            }
            Node::Called(function, inner) => {
                let all: Vec<Tree> = inner.iter().map(|it| Tree::of(it, name)).collect();
                Tree::called(*function, all)
            }
            // The grammar has made sure that it is a number.
            _ => Tree::Number(f64::NAN),
        }
    }

    fn called(function: Function, mut inner: Vec<Tree>) -> Self {
        if let Some(numbers) = inner.iter().map(Tree::number).collect::<Option<Vec<f64>>>() {
            return Tree::Number(function.of(&numbers));
        }
        let minus = |tree: Tree| tree.times(Tree::Number(-1.0));
        let least = |a: Tree, b: Tree| Tree::Least(Box::new([a, b]));
        match function {
            Function::Min => inner.into_iter().reduce(least).expect("two or more"),
            Function::Max => minus(
                inner
                    .into_iter()
                    .map(minus)
                    .reduce(least)
                    .expect("two or more"),
            ),
            one => {
                let x = inner.swap_remove(0);
                match one {
                    Function::Exp => Tree::Exp(Box::new(x)),
                    Function::Sqrt => x.power(Tree::Number(0.5)),
                    Function::Abs => Tree::Abs(Box::new(x)),
                    Function::Log2 => x.log().times(Tree::Number(std::f64::consts::LOG2_E)),
                    Function::Log10 => x.log().times(Tree::Number(std::f64::consts::LOG10_E)),
                    _ => x.log(),
                }
            }
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Tree::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn plus(self, other: Tree) -> Self {
        let mut terms = Vec::new();
        let mut number = 0.0;
        for tree in [self, other] {
            match tree {
                Tree::Sum(inner) => terms.extend(inner),
                one => terms.push(one),
            }
        }
        terms.retain(|term| {
            number += term.number().unwrap_or(0.0);
            term.number().is_none()
        });
        if number != 0.0 || terms.is_empty() {
            terms.push(Tree::Number(number));
        }
        match terms.len() {
            1 => terms.swap_remove(0),
            _ => Tree::Sum(terms),
        }
    }

    pub fn times(self, other: Tree) -> Self {
        let mut factors = Vec::new();
        let mut number = 1.0;
        for tree in [self, other] {
            match tree {
                Tree::Product(inner) => factors.extend(inner),
                one => factors.push(one),
            }
        }
        factors.retain(|factor| {
            number *= factor.number().unwrap_or(1.0);
            factor.number().is_none()
        });
        if number != 1.0 || factors.is_empty() {
            factors.insert(0, Tree::Number(number));
        }
        match factors.len() {
            1 => factors.swap_remove(0),
            _ => Tree::Product(factors),
        }
    }

    pub fn inverse(self) -> Self {
        match self {
            Tree::Product(factors) => factors
                .into_iter()
                .map(Tree::inverse)
                .reduce(Tree::times)
                .expect("a product has factors"),
            one => one.power(Tree::Number(-1.0)),
        }
    }

    pub fn power(self, exponent: Tree) -> Self {
        match (self, exponent) {
            (Tree::Number(base), Tree::Number(exponent)) => Tree::Number(base.powf(exponent)),
            (base, Tree::Number(1.0)) => base,
            (_, Tree::Number(0.0)) => Tree::Number(1.0),
            (Tree::Power(base, inner), Tree::Number(-1.0)) => {
                base.power(inner.times(Tree::Number(-1.0)))
            }
            (base, exponent) => Tree::Power(Box::new(base), Box::new(exponent)),
        }
    }

    pub fn log(self) -> Self {
        Tree::Log(Box::new(self))
    }

    /// What it is made of.
    pub fn parts(&self) -> Vec<&Tree> {
        match self {
            Tree::Number(_) | Tree::Variable(_) | Tree::Parameter(_) => Vec::new(),
            Tree::Sum(all) | Tree::Product(all) => all.iter().collect(),
            Tree::Power(a, b) => vec![a, b],
            Tree::Exp(x) | Tree::Log(x) | Tree::Abs(x) => vec![x],
            Tree::Least(both) => both.iter().collect(),
        }
    }

    /// The same of other parts.
    pub fn with(&self, of: &mut dyn FnMut(&Tree) -> Tree) -> Self {
        let mut boxed = |tree: &Tree| Box::new(of(tree));
        match self {
            Tree::Number(_) | Tree::Variable(_) | Tree::Parameter(_) => self.clone(),
            Tree::Sum(all) => Tree::Sum(all.iter().map(of).collect()),
            Tree::Product(all) => Tree::Product(all.iter().map(of).collect()),
            Tree::Power(a, b) => Tree::Power(boxed(a), boxed(b)),
            Tree::Exp(x) => Tree::Exp(boxed(x)),
            Tree::Log(x) => Tree::Log(boxed(x)),
            Tree::Abs(x) => Tree::Abs(boxed(x)),
            Tree::Least(both) => Tree::Least(Box::new([of(&both[0]), of(&both[1])])),
        }
    }

    /// Whether any part of it, or it itself, is so.
    pub fn any(&self, is: &dyn Fn(&Tree) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.any(is))
    }

    /// How many parts it has, with itself.
    pub fn size(&self) -> usize {
        1 + self.parts().into_iter().map(Tree::size).sum::<usize>()
    }

    /// Whether it changes from row to row.
    pub fn varies(&self) -> bool {
        self.any(&|part| matches!(part, Tree::Variable(_)))
    }

    /// How often a parameter stands in it.
    pub fn count(&self, parameter: usize) -> usize {
        let here = usize::from(*self == Tree::Parameter(parameter));
        let parts = self.parts().into_iter();
        here + parts.map(|part| part.count(parameter)).sum::<usize>()
    }

    /// Its number, of these parameters and variables.
    pub fn at(&self, parameters: &[f64], x: &[f64]) -> f64 {
        let at = |tree: &Tree| tree.at(parameters, x);
        match self {
            Tree::Number(number) => *number,
            Tree::Variable(index) => x[*index],
            Tree::Parameter(index) => parameters[*index],
            Tree::Sum(terms) => terms.iter().map(at).sum(),
            Tree::Product(factors) => factors.iter().map(at).product(),
            Tree::Power(base, exponent) => at(base).powf(at(exponent)),
            Tree::Exp(x) => at(x).exp(),
            Tree::Log(x) => at(x).ln(),
            Tree::Abs(x) => at(x).abs(),
            Tree::Least(both) => at(&both[0]).min(at(&both[1])),
        }
    }
}

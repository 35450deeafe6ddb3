//! `[[sweep]]`: the axes of a suite. Each is declared once, in the list at the end of this file.

use std::ops::{Range, RangeInclusive};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::error::DefinitionText;
use crate::{Axis, DefinitionError, Precision};

/// More cells than this is a slip of the pen: a product of axes that was meant as a list.
const MOST_CELLS: usize = 100_000;
/// Bounds that keep every count far from overflow.
const WIDEST: u64 = 1 << 17;
const DEEPEST: u64 = 1 << 12;
const LONGEST: u64 = 1 << 20;
const LARGEST_BATCH: u64 = 1 << 24;
/// Where a sweep gives no `sequence_length`.
const SEQUENCE_LENGTH: u64 = 128;
/// Tokens that counts of FLOPs and steps still hold exactly enough.
pub const MOST_TOKENS: f64 = 1e15;

/// One value of every axis.
#[derive(Debug, Clone)]
pub struct Point {
    pub width: u64,
    pub depth: u64,
    pub head_width: Option<u64>,
    pub feed_forward_ratio: Option<f64>,
    pub sequence_length: u64,
    pub batch: Option<u64>,
    pub learning_rate: Option<f64>,
    pub seed: u64,
    pub order_seed: Option<u64>,
    pub unique_tokens: Option<u64>,
    pub precision: Precision,
    pub budget: Budget,
}

impl Default for Point {
    fn default() -> Self {
        Point {
            width: 0,
            depth: 0,
            head_width: None,
            feed_forward_ratio: None,
            sequence_length: SEQUENCE_LENGTH,
            batch: None,
            learning_rate: None,
            seed: 0,
            order_seed: None,
            unique_tokens: None,
            precision: Precision::default(),
            budget: Budget::Tokens(0),
        }
    }
}

/// How much is trained on.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    Tokens(u64),
    TokensPerParameter(f64),
    Flops(f64),
}

/// Which values an axis takes.
enum Allowed<T> {
    From(RangeInclusive<T>),
    AtMost(T),
    Any,
}

impl<T: PartialOrd + std::fmt::Display> Allowed<T> {
    fn has(&self, value: &T) -> bool {
        match self {
            Allowed::From(range) => range.contains(value),
            Allowed::AtMost(most) => value <= most,
            Allowed::Any => true,
        }
    }

    fn words(&self) -> String {
        match self {
            Allowed::From(range) => format!("from {} to {}", range.start(), range.end()),
            Allowed::AtMost(most) => format!("at most {most}"),
            Allowed::Any => "any".to_owned(),
        }
    }
}

/// Declares the axes. For each: what it is, its name, the type of its values, which are allowed, and
/// where in a [`Point`] a value goes.
macro_rules! axes {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $allowed:expr, $set:expr;)*) => {
        /// `[[sweep]]`: a product of axes, and of a list of shapes where one is given.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Sweep {
            /// Settings that go together, as `{ width = 64, depth = 2 }`, crossed with the axes beside it.
            #[schemars(with = "Vec<Sweep>")]
            pub list: Vec<Spanned<Sweep>>,
            $($(#[$doc])* pub $name: Option<Axis<$type>>,)*
            #[serde(skip)]
            pub(crate) span: Range<usize>,
        }

        impl Sweep {
            /// A list's item with the axes that the sweep around it gives.
            fn merged(
                &self,
                item: &Sweep,
                span: Range<usize>,
                source: &DefinitionText,
            ) -> Result<Sweep, DefinitionError> {
                Ok(Sweep {
                    list: Vec::new(),
                    $($name: either(stringify!($name), &self.$name, &item.$name, source)?,)*
                    span,
                })
            }
        }

        impl Product<'_> {
            fn cross_all(&mut self, sweep: &Sweep) -> Result<(), DefinitionError> {
                $(self.cross(stringify!($name), sweep.$name.as_ref(), &$allowed, $set)?;)*
                Ok(())
            }
        }
    };
}

impl Sweep {
    /// The sweep with its place in the file.
    pub(super) fn placed(spanned: Spanned<Sweep>) -> Self {
        let span = spanned.span();
        Sweep {
            span,
            ..spanned.into_inner()
        }
    }

    /// The points of the sweep, each with the place in the file to point at when it is refused.
    pub(crate) fn points(
        &self,
        source: &DefinitionText,
    ) -> Result<Vec<(Point, Range<usize>)>, DefinitionError> {
        if self.list.is_empty() {
            return self.product(source);
        }
        let mut all = Vec::new();
        for item in &self.list {
            if !item.get_ref().list.is_empty() {
                let message = "a list inside a list";
                return Err(source.error(Some(item.span()), message, None));
            }
            let merged = self.merged(item.get_ref(), item.span(), source)?;
            all.extend(merged.product(source)?);
        }
        Ok(all)
    }

    fn product(
        &self,
        source: &DefinitionText,
    ) -> Result<Vec<(Point, Range<usize>)>, DefinitionError> {
        let missing = |name: &str| {
            let message = format!("the sweep gives no `{name}`");
            source.error(Some(self.span.clone()), message, None)
        };
        let width = self.width.as_ref().ok_or_else(|| missing("width"))?;
        self.depth.as_ref().ok_or_else(|| missing("depth"))?;
        self.one_budget(source)?;
        let mut product = Product {
            points: vec![Point::default()],
            source,
        };
        product.cross_all(self)?;
        let place = width.span.clone();
        let points = product.points.into_iter();
        Ok(points.map(|point| (point, place.clone())).collect())
    }

    fn one_budget(&self, source: &DefinitionText) -> Result<(), DefinitionError> {
        let given = [
            self.tokens.is_some(),
            self.tokens_per_parameter.is_some(),
            self.flops.is_some(),
        ];
        let message = match given.into_iter().filter(|given| *given).count() {
            0 => "the sweep gives no data budget",
            1 => return Ok(()),
            _ => "the sweep gives several data budgets",
        };
        let help = "give one of `tokens`, `tokens_per_parameter` and `flops`".to_owned();
        Err(source.error(Some(self.span.clone()), message, Some(help)))
    }
}

/// An axis that stands in a list or beside it.
fn either<T: Clone>(
    name: &str,
    outer: &Option<Axis<T>>,
    inner: &Option<Axis<T>>,
    source: &DefinitionText,
) -> Result<Option<Axis<T>>, DefinitionError> {
    match (outer, inner) {
        (Some(_), Some(inner)) => Err(source.error(
            Some(inner.span.clone()),
            format!("`{name}` stands both in the list and beside it"),
            Some("keep one of the two".into()),
        )),
        (outer, inner) => Ok(inner.clone().or_else(|| outer.clone())),
    }
}

/// Points so far, to be crossed with one axis after another.
struct Product<'a> {
    points: Vec<Point>,
    source: &'a DefinitionText,
}

impl Product<'_> {
    fn cross<T: Copy + PartialOrd + std::fmt::Display>(
        &mut self,
        name: &str,
        axis: Option<&Axis<T>>,
        allowed: &Allowed<T>,
        set: impl Fn(&mut Point, T),
    ) -> Result<(), DefinitionError> {
        let Some(axis) = axis else { return Ok(()) };
        let refuse = |message: String, help: Option<String>| {
            Err(self.source.error(Some(axis.span.clone()), message, help))
        };
        if axis.values.is_empty() {
            return refuse(
                format!("`{name}` is an empty list, so the sweep has no cells"),
                None,
            );
        }
        if let Some(value) = axis.values.iter().find(|value| !allowed.has(value)) {
            return refuse(
                format!("`{name}` = {value} is out of range"),
                Some(format!("it must be {}", allowed.words())),
            );
        }
        if self.points.len() * axis.values.len() > MOST_CELLS {
            return refuse(
                format!("the sweep has more than {MOST_CELLS} cells"),
                Some("axes multiply; settings that go together belong in `list`".into()),
            );
        }
        let before = std::mem::take(&mut self.points);
        for point in before {
            for value in &axis.values {
                let mut point = point.clone();
                set(&mut point, *value);
                self.points.push(point);
            }
        }
        Ok(())
    }
}

axes! {
    /// Residual width: a must, here or in `list`.
    width: u64, Allowed::From(2..=WIDEST), |point, value| point.width = value;
    /// Transformer blocks: a must, here or in `list`.
    depth: u64, Allowed::From(1..=DEEPEST), |point, value| point.depth = value;
    /// Width of one attention head, which is even and divides `width`; by a rule that `plan` names where nothing is said.
    head_width: u64, Allowed::From(2..=WIDEST), |point, value| point.head_width = Some(value);
    /// Hidden units of the feed-forward block per unit of width; by rule where nothing is said.
    feed_forward_ratio: f64, Allowed::AtMost(64.0), |point, value| {
        point.feed_forward_ratio = Some(value);
    };
    /// Tokens per sequence; 128 where nothing is said.
    sequence_length: u64, Allowed::From(2..=LONGEST), |point, value| {
        point.sequence_length = value;
    };
    /// Sequences per optimizer step; by rule where nothing is said.
    batch: u64, Allowed::From(1..=LARGEST_BATCH), |point, value| point.batch = Some(value);
    /// Peak learning rate; by rule where nothing is said.
    learning_rate: f64, Allowed::AtMost(10.0), |point, value| point.learning_rate = Some(value);
    /// Seed of initial weights, and of data order where no `order_seed` is given; 0 where nothing is said.
    seed: u64, Allowed::Any, |point, value| point.seed = value;
    /// Seed of data order; `seed` where nothing is said.
    order_seed: u64, Allowed::Any, |point, value| point.order_seed = Some(value);
    /// How many of the training tokens, a sample of all, are trained on, again and again where the budget is larger; all where nothing is said.
    unique_tokens: u64, Allowed::From(1..=MOST_TOKENS as u64), |point, value| {
        point.unique_tokens = Some(value);
    };
    /// What steps compute in; `f32` where nothing is said.
    precision: Precision, Allowed::Any, |point, value| point.precision = value;
    /// Data budget in tokens. Exactly one of the three budgets is given.
    tokens: u64, Allowed::From(1..=MOST_TOKENS as u64), |point, value| {
        point.budget = Budget::Tokens(value);
    };
    /// Data budget in tokens per parameter, of all parameters.
    tokens_per_parameter: f64, Allowed::AtMost(1e6), |point, value| {
        point.budget = Budget::TokensPerParameter(value);
    };
    /// Compute budget, C = 6 N D over all parameters: a slice of equal compute.
    flops: f64, Allowed::AtMost(1e30), |point, value| point.budget = Budget::Flops(value);
}

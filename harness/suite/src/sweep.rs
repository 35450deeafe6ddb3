//! Sweeps multiplied out: from axes and lists to points.

use std::ops::{Range, RangeInclusive};

use crate::axis::Axis;
use crate::definition::Sweep;
use crate::error::Source;
use crate::{DefinitionError, Precision};

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
#[derive(Debug, Clone, Default)]
pub struct Point {
    pub width: u64,
    pub depth: u64,
    pub head_width: Option<u64>,
    pub feed_forward_ratio: Option<f64>,
    pub sequence_length: u64,
    pub batch: Option<u64>,
    pub learning_rate: Option<f64>,
    pub seed: u64,
    pub precision: Precision,
    pub budget: Budget,
}

#[derive(Debug, Clone, Copy)]
pub enum Budget {
    Tokens(u64),
    TokensPerParameter(f64),
    Flops(f64),
}

impl Default for Budget {
    fn default() -> Self {
        Budget::Tokens(0)
    }
}

/// The points of one sweep, each with the place in the file to point at when it is refused.
pub fn points(
    sweep: &Sweep,
    source: &Source,
) -> Result<Vec<(Point, Range<usize>)>, DefinitionError> {
    if sweep.list.is_empty() {
        return product(sweep, source);
    }
    let mut all = Vec::new();
    for item in &sweep.list {
        let span = item.span();
        let merged = merge(sweep, item.get_ref(), &span, source)?;
        all.extend(product(&merged, source)?);
    }
    Ok(all)
}

/// A list's item with the axes that the sweep around it gives.
fn merge(
    sweep: &Sweep,
    item: &Sweep,
    span: &Range<usize>,
    source: &Source,
) -> Result<Sweep, DefinitionError> {
    fn either<T: Clone>(
        name: &str,
        outer: &Option<Axis<T>>,
        inner: &Option<Axis<T>>,
        source: &Source,
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
    if !item.list.is_empty() {
        let message = "a list inside a list";
        return Err(source.error(Some(span.clone()), message, None));
    }
    Ok(Sweep {
        list: Vec::new(),
        width: either("width", &sweep.width, &item.width, source)?,
        depth: either("depth", &sweep.depth, &item.depth, source)?,
        head_width: either("head_width", &sweep.head_width, &item.head_width, source)?,
        feed_forward_ratio: either(
            "feed_forward_ratio",
            &sweep.feed_forward_ratio,
            &item.feed_forward_ratio,
            source,
        )?,
        sequence_length: either(
            "sequence_length",
            &sweep.sequence_length,
            &item.sequence_length,
            source,
        )?,
        batch: either("batch", &sweep.batch, &item.batch, source)?,
        learning_rate: either(
            "learning_rate",
            &sweep.learning_rate,
            &item.learning_rate,
            source,
        )?,
        seed: either("seed", &sweep.seed, &item.seed, source)?,
        precision: either("precision", &sweep.precision, &item.precision, source)?,
        tokens: either("tokens", &sweep.tokens, &item.tokens, source)?,
        tokens_per_parameter: either(
            "tokens_per_parameter",
            &sweep.tokens_per_parameter,
            &item.tokens_per_parameter,
            source,
        )?,
        flops: either("flops", &sweep.flops, &item.flops, source)?,
        span: span.clone(),
    })
}

fn product(sweep: &Sweep, source: &Source) -> Result<Vec<(Point, Range<usize>)>, DefinitionError> {
    let mut product = Product {
        points: vec![Point {
            sequence_length: SEQUENCE_LENGTH,
            ..Point::default()
        }],
        source,
    };
    let missing = |name: &str| {
        let message = format!("the sweep gives no `{name}`");
        source.error(Some(sweep.span.clone()), message, None)
    };
    let width = sweep.width.as_ref().ok_or_else(|| missing("width"))?;
    let depth = sweep.depth.as_ref().ok_or_else(|| missing("depth"))?;
    product.count("width", Some(width), 2..=WIDEST, |p, v| p.width = v)?;
    product.count("depth", Some(depth), 1..=DEEPEST, |p, v| p.depth = v)?;
    product.count(
        "head_width",
        sweep.head_width.as_ref(),
        2..=WIDEST,
        |p, v| p.head_width = Some(v),
    )?;
    product.cross(
        "feed_forward_ratio",
        sweep.feed_forward_ratio.as_ref(),
        |v| *v <= 64.0,
        "at most 64",
        |p, v| {
            p.feed_forward_ratio = Some(v);
        },
    )?;
    product.count(
        "sequence_length",
        sweep.sequence_length.as_ref(),
        2..=LONGEST,
        |p, v| p.sequence_length = v,
    )?;
    product.count("batch", sweep.batch.as_ref(), 1..=LARGEST_BATCH, |p, v| {
        p.batch = Some(v)
    })?;
    product.cross(
        "learning_rate",
        sweep.learning_rate.as_ref(),
        |v| *v <= 10.0,
        "at most 10",
        |p, v| {
            p.learning_rate = Some(v);
        },
    )?;
    product.count("seed", sweep.seed.as_ref(), 0..=u64::MAX, |p, v| p.seed = v)?;
    product.cross(
        "precision",
        sweep.precision.as_ref(),
        |_| true,
        "",
        |p, v| p.precision = v,
    )?;
    product.budget(sweep)?;

    let place = width.span.clone();
    Ok(product
        .points
        .into_iter()
        .map(|point| (point, place.clone()))
        .collect())
}

/// Points so far, to be crossed with one axis after another.
struct Product<'a> {
    points: Vec<Point>,
    source: &'a Source,
}

impl Product<'_> {
    fn count(
        &mut self,
        name: &str,
        axis: Option<&Axis<u64>>,
        range: RangeInclusive<u64>,
        set: impl Fn(&mut Point, u64),
    ) -> Result<(), DefinitionError> {
        let words = format!("from {} to {}", range.start(), range.end());
        self.cross(name, axis, |value| range.contains(value), &words, set)
    }

    fn cross<T: Copy + std::fmt::Display>(
        &mut self,
        name: &str,
        axis: Option<&Axis<T>>,
        allowed: impl Fn(&T) -> bool,
        words: &str,
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
        if let Some(value) = axis.values.iter().find(|value| !allowed(value)) {
            return refuse(
                format!("`{name}` = {value} is out of range"),
                Some(format!("it lies {words}")),
            );
        }
        if self.points.len() * axis.values.len() > MOST_CELLS {
            return refuse(
                format!("the sweep has more than {MOST_CELLS} cells"),
                Some("axes multiply; settings that go together belong in `list`".into()),
            );
        }
        let values = &axis.values;
        self.points = std::mem::take(&mut self.points)
            .into_iter()
            .flat_map(|point| {
                values
                    .iter()
                    .map(move |value| (point.clone(), *value))
                    .collect::<Vec<_>>()
            })
            .map(|(mut point, value)| {
                set(&mut point, value);
                point
            })
            .collect();
        Ok(())
    }

    fn budget(&mut self, sweep: &Sweep) -> Result<(), DefinitionError> {
        let given = [
            sweep.tokens.is_some(),
            sweep.tokens_per_parameter.is_some(),
            sweep.flops.is_some(),
        ];
        let given = given.into_iter().filter(|given| *given).count();
        if given != 1 {
            let message = if given == 0 {
                "the sweep gives no data budget"
            } else {
                "the sweep gives several data budgets"
            };
            let help = "give one of `tokens`, `tokens_per_parameter` and `flops`".to_owned();
            return Err(self
                .source
                .error(Some(sweep.span.clone()), message, Some(help)));
        }
        self.count(
            "tokens",
            sweep.tokens.as_ref(),
            1..=MOST_TOKENS as u64,
            |p, v| {
                p.budget = Budget::Tokens(v);
            },
        )?;
        self.cross(
            "tokens_per_parameter",
            sweep.tokens_per_parameter.as_ref(),
            |v| *v <= 1e6,
            "at most 1e6",
            |p, v| {
                p.budget = Budget::TokensPerParameter(v);
            },
        )?;
        self.cross(
            "flops",
            sweep.flops.as_ref(),
            |v| *v <= 1e30,
            "at most 1e30",
            |p, v| {
                p.budget = Budget::Flops(v);
            },
        )
    }
}

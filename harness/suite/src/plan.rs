//! From a definition to its cells: every sweep multiplied out, every open setting derived.

use std::collections::HashSet;
use std::ops::Range;

use crate::axis::Axis;
use crate::definition::{Definition, ScheduleKind, Sweep};
use crate::error::Source;
use crate::rules::{self, Decision};
use crate::{
    Bytes, Cell, CellId, CorpusFacts, CorpusIdentity, DefinitionError, Evaluation, Flops, Model,
    Optimizer, ParameterCount, Schedule, Tokens, Training, TrainingFlops,
};

/// More cells than this is a slip of the pen: a product of axes that was meant as a list.
const MOST_CELLS: usize = 100_000;
/// Bounds that keep every count far from overflow.
const WIDEST: u64 = 1 << 17;
const DEEPEST: u64 = 1 << 12;
const LONGEST: u64 = 1 << 20;
const LARGEST_BATCH: u64 = 1 << 24;
/// Where a sweep gives no `sequence_length`.
const SEQUENCE_LENGTH: u64 = 128;
const MOST_TOKENS: f64 = 1e15;

/// Every cell of a suite on one corpus, before anything is spent.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of the definition, each cell once.
    pub cells: Vec<PlannedCell>,
    /// Cells that two sweeps both ask for, and that are trained once.
    pub repeated: usize,
}

/// A cell and what follows from it.
#[derive(Debug, Clone)]
pub struct PlannedCell {
    /// The cell.
    pub cell: Cell,
    /// Its identity.
    pub id: CellId,
    /// The compute budget it was made for, where the sweep gave FLOPs.
    pub flops_budget: Option<Flops>,
    /// Settings that rules derived.
    pub decisions: Vec<Decision>,
    /// Parameters by component.
    pub parameters: ParameterCount,
    /// Training FLOPs under each convention.
    pub flops: TrainingFlops,
    /// Estimated memory.
    pub memory: Bytes,
    /// Passes over the training part.
    pub epochs: f64,
}

/// One value of every axis.
#[derive(Debug, Clone, Default)]
struct Point {
    width: u64,
    depth: u64,
    head_width: Option<u64>,
    feed_forward_ratio: Option<f64>,
    sequence_length: u64,
    batch: Option<u64>,
    learning_rate: Option<f64>,
    seed: u64,
    budget: Budget,
}

#[derive(Debug, Clone, Copy)]
enum Budget {
    Tokens(u64),
    TokensPerParameter(f64),
    Flops(f64),
}

impl Default for Budget {
    fn default() -> Self {
        Budget::Tokens(0)
    }
}

impl Plan {
    /// Multiplies the definition's sweeps out on a corpus.
    ///
    /// # Errors
    /// If a sweep is empty, a setting is missing or out of its range, a width is not divided by
    /// its heads, or the corpus is too small for a budget.
    pub fn new(definition: &Definition, corpus: &CorpusFacts) -> Result<Self, DefinitionError> {
        let source = &definition.source;
        if definition.sweeps.is_empty() {
            let help = "write a [[sweep]] with width, depth and tokens, say".to_owned();
            return Err(source.error(None, "the suite has no sweep, so no cells", Some(help)));
        }
        let mut plan = Plan {
            cells: Vec::new(),
            repeated: 0,
        };
        let mut seen = HashSet::new();
        for sweep in &definition.sweeps {
            for (point, span) in points(sweep, source)? {
                let planned = resolve(definition, corpus, &point, &span)?;
                if seen.insert(planned.id.clone()) {
                    plan.cells.push(planned);
                } else {
                    plan.repeated += 1;
                }
            }
        }
        Ok(plan)
    }

    /// The cost of all cells.
    pub fn cost(&self) -> Flops {
        self.cells.iter().map(|planned| planned.cell.cost()).sum()
    }

    /// The cell of this identity.
    pub fn find(&self, id: &CellId) -> Option<&PlannedCell> {
        self.cells.iter().find(|planned| planned.id == *id)
    }
}

/// The points of one sweep, each with the place in the file to point at when it is refused.
fn points(sweep: &Sweep, source: &Source) -> Result<Vec<(Point, Range<usize>)>, DefinitionError> {
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
        range: std::ops::RangeInclusive<u64>,
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

fn resolve(
    definition: &Definition,
    corpus: &CorpusFacts,
    point: &Point,
    span: &Range<usize>,
) -> Result<PlannedCell, DefinitionError> {
    let refuse = |message: String, help: Option<String>| {
        Err(definition.source.error(Some(span.clone()), message, help))
    };
    let mut decisions = Vec::new();
    let model = match resolve_model(definition, corpus, point, &mut decisions) {
        Ok(model) => model,
        Err((message, help)) => return refuse(message, Some(help)),
    };
    let parameters = model.parameters();
    let total = parameters.total() as f64;
    let tokens = match point.budget {
        Budget::Tokens(tokens) => tokens as f64,
        Budget::TokensPerParameter(ratio) => ratio * total,
        Budget::Flops(flops) => flops / (6.0 * total),
    };
    if tokens > MOST_TOKENS {
        return refuse(
            format!("the budget makes {tokens:.2e} tokens"),
            Some(format!("at most {MOST_TOKENS:.0e} tokens are trained on")),
        );
    }
    let training = resolve_training(definition, point, total, tokens, &mut decisions);
    let cell = Cell {
        corpus: CorpusIdentity {
            sha256: corpus.sha256.clone(),
            tokenizer: corpus.tokenizer,
        },
        evaluation: match resolve_evaluation(definition, corpus, &model) {
            Ok(evaluation) => evaluation,
            Err((message, help)) => return refuse(message, Some(help)),
        },
        model,
        training,
        seed: point.seed,
    };
    let epochs = cell.tokens() as f64 / corpus.train_tokens as f64;
    let most = definition.corpus.max_epochs;
    // A whole pass may end inside its last batch.
    let slack =
        (cell.training.batch * cell.model.sequence_length) as f64 / corpus.train_tokens as f64;
    if epochs > most + slack {
        return refuse(
            format!(
                "{} tokens are {epochs:.2} epochs of a corpus of {}, and `max_epochs` is {most}",
                cell.tokens(),
                corpus.train_tokens
            ),
            Some(format!(
                "train on less, add text, or set corpus.max_epochs = {:.0}",
                epochs.ceil()
            )),
        );
    }
    Ok(PlannedCell {
        id: cell.id(),
        flops_budget: match point.budget {
            Budget::Flops(flops) => Some(flops),
            _ => None,
        },
        decisions,
        parameters,
        flops: TrainingFlops::new(&cell.model, cell.tokens()),
        memory: crate::training_memory(&cell.model, cell.training.micro_batch),
        epochs,
        cell,
    })
}

type Refusal = (String, String);

fn resolve_model(
    definition: &Definition,
    corpus: &CorpusFacts,
    point: &Point,
    decisions: &mut Vec<Decision>,
) -> Result<Model, Refusal> {
    let width = point.width;
    let head_width = point.head_width.unwrap_or_else(|| {
        let (head_width, decision) = rules::head_width(width);
        decisions.push(decision);
        head_width
    });
    if !width.is_multiple_of(head_width) {
        let near = (width / head_width).max(1) * head_width;
        return Err((
            format!("width {width} is not divided by heads of width {head_width}"),
            format!("width {near} or {} would be", near + head_width),
        ));
    }
    if !head_width.is_multiple_of(2) {
        return Err((
            format!("heads of width {head_width} cannot turn: rotary positions need pairs"),
            "use an even head width".into(),
        ));
    }
    let kind = definition.model.feed_forward;
    let (hidden, decision) = rules::hidden(width, kind, point.feed_forward_ratio);
    decisions.extend(decision);
    Ok(Model {
        vocabulary: corpus.vocabulary,
        sequence_length: point.sequence_length,
        width,
        depth: point.depth,
        heads: width / head_width,
        head_width,
        hidden,
        feed_forward: kind,
        bias: definition.model.bias,
        tied_head: definition.model.tied_head,
    })
}

fn resolve_training(
    definition: &Definition,
    point: &Point,
    parameters: f64,
    tokens: f64,
    decisions: &mut Vec<Decision>,
) -> Training {
    let given = &definition.training;
    let flops = 6.0 * parameters * tokens;
    let batch = point.batch.unwrap_or_else(|| {
        let (batch, decision) = rules::batch(flops, point.sequence_length);
        decisions.push(decision);
        batch
    });
    let learning_rate = point.learning_rate.unwrap_or_else(|| {
        let (rate, decision) = rules::learning_rate(point.width);
        decisions.push(decision);
        rate
    });
    let steps = (tokens / (batch * point.sequence_length) as f64)
        .round()
        .max(1.0) as u64;
    let share = |share: f64| (share * steps as f64).round() as u64;
    let decays = given.schedule == ScheduleKind::WarmupStableDecay;
    Training {
        steps,
        batch,
        micro_batch: largest_divisor(batch, given.micro_batch.unwrap_or(batch)),
        schedule: Schedule {
            kind: given.schedule,
            learning_rate,
            warmup_steps: share(*given.warmup.get_ref()),
            decay_steps: if decays {
                share(*given.decay.get_ref())
            } else {
                0
            },
        },
        optimizer: Optimizer {
            beta_1: *given.beta_1.get_ref(),
            beta_2: *given.beta_2.get_ref(),
            weight_decay: *given.weight_decay.get_ref(),
        },
        gradient_clip: *given.gradient_clip.get_ref(),
    }
}

/// The largest divisor of `batch` that is at most `most`: micro-batches are all of one size.
fn largest_divisor(batch: u64, most: u64) -> u64 {
    (1..=most.clamp(1, batch))
        .rev()
        .find(|size| batch.is_multiple_of(*size))
        .unwrap_or(1)
}

fn resolve_evaluation(
    definition: &Definition,
    corpus: &CorpusFacts,
    model: &Model,
) -> Result<Evaluation, Refusal> {
    let wanted: Tokens = *definition.evaluation.tokens.get_ref();
    let context = definition.evaluation.context;
    if context >= model.sequence_length {
        return Err((
            format!(
                "evaluation.context = {context} leaves nothing to score of sequences of {}",
                model.sequence_length
            ),
            "use a smaller context or a longer sequence".into(),
        ));
    }
    let sequences = wanted.div_ceil(model.sequence_length - context).max(2);
    let needed = sequences
        .saturating_mul(model.sequence_length)
        .saturating_add(1);
    if needed > corpus.validation_tokens {
        return Err((
            format!(
                "scoring {wanted} tokens needs {needed} validation tokens, and the corpus has {}",
                corpus.validation_tokens
            ),
            "set a smaller evaluation.tokens, or add text".into(),
        ));
    }
    Ok(Evaluation { sequences, context })
}

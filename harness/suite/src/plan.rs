//! From a definition to its cells: every open setting derived, every cell accounted for.

use std::collections::HashSet;
use std::ops::Range;

use crate::definition::{Budget, Definition, MOST_TOKENS, Point, ScheduleKind};
use crate::rules::{self, Decision};
use crate::{
    Cell, CellId, CorpusFacts, CorpusIdentity, DefinitionError, Evaluation, EvaluationSet, Flops,
    Model, Optimizer, ParameterCount, Schedule, Tokens, Training, TrainingFlops,
};

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
    /// Passes over the training part.
    pub epochs: f64,
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
            for (point, span) in sweep.points(source)? {
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

    /// The cells' identities.
    pub fn ids(&self) -> impl Iterator<Item = &CellId> {
        self.cells.iter().map(|planned| &planned.id)
    }

    /// The cell of this identity.
    pub fn find(&self, id: &CellId) -> Option<&PlannedCell> {
        self.cells.iter().find(|planned| planned.id == *id)
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
        evaluation: resolve_evaluation(definition, corpus, &model)?,
        model,
        training,
        seed: point.seed,
        order_seed: point.order_seed,
        unique_tokens: point.unique_tokens,
    };
    let batch = cell.training.batch * cell.model.sequence_length;
    let cell = Cell {
        // What comes twice is part of what decides a result.
        unique_tokens: cell.unique_tokens.or_else(|| {
            let repeats = cell.tokens() > corpus.train_tokens + batch.min(corpus.train_tokens);
            repeats.then_some(corpus.train_tokens)
        }),
        ..cell
    };
    if let Some(unique) = point.unique_tokens
        && !(cell.model.sequence_length < unique && unique <= corpus.train_tokens)
    {
        return refuse(
            format!(
                "`unique_tokens` = {unique} of a corpus of {} in sequences of {}",
                corpus.train_tokens, cell.model.sequence_length
            ),
            Some("it is at least a sequence, and at most what may be trained on".into()),
        );
    }
    if corpus.train_tokens <= cell.model.sequence_length {
        return refuse(
            format!(
                "the corpus has {} tokens to train on, and a sequence {}",
                corpus.train_tokens, cell.model.sequence_length
            ),
            Some("add text, or train on shorter sequences".into()),
        );
    }
    let unique = point.unique_tokens.unwrap_or(corpus.train_tokens) as f64;
    let epochs = cell.tokens() as f64 / unique;
    // Whoever says how many tokens are unique wants them repeated.
    let most = match point.unique_tokens {
        Some(_) => f64::INFINITY,
        None => definition.corpus.max_epochs,
    };
    // A whole pass may end inside its last batch.
    let slack = (batch as f64 / unique).min(1.0);
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
            format!("width {width} is not a multiple of head_width {head_width}"),
            format!("width {near} or {} would be", near + head_width),
        ));
    }
    if !head_width.is_multiple_of(2) {
        return Err((
            format!(
                "head_width = {head_width} must be even: rotary positions turn pairs of numbers"
            ),
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
        precision: point.precision,
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
) -> Result<Evaluation, DefinitionError> {
    let wanted: Tokens = *definition.evaluation.tokens.get_ref();
    let context = *definition.evaluation.context.get_ref();
    if context >= model.sequence_length {
        return Err(definition.source.error(
            Some(definition.evaluation.context.span()),
            format!(
                "`context` = {context} leaves nothing to score in sequences of {} tokens",
                model.sequence_length
            ),
            Some("use a smaller context or a longer sequence".into()),
        ));
    }
    // The first token has nothing before it that would predict it.
    let there = corpus.validation_tokens.saturating_sub(1);
    let least = 2 * model.sequence_length;
    if there < least {
        return Err(definition.source.error(
            Some(definition.corpus_span.clone()),
            format!(
                "the corpus has {} validation tokens, and two sequences of {} are the least that is scored",
                corpus.validation_tokens, model.sequence_length
            ),
            Some("add text, or train on shorter sequences".into()),
        ));
    }
    let sets = corpus.sets.iter().map(|set| {
        let there = set.tokens.saturating_sub(1);
        if there < least {
            let name = &set.name;
            let place = definition.validation.keys().find(|it| it.get_ref() == name);
            return Err(definition.source.error(
                place.map(toml::Spanned::span),
                format!(
                    "the validation set `{name}` has {there} tokens, and two sequences of {} are the least that is scored",
                    model.sequence_length
                ),
                Some("add text, or train on shorter sequences".into()),
            ));
        }
        Ok(EvaluationSet {
            name: set.name.clone(),
            sha256: set.sha256.clone(),
            tokens: whole_documents(&set.documents, wanted.clamp(least, there)),
        })
    });
    Ok(Evaluation {
        tokens: whole_documents(&corpus.held_out, wanted.clamp(least, there)),
        sequences: 0,
        context,
        sets: sets.collect::<Result<_, _>>()?,
    })
}

/// So many tokens at most, of whole documents where that is at least half of them.
fn whole_documents(documents: &[Tokens], wanted: Tokens) -> Tokens {
    let mut whole = 0;
    for tokens in documents {
        if whole + tokens > wanted {
            break;
        }
        whole += tokens;
    }
    if 2 * whole >= wanted { whole } else { wanted }
}

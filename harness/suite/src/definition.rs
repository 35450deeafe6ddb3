//! What a user writes: the TOML of a suite. Unknown keys are errors.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::error::Source;
use crate::model::FeedForward;
use crate::{Axis, DefinitionError, Precision, Retry, Tokens};

/// An experiment definition.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The suite's name: its file's stem. Names the folders of results and plots.
    pub name: String,
    /// What the suite is for and what it costs, shown by `plan`.
    pub description: String,
    /// Where the tokens come from.
    pub corpus: CorpusDefinition,
    /// Settings every model of the suite shares.
    pub model: ModelDefinition,
    /// Settings every run of the suite shares.
    pub training: TrainingDefinition,
    /// How a trained model is scored.
    pub evaluation: EvaluationDefinition,
    /// The cells: each sweep is a product of its axes.
    pub sweeps: Vec<Sweep>,
    /// How often cells that did not end well are tried again.
    pub retry: Retry,
    /// The laws to fit when the suite is done, each with its place in the file.
    pub fits: Vec<Spanned<FitDefinition>>,
    /// The figures to draw; all, where none is named.
    pub figures: Vec<Figure>,
    /// Where `[corpus]` stands in the file.
    pub(crate) corpus_span: Range<usize>,
    pub(crate) source: Source,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    description: String,
    corpus: Spanned<CorpusDefinition>,
    #[serde(default)]
    model: ModelDefinition,
    #[serde(default)]
    training: TrainingDefinition,
    #[serde(default)]
    evaluation: EvaluationDefinition,
    #[serde(default)]
    sweep: Vec<Spanned<Sweep>>,
    #[serde(default)]
    retry: Retry,
    #[serde(default)]
    fit: Vec<Spanned<FitDefinition>>,
    #[serde(default)]
    figures: Vec<Figure>,
}

impl Definition {
    /// Reads a definition from a file; its stem is the suite's name.
    ///
    /// # Errors
    /// If the file cannot be read or the definition is not valid; the error names the line.
    pub fn read(path: &Path) -> Result<Self, DefinitionError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| DefinitionError {
            file: file.clone(),
            place: None,
            line: String::new(),
            message: format!("cannot be read: {error}"),
            help: None,
        })?;
        Self::parse(&text, &file)
    }

    /// Reads a definition from its text; `file` is its name in messages.
    ///
    /// # Errors
    /// If the text is not TOML, has an unknown key, or a setting out of its range.
    pub fn parse(text: &str, file: &str) -> Result<Self, DefinitionError> {
        let source = Source {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        let wire: Wire = toml::from_str(text).map_err(|error| source.of_toml(&error))?;
        let name = Path::new(file)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let corpus_span = wire.corpus.span();
        let definition = Definition {
            name,
            description: wire.description,
            corpus: wire.corpus.into_inner(),
            model: wire.model,
            training: wire.training,
            evaluation: wire.evaluation,
            sweeps: wire.sweep.into_iter().map(Sweep::placed).collect(),
            retry: wire.retry,
            fits: wire.fit,
            figures: wire.figures,
            corpus_span,
            source,
        };
        definition.check()?;
        Ok(definition)
    }

    /// The definition's text, as it was read.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The definition's file, as the user named it.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// An error at a place of the file, for what only others can judge.
    pub fn error_at(
        &self,
        place: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> DefinitionError {
        self.source.error(Some(place), message, help)
    }

    fn check(&self) -> Result<(), DefinitionError> {
        if self.corpus.chosen().is_none() {
            return Err(self.source.error(
                Some(self.corpus_span.clone()),
                "a suite has exactly one corpus",
                Some("write one of [corpus.cargo], [corpus.files] or [corpus.grammar]".into()),
            ));
        }
        let made = self.corpus.tokenizer();
        if let Some(given) = &self.corpus.tokenizer
            && *given.get_ref() != made
        {
            let message = "this tokenizer does not fit the corpus";
            let help =
                "text has `bytes`, a grammar has `symbols`; leave it out to have the right one";
            return Err(self
                .source
                .error(Some(given.span()), message, Some(help.into())));
        }
        let training = &self.training;
        let refuse =
            |span: Range<usize>, message: String| Err(self.source.error(Some(span), message, None));
        for (name, share) in [("warmup", &training.warmup), ("decay", &training.decay)] {
            if !(0.0..=1.0).contains(share.get_ref()) {
                return refuse(
                    share.span(),
                    format!("`{name}` is a share of the steps, from 0 to 1"),
                );
            }
        }
        if training.warmup.get_ref() + training.decay.get_ref() > 1.0 {
            return refuse(
                training.decay.span(),
                "`warmup` and `decay` together pass the whole run".into(),
            );
        }
        for (name, beta) in [("beta_1", &training.beta_1), ("beta_2", &training.beta_2)] {
            if !(0.0..1.0).contains(beta.get_ref()) {
                return refuse(beta.span(), format!("`{name}` lies from 0 to below 1"));
            }
        }
        if !(training.weight_decay.get_ref().is_finite() && *training.weight_decay.get_ref() >= 0.0)
        {
            return refuse(
                training.weight_decay.span(),
                "`weight_decay` is finite and not negative".into(),
            );
        }
        if !(training.gradient_clip.get_ref().is_finite()
            && *training.gradient_clip.get_ref() > 0.0)
        {
            return refuse(
                training.gradient_clip.span(),
                "`gradient_clip` is finite and above 0".into(),
            );
        }
        if *self.evaluation.tokens.get_ref() == 0 {
            return refuse(
                self.evaluation.tokens.span(),
                "`tokens` to score cannot be 0".into(),
            );
        }
        Ok(())
    }
}

/// How bytes become tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenizer {
    /// A token is a byte of text.
    #[default]
    Bytes,
    /// A token is a symbol of a grammar: a letter, or the space that ends a word.
    Symbols,
}

/// What a plan needs to know of a corpus that has been prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct CorpusFacts {
    /// Hash of both parts' tokens: the corpus's identity, wherever its files lie.
    pub sha256: String,
    /// How its bytes became tokens.
    pub tokenizer: Tokenizer,
    /// Token ids run from 0 to below this.
    pub vocabulary: u64,
    /// Tokens that may be trained on.
    pub train_tokens: Tokens,
    /// Tokens held out.
    pub validation_tokens: Tokens,
    /// Bytes of text per token, for bits per byte.
    pub bytes_per_token: f64,
}

/// `[corpus]`: where the tokens come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusDefinition {
    /// Sources of the locked dependencies.
    pub cargo: Option<CargoCorpus>,
    /// Any text files or folders.
    pub files: Option<FilesCorpus>,
    /// A synthetic language of known entropy rate.
    pub grammar: Option<GrammarCorpus>,
    /// How text becomes tokens: `bytes` for text, `symbols` for a grammar.
    pub tokenizer: Option<Spanned<Tokenizer>>,
    /// How often a run may pass over the training part. Repeated data is worth less than new
    /// data (Muennighoff et al. 2023, arXiv:2305.16264), so passing once is the default.
    #[serde(default = "one")]
    pub max_epochs: f64,
}

/// The corpus a definition chose.
#[derive(Debug, Clone, Copy)]
pub enum CorpusSource<'a> {
    /// Sources of the locked dependencies.
    Cargo(&'a CargoCorpus),
    /// Any text files or folders.
    Files(&'a FilesCorpus),
    /// A synthetic language of known entropy rate.
    Grammar(&'a GrammarCorpus),
}

impl CorpusDefinition {
    /// The tokenizer that fits the corpus.
    pub fn tokenizer(&self) -> Tokenizer {
        match self.grammar {
            Some(_) => Tokenizer::Symbols,
            None => Tokenizer::Bytes,
        }
    }

    /// The one corpus given, or `None` where none or several are.
    pub fn chosen(&self) -> Option<CorpusSource<'_>> {
        match (&self.cargo, &self.files, &self.grammar) {
            (Some(cargo), None, None) => Some(CorpusSource::Cargo(cargo)),
            (None, Some(files), None) => Some(CorpusSource::Files(files)),
            (None, None, Some(grammar)) => Some(CorpusSource::Grammar(grammar)),
            _ => None,
        }
    }
}

/// `[corpus.cargo]`: the Rust sources of dependencies this program was locked to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CargoCorpus {
    /// Packages, read in this order; each at the version in `Cargo.lock`.
    pub crates: Vec<String>,
}

/// `[corpus.files]`: text files, or folders whose files are all read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesCorpus {
    /// Relative to the definition's folder.
    pub paths: Vec<String>,
}

/// `[corpus.grammar]`: words drawn from Zipf-like lexicons whose classes follow each other as a
/// Markov chain. Its entropy rate is known exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrammarCorpus {
    /// Words of the language, shared out over the classes.
    pub words: u64,
    /// A word of rank k in its class has a probability in proportion to `k^-zipf`.
    pub zipf: f64,
    /// Word classes; what class follows is a Markov chain.
    #[serde(default = "one_class")]
    pub classes: u64,
    /// Letters that words are spelled with, from 2 to 26.
    #[serde(default = "alphabet")]
    pub letters: u64,
    /// Training tokens to generate.
    pub tokens: Tokens,
    /// Validation tokens to generate.
    pub validation_tokens: Tokens,
    /// Of lexicon, chain and text.
    #[serde(default)]
    pub seed: u64,
}

/// `[model]`: what every model of the suite shares.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelDefinition {
    /// The feed-forward block.
    pub feed_forward: FeedForward,
    /// Whether linear layers have biases.
    pub bias: bool,
    /// Whether the head shares the embedding's weights.
    pub tied_head: bool,
}

/// The learning rate's course after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Stays at its peak.
    Constant,
    /// Falls to a tenth of its peak along half a cosine (Hoffmann et al. 2022).
    Cosine,
    /// Stays at its peak, then falls linearly to zero (Hägele et al. 2024, arXiv:2405.18392).
    #[default]
    WarmupStableDecay,
}

/// `[training]`: what every run of the suite shares.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingDefinition {
    /// The learning rate's course.
    pub schedule: ScheduleKind,
    /// Share of the steps in which the learning rate rises from zero.
    pub warmup: Spanned<f64>,
    /// Share of the steps in which it falls, for `warmup-stable-decay`.
    pub decay: Spanned<f64>,
    /// AdamW's decay of the first moment.
    pub beta_1: Spanned<f64>,
    /// AdamW's decay of the second moment.
    pub beta_2: Spanned<f64>,
    /// AdamW's weight decay, on matrices alone.
    pub weight_decay: Spanned<f64>,
    /// The gradient's global norm is clipped to this.
    pub gradient_clip: Spanned<f64>,
    /// Sequences per forward pass; a larger batch accumulates gradients over several.
    pub micro_batch: Option<u64>,
}

impl Default for TrainingDefinition {
    fn default() -> Self {
        let share = |value| Spanned::new(0..0, value);
        Self {
            schedule: ScheduleKind::default(),
            warmup: share(0.05),
            decay: share(0.2),
            beta_1: share(0.9),
            beta_2: share(0.95),
            weight_decay: share(0.1),
            gradient_clip: share(1.0),
            micro_batch: None,
        }
    }
}

/// `[evaluation]`: the fixed validation tokens a trained model is scored on.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationDefinition {
    /// How many tokens are scored.
    pub tokens: Spanned<Tokens>,
    /// Tokens at the start of each sequence that are read but not scored, so that every scored
    /// token has at least this much context.
    pub context: Spanned<u64>,
}

impl Default for EvaluationDefinition {
    fn default() -> Self {
        Self {
            tokens: Spanned::new(0..0, 65_536),
            context: Spanned::new(0..0, 0),
        }
    }
}

/// `[[sweep]]`: a product of axes, and of a list of shapes where one is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Settings that go together, crossed with the axes below.
    pub list: Vec<Spanned<Sweep>>,
    /// Residual width.
    pub width: Option<Axis<u64>>,
    /// Transformer blocks.
    pub depth: Option<Axis<u64>>,
    /// Width of one attention head.
    pub head_width: Option<Axis<u64>>,
    /// Hidden units of the feed-forward block per unit of width.
    pub feed_forward_ratio: Option<Axis<f64>>,
    /// Tokens per sequence.
    pub sequence_length: Option<Axis<u64>>,
    /// Sequences per optimizer step.
    pub batch: Option<Axis<u64>>,
    /// Peak learning rate.
    pub learning_rate: Option<Axis<f64>>,
    /// Of initial weights and data order.
    pub seed: Option<Axis<u64>>,
    /// What steps compute in.
    pub precision: Option<Axis<Precision>>,
    /// Data budget in tokens.
    pub tokens: Option<Axis<u64>>,
    /// Data budget in tokens per parameter (of all parameters).
    pub tokens_per_parameter: Option<Axis<f64>>,
    /// Compute budget, C = 6 N D over all parameters: an isoFLOP slice.
    pub flops: Option<Axis<f64>>,
    #[serde(skip)]
    pub(crate) span: Range<usize>,
}

impl Sweep {
    pub(crate) fn placed(spanned: Spanned<Sweep>) -> Self {
        let span = spanned.span();
        Sweep {
            span,
            ..spanned.into_inner()
        }
    }
}

/// `[[fit]]`: a law to fit when the suite is done. Column names are those of `cells.parquet`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitDefinition {
    /// A form that `isoflop fit` knows, or `isoflop` for slices of equal compute.
    pub form: Spanned<String>,
    /// What to make small: `huber-log`, `huber-likelihood`, `lsq-log` or `lsq`.
    pub objective: Option<Spanned<String>>,
    /// Where Huber's function turns linear.
    #[serde(default = "a_thousandth")]
    pub delta: f64,
    /// The variable of a law of one variable.
    pub x: Option<Spanned<String>>,
    /// The column that counts parameters; `params_total` where none is named.
    pub n: Option<Spanned<String>>,
    /// The column that counts training tokens; `tokens` where none is named.
    pub d: Option<Spanned<String>>,
    /// Bootstrap resamples for the intervals.
    #[serde(default = "resamples")]
    pub bootstrap: usize,
    /// Of the bootstrap.
    #[serde(default)]
    pub seed: u64,
}

/// A figure of a suite's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Loss against parameters, a series for each data budget.
    LossVsParameters,
    /// Loss against training tokens, a series for each model.
    LossVsTokens,
    /// Loss against training FLOPs, with what the best use of them reaches.
    LossVsCompute,
    /// Training loss against tokens seen.
    TrainingCurves,
    /// Loss against parameters at equal FLOPs.
    Isoflop,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Figure; 5] = [
        Figure::LossVsParameters,
        Figure::LossVsTokens,
        Figure::LossVsCompute,
        Figure::TrainingCurves,
        Figure::Isoflop,
    ];

    /// The figure's name in definitions, and its files'.
    pub fn name(self) -> &'static str {
        match self {
            Figure::LossVsParameters => "loss-vs-parameters",
            Figure::LossVsTokens => "loss-vs-tokens",
            Figure::LossVsCompute => "loss-vs-compute",
            Figure::TrainingCurves => "training-curves",
            Figure::Isoflop => "isoflop",
        }
    }
}

fn one() -> f64 {
    1.0
}
fn one_class() -> u64 {
    1
}
fn alphabet() -> u64 {
    26
}
fn a_thousandth() -> f64 {
    1e-3
}
fn resamples() -> usize {
    1000
}

//! What a user writes: the TOML of a suite. Unknown keys are errors.

mod change;
mod corpus;
mod evaluation;
mod figure;
mod fit;
mod model;
mod schema;
mod slurm;
mod sweep;
mod training;
mod validation;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use toml_edit::DocumentMut;

use crate::error::DefinitionText;
use crate::{DefinitionError, Retry};

pub use change::{Change, NoChange};
pub use corpus::{
    CargoCorpus, CorpusDefinition, CorpusFacts, CorpusSource, FilesCorpus, GrammarCorpus,
    HubCorpus, ShardsCorpus, TextTokens, TokenType, Tokenizer,
};
pub use evaluation::EvaluationDefinition;
pub use figure::Figure;
pub use fit::FitDefinition;
pub use model::ModelDefinition;
pub use slurm::SlurmDefinition;
pub use sweep::{Budget, MOST_TOKENS, Point, Sweep};
pub use training::{ScheduleKind, TrainingDefinition};
pub use validation::{ValidationDefinition, ValidationFacts};

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
    /// Further texts that it is scored on, by their names.
    pub validation: BTreeMap<Spanned<String>, Spanned<ValidationDefinition>>,
    /// The cells: each sweep is a product of its axes.
    pub sweeps: Vec<Sweep>,
    /// How often cells that did not end well are tried again.
    pub retry: Retry,
    /// What it asks of a cluster.
    pub slurm: SlurmDefinition,
    /// The laws to fit when the suite is done, each with its place in the file.
    pub fits: Vec<Spanned<FitDefinition>>,
    /// The figures to draw; all, where none is named.
    pub figures: Vec<Figure>,
    /// Where `[corpus]` stands in the file.
    pub(crate) corpus_span: Range<usize>,
    pub(crate) source: DefinitionText,
}

/// What a suite trains, scores and fits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "isoflop suite")]
struct Wire {
    /// What the suite is for and what it costs, which `plan` shows.
    #[serde(default)]
    description: String,
    /// Where the tokens come from.
    #[schemars(with = "CorpusDefinition")]
    corpus: Spanned<CorpusDefinition>,
    /// What every model of the suite shares.
    #[serde(default)]
    model: ModelDefinition,
    /// What every run of the suite shares.
    #[serde(default)]
    training: TrainingDefinition,
    /// What a trained model is scored on.
    #[serde(default)]
    evaluation: EvaluationDefinition,
    /// Further texts that it is scored on, by their names.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ValidationDefinition>")]
    validation: BTreeMap<Spanned<String>, Spanned<ValidationDefinition>>,
    /// The cells: each sweep is a product of its axes.
    #[serde(default)]
    #[schemars(with = "Vec<Sweep>")]
    sweep: Vec<Spanned<Sweep>>,
    /// How often cells that did not end well are tried again.
    #[serde(default)]
    retry: Retry,
    /// What `isoflop submit --slurm` asks of a cluster.
    #[serde(default)]
    slurm: SlurmDefinition,
    /// The laws to fit when the suite is done.
    #[serde(default)]
    #[schemars(with = "Vec<FitDefinition>")]
    fit: Vec<Spanned<FitDefinition>>,
    /// The figures to draw; all, where none is named.
    #[serde(default)]
    figures: Vec<Figure>,
}

impl Definition {
    /// Reads a definition from a file; its stem is the suite's name.
    ///
    /// # Errors
    /// If the file cannot be read or the definition is not valid; the error names the line.
    pub fn read(path: &Path) -> Result<Self, DefinitionError> {
        Self::read_changed(path, &[])
    }

    /// Reads a definition from a file, with some settings changed. Errors show the changed text.
    ///
    /// # Errors
    /// If the file cannot be read, a change not be made, or the definition is not valid.
    pub fn read_changed(path: &Path, changes: &[Change]) -> Result<Self, DefinitionError> {
        let file = path.display().to_string();
        let refuse = |message: String| DefinitionError {
            file: file.clone(),
            place: None,
            line: String::new(),
            message,
            help: None,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| refuse(format!("cannot be read: {error}")))?;
        // What is not TOML is told by the parser of definitions, with its place.
        let document = text.parse::<DocumentMut>().ok();
        let Some(mut changed) = document.filter(|_| !changes.is_empty()) else {
            return Self::parse(&text, &file);
        };
        for change in changes {
            let made = change.make(&mut changed);
            made.map_err(|error| refuse(error.to_string()))?;
        }
        Self::parse(&changed.to_string(), &file)
    }

    /// Reads a definition from its text; `file` is its name in messages.
    ///
    /// # Errors
    /// If the text is not TOML, has an unknown key, or a setting out of its range.
    pub fn parse(text: &str, file: &str) -> Result<Self, DefinitionError> {
        let source = DefinitionText {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        let wire: Wire = toml::from_str(text).map_err(|error| source.of_toml(&error))?;
        let name = suite_name(file).ok_or_else(|| DefinitionError {
            file: file.to_owned(),
            place: None,
            line: String::new(),
            message: "the file's name is that of the suite, and of the folder of its results"
                .to_owned(),
            help: Some("use letters, digits, `.`, `_` and `-`, and begin with no dot".to_owned()),
        })?;
        let corpus_span = wire.corpus.span();
        let definition = Definition {
            name,
            description: wire.description,
            corpus: wire.corpus.into_inner(),
            model: wire.model,
            training: wire.training,
            evaluation: wire.evaluation,
            validation: wire.validation,
            sweeps: wire.sweep.into_iter().map(Sweep::placed).collect(),
            slurm: wire.slurm,
            retry: wire.retry,
            fits: wire.fit,
            figures: wire.figures,
            corpus_span,
            source,
        };
        definition.check()?;
        Ok(definition)
    }

    /// The JSON schema of definitions, for editors.
    pub fn schema() -> serde_json::Value {
        schema::of::<Wire>()
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
                Some(
                    "write one of [corpus.files], [corpus.hub], [corpus.shards], [corpus.cargo] or [corpus.grammar]"
                        .into(),
                ),
            ));
        }
        if let Some((place, message, help)) = self.corpus.wrong_tokenizer() {
            return Err(self.source.error(Some(place), message, Some(help.into())));
        }
        if let Some((message, help)) = self.corpus.unknown_tokens() {
            let place = self.corpus_span.clone();
            return Err(self.source.error(Some(place), message, Some(help.into())));
        }
        if let Some((place, message, help)) = validation::wrong(&self.validation, &self.corpus) {
            return Err(self.source.error(Some(place), message, Some(help.into())));
        }
        self.training.check(&self.source)?;
        self.evaluation.check(&self.source)
    }
}

/// The name of a file's suite, where it can be a folder's on every system.
fn suite_name(file: &str) -> Option<String> {
    let name = Path::new(file).file_stem()?.to_str()?;
    let allowed = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let named = !name.starts_with('.') && name.chars().all(allowed);
    named.then(|| name.to_owned())
}

//! `[validation.NAME]`: further texts that every trained model is scored on.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{CorpusDefinition, CorpusSource, FilesCorpus, HubCorpus, ShardsCorpus};
use crate::Tokens;

/// `[validation.NAME]`: a text of which nothing is trained on. Losses on it are the column `loss_NAME`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationDefinition {
    /// Any text files or folders.
    pub files: Option<FilesCorpus>,
    /// A dataset of the Hugging Face hub.
    pub hub: Option<HubCorpus>,
    /// Shards of the corpus's tokens.
    pub shards: Option<ShardsCorpus>,
}

impl ValidationDefinition {
    /// The one source given, or `None` where none or several are.
    pub fn chosen(&self) -> Option<CorpusSource<'_>> {
        let all = [
            self.files.as_ref().map(CorpusSource::Files),
            self.hub.as_ref().map(CorpusSource::Hub),
            self.shards.as_ref().map(CorpusSource::Shards),
        ];
        let mut given = all.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }
}

/// What a plan needs to know of a named validation set.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationFacts {
    /// Its name.
    pub name: String,
    /// Hash of its tokens.
    pub sha256: String,
    /// Its tokens, and the one before them.
    pub tokens: Tokens,
    /// Tokens of each document, in their order.
    pub documents: Vec<Tokens>,
}

/// Ends of the names of columns: `loss_se` is no loss on a set.
const ENDS: [&str; 3] = ["se", "se_common", "se_own"];

/// What is wrong with a definition's validation sets: where, what, and what would be right.
pub(super) fn wrong(
    sets: &BTreeMap<Spanned<String>, Spanned<ValidationDefinition>>,
    corpus: &CorpusDefinition,
) -> Option<(Range<usize>, String, &'static str)> {
    sets.iter().find_map(|(name, set)| {
        let span = name.span();
        let name = name.get_ref();
        let letter = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let begins = name.starts_with(|it: char| it.is_ascii_alphabetic());
        let taken = ENDS.iter().any(|end| name == end || name.ends_with(&format!("_{end}")));
        if !begins || !name.chars().all(letter) || taken {
            let message = format!("`{name}` cannot be the name of a validation set");
            let help = "its losses are the column `loss_NAME`: use letters, digits and `_`, and no `_se` at the end";
            return Some((span, message, help));
        }
        let source = set.get_ref().chosen();
        let message = format!("the validation set `{name}` has exactly one source");
        let fits = match (&source, corpus.grammar.is_some(), corpus.shards.is_some()) {
            (None, ..) => {
                let help = "write one of [validation.NAME.files], [validation.NAME.hub] and [validation.NAME.shards]";
                return Some((span, message, help));
            }
            (_, true, _) => false,
            (Some(CorpusSource::Shards(_)), _, shards) => shards,
            (_, _, shards) => !shards,
        };
        if let Some(CorpusSource::Shards(shards)) = &source
            && shards.end.or(shards.vocabulary).is_some()
        {
            let message = format!("the tokens of the validation set `{name}` are those of the corpus");
            return Some((set.span(), message, "leave out `end` and `vocabulary`: [corpus.shards] says them"));
        }
        let message = format!("the validation set `{name}` is of another kind than the corpus");
        let help = "of a text there are sets of text, of shards sets of shards with the same tokens, and of a grammar none";
        (!fits).then_some((span, message, help))
    })
}

//! What is wrong with a definition, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

use crate::slips;

/// A definition that is refused before anything runs.
#[derive(Debug, Clone, thiserror::Error)]
pub struct DefinitionError {
    /// The definition's file, as the user named it.
    pub file: String,
    /// Line and column, from 1, where the place is known.
    pub place: Option<(usize, usize)>,
    /// The line itself.
    pub line: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what to do.
    pub help: Option<String>,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some((number, column)) = self.place {
            let margin = " ".repeat(number.to_string().len());
            let pad = " ".repeat(column.saturating_sub(1));
            write!(
                f,
                "\n {margin} |\n {number} | {}\n {margin} | {pad}^",
                self.line
            )?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A definition's text and name: turns byte spans into errors with file and line.
#[derive(Debug, Clone, Default)]
pub(crate) struct DefinitionText {
    pub file: String,
    pub text: String,
}

impl DefinitionText {
    pub fn error(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> DefinitionError {
        let (place, line) = match span.filter(|s| s.start <= self.text.len()) {
            Some(span) => self.locate(span.start),
            None => (None, String::new()),
        };
        DefinitionError {
            file: self.file.clone(),
            place,
            line,
            message: message.into(),
            help,
        }
    }

    fn locate(&self, at: usize) -> (Option<(usize, usize)>, String) {
        let before = self.text.get(..at).unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let column = before[start..].chars().count() + 1;
        (Some((number, column)), line.to_owned())
    }

    /// Turns what `toml` found into our error, with what was probably meant.
    pub fn of_toml(&self, error: &toml::de::Error) -> DefinitionError {
        let message = error.message().trim().to_owned();
        let mut refused = self.error(error.span(), message, None);
        refused.help = meant(&refused.message).or_else(|| number_meant(&refused.line));
        refused
    }
}

/// Reads serde's "unknown field `x`, expected one of `a`, `b`" and our own "\"x\" is not \"a\" or
/// \"b\"", and finds the expected word that was probably meant.
fn meant(message: &str) -> Option<String> {
    let quote = if message.starts_with("unknown ") {
        '`'
    } else if message.starts_with('"') {
        '"'
    } else {
        return None;
    };
    let mut quoted = message.split(quote).skip(1).step_by(2);
    let given = quoted.next()?;
    let best = slips::nearest(given, quoted)?;
    Some(format!("did you mean `{best}`?"))
}

/// The number that was meant where a line holds `1.5M` or the like.
fn number_meant(line: &str) -> Option<String> {
    let words = line.split(|letter: char| " =[],\"".contains(letter));
    let meant = words.into_iter().find_map(slips::number)?;
    Some(format!("write `{meant}`"))
}

//! The suite that a command line names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use isoflop_corpus::{CorpusError, default_cache};
#[cfg(feature = "train")]
use isoflop_suite::Definition;
use isoflop_suite::{Change, DeviceName, NoDevice};

use crate::planning::Suite;

#[derive(Debug, Clone, clap::Args)]
pub struct SuiteArguments {
    /// The experiment definition.
    suite: PathBuf,
    /// Change a setting of the definition, such as model.tied_head=false or sweep.width=32; may be
    /// repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<Change>,
    /// Where to train: `flex` is the processor, `wgpu:0` the first GPU, `auto` the best that passes
    /// its check; `isoflop devices` lists them.
    #[arg(long, default_value = "flex")]
    device: DeviceChoice,
    /// Where prepared corpora are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl SuiteArguments {
    /// Where prepared corpora and reports of devices are kept.
    ///
    /// # Errors
    /// If none is named and the user has no home.
    pub fn cache(&self) -> Result<PathBuf, CorpusError> {
        self.cache.clone().map_or_else(default_cache, Ok)
    }

    /// The words that name the suite and its corpus on another machine. Changes are in its text.
    ///
    /// # Errors
    /// If the folder that this process is in is gone.
    #[cfg(feature = "train")]
    pub fn words(&self) -> std::io::Result<Vec<String>> {
        let mut words = vec![std::path::absolute(&self.suite)?.display().to_string()];
        if let Some(cache) = &self.cache {
            let cache = std::path::absolute(cache)?.display().to_string();
            words.extend(["--cache".to_owned(), cache]);
        }
        Ok(words)
    }

    /// Opens the suite as it was when somebody kept its text, whatever its file holds now.
    ///
    /// # Errors
    /// As of `open`.
    #[cfg(feature = "train")]
    pub fn open_kept(
        &self,
        text: &str,
        best: impl FnOnce(&Path) -> DeviceName,
    ) -> anyhow::Result<Suite> {
        let cache = self.cache()?;
        let definition = Definition::parse(text, &self.suite.display().to_string())?;
        Suite::new(definition, &cache, self.device(&cache, best))
    }

    fn device(&self, cache: &Path, best: impl FnOnce(&Path) -> DeviceName) -> DeviceName {
        match &self.device {
            DeviceChoice::Auto => best(cache),
            DeviceChoice::Named(name) => name.clone(),
        }
    }

    /// Opens the suite, on its device; `best` finds out which is meant by `auto`.
    ///
    /// # Errors
    /// If the definition is refused, its laws could not be fitted, or its corpus cannot be prepared.
    pub fn open(&self, best: impl FnOnce(&Path) -> DeviceName) -> anyhow::Result<Suite> {
        let cache = self.cache()?;
        let device = self.device(&cache, best);
        Suite::open(&self.suite, &self.changes, &cache, device)
    }
}

/// Where to train, as a user says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that passes its check.
    Auto,
    Named(DeviceName),
}

impl FromStr for DeviceChoice {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            name => name.parse().map(DeviceChoice::Named),
        }
    }
}

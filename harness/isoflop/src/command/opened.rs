//! The suite that a command line names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use isoflop_corpus::{CorpusError, default_cache};
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

    /// Opens the suite, on its device; `best` finds out which is meant by `auto`.
    ///
    /// # Errors
    /// If the definition is refused, its laws could not be fitted, or its corpus cannot be prepared.
    pub fn open(&self, best: impl FnOnce(&Path) -> DeviceName) -> anyhow::Result<Suite> {
        let cache = self.cache()?;
        let device = match &self.device {
            DeviceChoice::Auto => best(&cache),
            DeviceChoice::Named(name) => name.clone(),
        };
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

//! Every call to the disk, as the processes of a command made them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Whether a worker made it.
    pub worker: bool,
    pub process: u32,
    /// Which call it was of its process, from 1.
    pub number: u64,
    pub path: PathBuf,
    pub what: What,
    /// Whether the disk did it.
    pub done: bool,
}

/// What a call asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum What {
    Read,
    List,
    Look,
    Lock,
    Open { handle: u64 },
    Write { handle: u64, bytes: String },
    SyncFile { handle: u64 },
    CreateFolder,
    Rename { to: PathBuf },
    Link { to: PathBuf },
    Remove,
    SyncFolder,
}

impl What {
    /// Whether it changes what is on the disk, or makes it last.
    pub fn changes(&self) -> bool {
        !matches!(self, What::Read | What::List | What::Look | What::Lock)
    }
}

/// The calls that were written to a journal, in their order.
pub fn read(journal: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(journal).expect("a journal");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a call"))
        .collect()
}

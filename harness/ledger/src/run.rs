//! One process trains one cell: it claims the cell, appends steps, and publishes a result.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use isoflop_suite::{CellId, Status, Step};

use crate::folder::json;
use crate::{CellRecord, LedgerError, RunRecord, SuiteFolder, write_atomically};

/// What came of asking for a cell.
#[derive(Debug)]
pub enum Claim {
    /// The cell is this process's to train.
    Mine(Attempt),
    /// Another process trains it.
    Taken,
    /// It is done.
    Done,
}

/// The right to train a cell, for as long as this lives. The system takes it back when the process
/// ends, however it ends.
#[derive(Debug)]
pub struct Attempt {
    run: PathBuf,
    id: CellId,
    number: u32,
    steps: BufWriter<File>,
    _lock: File,
}

impl SuiteFolder {
    /// Claims a cell for this process and begins an attempt.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn claim(&self, cell: &CellRecord) -> Result<Claim, LedgerError> {
        let run = self.run(&cell.id);
        fs::create_dir_all(&run).map_err(LedgerError::io(&run))?;
        let path = run.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let lock = lock.map_err(LedgerError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Claim::Taken),
            Err(TryLockError::Error(error)) => return Err(LedgerError::io(&path)(error)),
        }
        if self.status(&cell.id)? == Some(Status::Done) {
            return Ok(Claim::Done);
        }
        write_atomically(&run.join("cell.json"), &json(cell))?;
        let number = next_attempt(&run)?;
        let folder = run.join(format!("attempt-{number:04}"));
        fs::create_dir(&folder).map_err(LedgerError::io(&folder))?;
        let path = folder.join("steps.jsonl");
        let steps = File::create(&path).map_err(LedgerError::io(&path))?;
        Ok(Claim::Mine(Attempt {
            run,
            id: cell.id.clone(),
            number,
            steps: BufWriter::new(steps),
            _lock: lock,
        }))
    }

    /// The published status of a cell, if it has one.
    ///
    /// # Errors
    /// If its result is there and cannot be read.
    pub fn status(&self, id: &CellId) -> Result<Option<Status>, LedgerError> {
        Ok(self.result(id)?.map(|record| record.outcome.status))
    }

    /// The logged steps of a published run. A line that its writer did not finish is not a step.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn steps(&self, record: &RunRecord) -> Result<Vec<Step>, LedgerError> {
        let folder = self
            .run(&record.id)
            .join(format!("attempt-{:04}", record.attempt));
        let path = folder.join("steps.jsonl");
        let text = fs::read_to_string(&path).map_err(LedgerError::io(&path))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .enumerate()
            .map(|(i, line)| {
                serde_json::from_str(line).map_err(|error| LedgerError::Damaged {
                    path: path.clone(),
                    message: format!("line {}: {error}", i + 1),
                })
            })
            .collect()
    }
}

fn next_attempt(run: &Path) -> Result<u32, LedgerError> {
    let mut last = 0;
    for entry in fs::read_dir(run).map_err(LedgerError::io(run))? {
        let name = entry.map_err(LedgerError::io(run))?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix("attempt-")?.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last + 1)
}

impl Attempt {
    /// The attempt's number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Appends a step. A whole line is handed to the system at once.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn record(&mut self, step: &Step) -> io::Result<()> {
        serde_json::to_writer(&mut self.steps, step)?;
        self.steps.write_all(b"\n")?;
        self.steps.flush()
    }

    /// Publishes the run's result and gives the cell back.
    ///
    /// # Errors
    /// If the disk refuses; then nothing is published.
    pub fn publish(mut self, record: &RunRecord) -> Result<(), LedgerError> {
        debug_assert_eq!(record.id, self.id, "a result is published by its own run");
        let log = self
            .run
            .join(format!("attempt-{:04}", self.number))
            .join("steps.jsonl");
        let synced = self
            .steps
            .flush()
            .and_then(|()| self.steps.get_ref().sync_all());
        synced.map_err(LedgerError::io(&log))?;
        write_atomically(&self.run.join("result.json"), &json(record))
    }
}

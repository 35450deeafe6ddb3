//! One process trains one cell: it appends steps, keeps checkpoints, and publishes a result.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use isoflop_files::{OpenFile, Opening, disk, exists, read_sealed, replace, sealed, sha256};
use isoflop_suite::{CellId, Step};

use crate::attempts::{CHECKPOINT, RESULT, STEPS, put_away};
use crate::lease::Lease;
use crate::record::FORMAT;
use crate::{LedgerError, Renewal, RunRecord};

/// The right to train a cell, for as long as its lease is renewed.
#[derive(Debug)]
pub struct Attempt {
    run: PathBuf,
    folder: PathBuf,
    id: CellId,
    begun: Begun,
    steps: BufWriter<Box<dyn OpenFile>>,
    lease: Lease,
}

/// What an attempt begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub number: u32,
    /// The attempt whose end stands and is to be tried again; 0 where none does.
    pub over: u32,
    /// How often the cell was tried to its end before.
    pub tries: u32,
}

impl Attempt {
    pub(crate) fn begin(
        run: PathBuf,
        folder: PathBuf,
        id: CellId,
        begun: Begun,
        lease: Lease,
    ) -> Result<Self, LedgerError> {
        let path = folder.join(STEPS);
        let steps = disk().open(&path, Opening::Append);
        Ok(Attempt {
            steps: BufWriter::new(steps.map_err(LedgerError::io(&path))?),
            run,
            folder,
            id,
            begun,
            lease,
        })
    }

    /// The attempt's number, from 1.
    pub fn number(&self) -> u32 {
        self.begun.number
    }

    /// How often the cell has been tried to its end, this time included.
    pub fn tries(&self) -> u32 {
        self.begun.tries + 1
    }

    /// What its holder renews its lease by.
    pub fn renewal(&self) -> Renewal {
        self.lease.renewal(&self.folder)
    }

    /// The checkpoint to go on from, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        let path = self.folder.join(CHECKPOINT);
        match disk().read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| self.noted(&path, &error)),
        }
    }

    /// Forgets logged steps after this one, which are to be logged again. Returns how many are left.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn rewind(&mut self, step: u64) -> io::Result<usize> {
        let path = self.folder.join(STEPS);
        let left = self.cut(&path, step);
        left.map_err(|error| self.noted(&path, &error))
    }

    fn cut(&mut self, path: &Path, step: u64) -> io::Result<usize> {
        let text = disk().read(path)?;
        let kept: Vec<&[u8]> = text
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
            .take_while(|line| {
                serde_json::from_slice::<Step>(line).is_ok_and(|logged| logged.step <= step)
            })
            .collect();
        replace(path, &kept.concat())?;
        // A checkpoint to come relies on this log.
        disk().sync_folder(&self.folder)?;
        self.steps = BufWriter::new(disk().open(path, Opening::Append)?);
        Ok(kept.len())
    }

    /// Appends a step. A whole line is handed to the system at once.
    ///
    /// # Errors
    /// If the disk refuses, or the lease is lost.
    pub fn record(&mut self, step: &Step) -> io::Result<()> {
        self.held()?;
        let mut line = serde_json::to_vec(step)?;
        line.push(b'\n');
        let written = self.steps.write_all(&line);
        let written = written.and_then(|()| self.steps.flush());
        written.map_err(|error| self.noted(&self.folder.join(STEPS), &error))
    }

    /// Logs these steps and no others.
    pub(crate) fn log(&mut self, steps: &[Step]) -> Result<(), LedgerError> {
        let written = self
            .rewind(0)
            .and_then(|_| steps.iter().try_for_each(|step| self.record(step)));
        written.map_err(LedgerError::io(&self.folder.join(STEPS)))
    }

    /// Keeps a checkpoint in the place of the one before.
    ///
    /// # Errors
    /// If the disk refuses, or the lease is lost.
    pub fn keep(&mut self, checkpoint: &[u8]) -> io::Result<()> {
        self.held()?;
        let path = self.folder.join(CHECKPOINT);
        // A checkpoint that outlives its log would leave a hole in the curve.
        let log = self.steps.get_mut().sync();
        let kept = log.and_then(|()| replace(&path, checkpoint));
        kept.map_err(|error| self.noted(&path, &error))
    }

    /// Whether another process has taken the cell over.
    pub fn lost(&self) -> bool {
        self.lease.lost() || matches!(exists(&self.folder), Ok(false))
    }

    /// An error with its file's name. Where the file is not there any more the lease is lost, whatever a
    /// look says that may be stale.
    fn noted(&self, path: &Path, error: &io::Error) -> io::Error {
        if is_gone(error) {
            self.lease.lose();
        }
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    }

    fn held(&self) -> io::Result<()> {
        if self.lease.lost() {
            return Err(io::Error::other("another process has taken the cell over"));
        }
        Ok(())
    }

    /// Publishes the run's result and gives the cell back. A run that is not done keeps its
    /// checkpoint.
    ///
    /// # Errors
    /// If the disk refuses, or another process has taken the cell over; then nothing is published.
    pub fn publish(mut self, record: &RunRecord) -> Result<(), LedgerError> {
        debug_assert_eq!(record.id, self.id, "a result is published by its own run");
        let log = self.folder.join(STEPS);
        let flushed = self.steps.flush();
        flushed
            .and_then(|()| self.steps.get_mut().sync())
            .map_err(|error| self.gone(&log, error))?;
        let written = disk().read(&log).map_err(|error| self.gone(&log, error))?;
        let mut record = record.clone();
        record.steps_sha256 = Some(sha256(&written));
        let (draft, sealed) = (self.folder.join(RESULT), sealed(&record));
        // From within the folder: once that is moved away, there is nothing to publish. It never lasts
        // without its log.
        replace(&draft, &sealed)
            .and_then(|()| disk().sync_folder(&self.folder))
            .map_err(|error| self.gone(&draft, error))?;
        let run = self.run.clone();
        match self.settle(&draft, &sealed) {
            Err(LedgerError::Lost { path }) => {
                // Of no use to anybody: another end stands.
                let _ = disk().remove(&self.folder);
                return Err(LedgerError::Lost { path });
            }
            settled => settled?,
        }
        disk().sync_folder(&run).map_err(LedgerError::io(&run))?;
        drop(self);
        put_away(&run, record.attempt, record.status());
        Ok(())
    }

    /// Makes the draft of a result the cell's, unless another end stands than the one to be tried again.
    fn settle(&self, draft: &Path, sealed: &[u8]) -> Result<(), LedgerError> {
        let result = self.run.join(RESULT);
        match disk().link(draft, &result) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.gone(draft, error)),
        }
        let stands = |of: &Self| -> Result<bool, LedgerError> {
            let bytes = disk().read(&result);
            Ok(bytes.map_err(|error| of.gone(&result, error))? == sealed)
        };
        // The first answer may have been lost on its way.
        if stands(self)? {
            return Ok(());
        }
        let standing: RunRecord = read_sealed(&result, FORMAT)?;
        if standing.attempt != self.begun.over {
            return Err(self.taken_over());
        }
        let moved = disk().rename(draft, &result);
        moved.map_err(|error| self.gone(draft, error))?;
        if stands(self)? {
            return Ok(());
        }
        Err(self.taken_over())
    }

    /// An error on one of the attempt's files, which are not there any more where it has lost its lease.
    fn gone(&self, path: &Path, error: io::Error) -> LedgerError {
        if is_gone(&error) {
            return self.taken_over();
        }
        LedgerError::io(path)(error)
    }

    fn taken_over(&self) -> LedgerError {
        LedgerError::Lost {
            path: self.folder.clone(),
        }
    }
}

/// Whether a file is not there any more, as a disk of the network may say it too.
fn is_gone(error: &io::Error) -> bool {
    [ErrorKind::NotFound, ErrorKind::StaleNetworkFileHandle].contains(&error.kind())
}

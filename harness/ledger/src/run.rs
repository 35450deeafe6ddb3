//! One process trains one cell: it claims the cell, appends steps, keeps checkpoints, and publishes a
//! result.
//!
//! The claim is the folder `attempt-NNNN`, which only one process can make. Who takes a dead holder's
//! cell over first moves that folder away, so that whatever a late holder still writes goes nowhere:
//! its lease cannot be renewed and its result cannot be published, since both are made in the folder
//! and renamed from there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use isoflop_files::{FileError, draft, exists, replace, sealed, sha256};
use isoflop_suite::{CellId, Retry, Status, Step};

use crate::lease::{Lease, Leases, locked};
use crate::{CellRecord, LedgerError, RunRecord, SuiteFolder};

const CHECKPOINT: &str = "checkpoint";
const STEPS: &str = "steps.jsonl";
/// How long a process that has published its result may take to let go of the cell.
const PUBLISHING: Duration = Duration::from_secs(1);

/// What came of asking for a cell.
#[derive(Debug)]
pub enum Claim {
    /// The cell is this process's to train.
    Mine(Box<Attempt>),
    /// Another process trains it.
    Taken,
    /// It has ended, and is not to be tried again.
    Ended(Status),
}

/// The right to train a cell, for as long as its lease is renewed.
#[derive(Debug)]
pub struct Attempt {
    run: PathBuf,
    folder: PathBuf,
    id: CellId,
    number: u32,
    tries: u32,
    steps: BufWriter<File>,
    lease: Lease,
}

impl SuiteFolder {
    /// Claims a cell for this process and begins an attempt, from the last checkpoint that any
    /// earlier one left.
    ///
    /// # Errors
    /// If the folder cannot be written, or a result is there and cannot be read.
    pub fn claim(
        &self,
        cell: &CellRecord,
        retry: &Retry,
        leases: &mut Leases,
    ) -> Result<Claim, LedgerError> {
        let run = self.run(&cell.id);
        fs::create_dir_all(&run).map_err(LedgerError::io(&run))?;
        let ended = self.result(&cell.id)?;
        if let Some(record) = &ended
            && !retry.again(record.status(), record.tries)
        {
            self.tidy(record);
            return Ok(Claim::Ended(record.status()));
        }
        let attempts = attempts(&run).map_err(LedgerError::io(&run))?;
        let last = attempts.last();
        // An attempt that has published its end holds nothing any more; its log is the result's.
        let over = ended.as_ref().map_or(0, |record| record.attempt);
        if let Some(last) = last.filter(|last| !last.lost && last.number > over) {
            if !leases.expired(&last.path) {
                return Ok(Claim::Taken);
            }
            // Only one process moves it away.
            match fs::rename(&last.path, last.path.with_extension("lost")) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Claim::Taken),
                Err(error) => return Err(LedgerError::io(&last.path)(error)),
            }
            // It may have published just before.
            if self.result(&cell.id)?.is_some_and(|it| it.attempt > over) {
                put_back(&last.path).map_err(LedgerError::io(&last.path))?;
                return self.claim(cell, retry, leases);
            }
        }
        let number = last.map_or(1, |last| last.number + 1);
        let tries = ended.map_or(0, |record| record.tries);
        self.begin(cell, number, (over, tries), leases)
    }

    fn begin(
        &self,
        cell: &CellRecord,
        number: u32,
        (published, tries): (u32, u32),
        leases: &Leases,
    ) -> Result<Claim, LedgerError> {
        let run = self.run(&cell.id);
        let name = attempt_name(number);
        let draft = run.join(draft(&name));
        let folder = run.join(&name);
        let lock = match prepare(&run, &draft).and_then(|lock| {
            fs::rename(&draft, &folder)?;
            Ok(lock)
        }) {
            Ok(lock) => lock,
            Err(error) => {
                let _ = fs::remove_dir_all(&draft);
                return match error.kind() {
                    // Another process was first, and may have swept away what this one was at.
                    io::ErrorKind::AlreadyExists
                    | io::ErrorKind::DirectoryNotEmpty
                    | io::ErrorKind::NotFound => Ok(Claim::Taken),
                    _ => Err(LedgerError::io(&folder)(error)),
                };
            }
        };
        let lease = Lease::renew(folder.clone(), leases.term(), lock);
        replace(&run.join("cell.json"), &sealed(cell)).map_err(LedgerError::io(&run))?;
        sweep(&run, &[name, attempt_name(published)]);
        let path = folder.join(STEPS);
        let steps = OpenOptions::new().create(true).append(true).open(&path);
        Ok(Claim::Mine(Box::new(Attempt {
            steps: BufWriter::new(steps.map_err(LedgerError::io(&path))?),
            run,
            folder,
            id: cell.id.clone(),
            number,
            tries,
            lease,
        })))
    }

    /// Takes over a cell's finished run from another folder, as an attempt of its own. Returns whether
    /// there was one that is done and not excluded there, and the cell was free to take it.
    ///
    /// # Errors
    /// If a file of either folder cannot be read, or this one cannot be written.
    pub fn adopt(
        &self,
        from: &SuiteFolder,
        cell: &CellRecord,
        retry: &Retry,
        leases: &mut Leases,
    ) -> Result<bool, LedgerError> {
        if from.exclusions([])?.reason(&cell.id).is_some() {
            return Ok(false);
        }
        let done = from.result(&cell.id)?;
        let Some(done) = done.filter(|run| run.status() == Status::Done) else {
            return Ok(false);
        };
        let steps = from.steps(&done)?;
        let Claim::Mine(mut attempt) = self.claim(cell, retry, leases)? else {
            return Ok(false);
        };
        let log = attempt.folder.join(STEPS);
        let written = attempt
            .rewind(0)
            .and_then(|()| steps.iter().try_for_each(|step| attempt.record(step)));
        written.map_err(LedgerError::io(&log))?;
        let record = RunRecord {
            attempt: attempt.number(),
            tries: attempt.tries(),
            ..done
        };
        attempt.publish(&record)?;
        Ok(true)
    }

    /// Takes away what processes left of a cell with a published result that died before they tidied
    /// up: its publisher, and others that were about to claim it.
    pub fn tidy(&self, record: &RunRecord) {
        let run = self.run(&record.id);
        let folder = run.join(attempt_name(record.attempt));
        // Moved away by one that died before it saw the result.
        let _ = put_back(&folder);
        let begin = Instant::now();
        while locked(&folder) && begin.elapsed() < PUBLISHING {
            thread::sleep(PUBLISHING / 100);
        }
        if !locked(&folder) {
            put_away(&run, record.attempt, record.status());
        }
    }

    /// The published status of a cell, if it has one.
    ///
    /// # Errors
    /// If its result is there and cannot be read.
    pub fn status(&self, id: &CellId) -> Result<Option<Status>, LedgerError> {
        Ok(self.result(id)?.map(|record| record.status()))
    }

    /// The last logged step of a cell's newest attempt, and whether that attempt's lease is held as
    /// far as a first look can tell. `None` of a cell that nobody has begun.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn under_way(&self, id: &CellId) -> Result<Option<UnderWay>, LedgerError> {
        let run = self.run(id);
        if !exists(&run)? {
            return Ok(None);
        }
        let last = attempts(&run).map_err(LedgerError::io(&run))?.pop();
        let Some(last) = last else {
            return Ok(None);
        };
        let text = fs::read_to_string(last.path.join(STEPS)).unwrap_or_default();
        let step = text
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line).ok());
        Ok(Some(UnderWay {
            held: !last.lost && !Leases::new(Duration::MAX).expired(&last.path),
            step,
        }))
    }

    /// Forgets how a cell ended, so that it is tried again; the end stays in its attempt's folder.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn forget(&self, id: &CellId) -> Result<(), LedgerError> {
        let Some(record) = self.result(id)? else {
            return Ok(());
        };
        let run = self.run(id);
        let attempt = run.join(attempt_name(record.attempt));
        let path = run.join("result.json");
        let kept = fs::rename(&path, attempt.join("ended.json"));
        match kept.or_else(|_| fs::remove_file(&path)) {
            // Another process has forgotten it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            forgotten => forgotten.map_err(LedgerError::io(&path))?,
        }
        // It holds nothing any more, and nobody is to wait for it.
        let _ = fs::rename(&attempt, attempt.with_extension("lost"));
        Ok(())
    }

    /// The logged steps of a published run. A line that its writer did not finish is not a step.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn steps(&self, record: &RunRecord) -> Result<Vec<Step>, LedgerError> {
        let folder = self.run(&record.id).join(attempt_name(record.attempt));
        let path = folder.join(STEPS);
        let text = fs::read_to_string(&path).map_err(LedgerError::io(&path))?;
        if let Some(hash) = &record.steps_sha256
            && sha256(&text) != *hash
        {
            let message = "its content is not what was written";
            return Err(FileError::damaged(&path, message).into());
        }
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .enumerate()
            .map(|(i, line)| {
                serde_json::from_str(line).map_err(|error| {
                    FileError::damaged(&path, format!("line {}: {error}", i + 1)).into()
                })
            })
            .collect()
    }
}

/// A cell that has been begun.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderWay {
    /// Whether its lease looks held.
    pub held: bool,
    /// Its last logged step.
    pub step: Option<Step>,
}

/// An attempt's folder.
#[derive(Debug, Clone)]
struct Folder {
    number: u32,
    /// Whether it has been moved away from its holder.
    lost: bool,
    path: PathBuf,
}

fn attempt_name(number: u32) -> String {
    format!("attempt-{number:04}")
}

/// The number in the name of an attempt's folder, and whether it has been moved away.
fn attempt_number(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix("attempt-")?;
    let digits = rest.strip_suffix(".lost").unwrap_or(rest);
    let number = digits.parse().ok()?;
    Some((number, rest.len() > digits.len()))
}

/// A run's attempts, oldest first.
fn attempts(run: &Path) -> io::Result<Vec<Folder>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(run)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((number, lost)) = attempt_number(&name) {
            found.push(Folder { number, lost, path });
        }
    }
    found.sort_by_key(|folder| folder.number);
    Ok(found)
}

/// Moves an attempt's folder back that was moved away, unless another process has done so.
fn put_back(folder: &Path) -> io::Result<()> {
    match fs::rename(folder.with_extension("lost"), folder) {
        Err(_) if folder.try_exists()? => Ok(()),
        moved => moved,
    }
}

/// Makes the folder of a new attempt under a name of its own, with its lease locked.
fn prepare(run: &Path, draft: &Path) -> io::Result<File> {
    fs::create_dir(draft)?;
    inherit(run, draft)?;
    Lease::prepare(draft)
}

/// Gives a new attempt the newest checkpoint of those before it, and the steps logged up to it.
fn inherit(run: &Path, draft: &Path) -> io::Result<()> {
    let before = attempts(run)?;
    for old in before.iter().rev() {
        let (checkpoint, steps) = (old.path.join(CHECKPOINT), old.path.join(STEPS));
        // Without its log a checkpoint has no curve to go on with.
        if checkpoint.try_exists()? && steps.try_exists()? {
            // Its steps go on where the checkpoint is; those logged after it are logged again.
            fs::copy(&checkpoint, draft.join(CHECKPOINT))?;
            fs::copy(&steps, draft.join(STEPS))?;
            return Ok(());
        }
    }
    Ok(())
}

/// Takes away what earlier attempts and processes that died left, but for the new attempt, which has
/// what it needs of them, and the one whose end is published.
fn sweep(run: &Path, kept: &[String]) {
    remove_if(run, |name| {
        !kept.iter().any(|it| it == name) && (name.starts_with('.') || name.starts_with("attempt-"))
    });
}

/// Removes the files and folders in a folder whose names are unwanted.
fn remove_if(folder: &Path, unwanted: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if unwanted(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

/// Takes away what an attempt that has published its end needs no more, and what others left before
/// it; one that is not done keeps its checkpoint.
fn put_away(run: &Path, attempt: u32, status: Status) {
    remove_if(&run.join(attempt_name(attempt)), |name| {
        let done = status == Status::Done && name == CHECKPOINT;
        done || name.starts_with('.') || ["lease.json", "lock"].contains(&name)
    });
    remove_if(run, |name| {
        name.starts_with('.') || attempt_number(name).is_some_and(|(number, _)| number < attempt)
    });
}

impl Attempt {
    /// The attempt's number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// How often the cell has been tried to its end, this time included.
    pub fn tries(&self) -> u32 {
        self.tries + 1
    }

    /// The checkpoint to go on from.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.join(CHECKPOINT)).ok()
    }

    /// Forgets logged steps after this one, which are to be logged again.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn rewind(&mut self, step: u64) -> io::Result<()> {
        let path = self.folder.join(STEPS);
        let text = fs::read_to_string(&path)?;
        let kept: String = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .take_while(|line| {
                serde_json::from_str::<Step>(line).is_ok_and(|logged| logged.step <= step)
            })
            .collect();
        replace(&path, kept.as_bytes())?;
        self.steps = BufWriter::new(OpenOptions::new().append(true).open(&path)?);
        Ok(())
    }

    /// Appends a step. A whole line is handed to the system at once.
    ///
    /// # Errors
    /// If the disk refuses, or the lease is lost.
    pub fn record(&mut self, step: &Step) -> io::Result<()> {
        self.held()?;
        serde_json::to_writer(&mut self.steps, step)?;
        self.steps.write_all(b"\n")?;
        self.steps.flush()
    }

    /// Keeps a checkpoint in the place of the one before.
    ///
    /// # Errors
    /// If the disk refuses, or the lease is lost.
    pub fn keep(&mut self, checkpoint: &[u8]) -> io::Result<()> {
        self.held()?;
        // A checkpoint that outlives its log would leave a hole in the curve.
        self.steps.get_ref().sync_data()?;
        replace(&self.folder.join(CHECKPOINT), checkpoint)
    }

    /// Whether another process has taken the cell over.
    pub fn lost(&self) -> bool {
        self.lease.lost() || matches!(self.folder.try_exists(), Ok(false))
    }

    /// An error on one of the attempt's files, which are not there any more where it has lost its lease.
    fn gone(&self, path: &Path, error: io::Error) -> LedgerError {
        if error.kind() == io::ErrorKind::NotFound {
            return LedgerError::Lost {
                path: self.folder.clone(),
            };
        }
        LedgerError::io(path)(error)
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
        let synced = self
            .steps
            .flush()
            .and_then(|()| self.steps.get_ref().sync_all());
        synced.map_err(LedgerError::io(&log))?;
        let written = fs::read(&log).map_err(|error| self.gone(&log, error))?;
        let mut record = record.clone();
        record.steps_sha256 = Some(sha256(&written));
        let draft = self.folder.join("result.json");
        // From within the folder: once that is moved away, there is nothing to rename.
        replace(&draft, &sealed(&record))
            .and_then(|()| fs::rename(&draft, self.run.join("result.json")))
            .map_err(|error| self.gone(&draft, error))?;
        let run = self.run.clone();
        drop(self);
        put_away(&run, record.attempt, record.status());
        Ok(())
    }
}

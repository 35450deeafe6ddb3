//! How a process comes by a cell, and how a cell that has ended is left.
//!
//! The claim is the folder `attempt-NNNN`, which only one process can make. Who takes a dead holder's
//! cell over first moves that folder away, so that whatever a late holder still writes goes nowhere:
//! its lease cannot be renewed and its result cannot be published, since both are made in the folder
//! and moved from there. Where a disk still shows a late holder the folder that was moved, its result
//! is published all the same, and the taker's is not: a cell has the end that came first.

use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use isoflop_files::{copy, create_folders, disk, draft, read_sealed, replace, sealed};
use isoflop_machine::Place;
use isoflop_suite::{CellId, Retry, Status, Step};

use crate::attempt::{Attempt, Begun};
use crate::attempts::{
    CHECKPOINT, Folder, RESULT, STEPS, attempt_name, attempts, leave_logs, newest_checkpoint,
    put_away, put_back,
};
use crate::lease::{Lease, Leases, locked, place};
use crate::record::FORMAT;
use crate::{CellRecord, LedgerError, RunRecord, SuiteFolder};

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
        now: Instant,
    ) -> Result<Claim, LedgerError> {
        let run = self.run(&cell.id);
        create_folders(&run)?;
        let ended = self.result(&cell.id)?;
        if let Some(record) = &ended
            && !retry.again(record.status(), record.tries)
        {
            self.tidy(record);
            return Ok(Claim::Ended(record.status()));
        }
        let attempts = attempts(&run)?;
        let last = attempts.last();
        // An attempt that has published its end holds nothing any more; its log is the result's.
        let over = ended.as_ref().map_or(0, |record| record.attempt);
        if let Some(last) = last.filter(|last| !last.lost && last.number > over) {
            if !leases.expired(&last.path, now)? {
                return Ok(Claim::Taken);
            }
            // Only one process moves it away.
            match disk().rename(&last.path, &last.path.with_extension("lost")) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Claim::Taken),
                Err(error) => return Err(LedgerError::io(&last.path)(error)),
            }
            // It may have published just before.
            if self.result(&cell.id)?.is_some_and(|it| it.attempt > over) {
                put_back(&last.path).map_err(LedgerError::io(&last.path))?;
                return self.claim(cell, retry, leases, now);
            }
        }
        let begun = Begun {
            number: last.map_or(1, |last| last.number + 1),
            over,
            tries: ended.map_or(0, |record| record.tries),
        };
        self.begin(cell, begun)
    }

    fn begin(&self, cell: &CellRecord, begun: Begun) -> Result<Claim, LedgerError> {
        let run = self.run(&cell.id);
        let name = attempt_name(begun.number);
        let (draft, folder) = (run.join(draft(&name)), run.join(&name));
        let made = prepare(&run, &draft).and_then(|lease| {
            let moved = disk().rename(&draft, &folder);
            moved.map_err(LedgerError::io(&folder))?;
            Ok(lease)
        });
        let lease = match made {
            Ok(lease) => lease,
            Err(error) => {
                let _ = disk().remove(&draft);
                return match error.io_kind() {
                    // Another process was first, and may have swept away what this one was at.
                    Some(
                        ErrorKind::AlreadyExists
                        | ErrorKind::DirectoryNotEmpty
                        | ErrorKind::NotFound,
                    ) => Ok(Claim::Taken),
                    _ => Err(error),
                };
            }
        };
        // One that was slow to come may have taken a number that others are done with.
        let all = attempts(&run)?;
        let later =
            |it: &Folder| it.number > begun.number || (it.number == begun.number && it.lost);
        if all.iter().any(later) {
            drop(lease);
            let _ = disk().remove(&folder);
            return Ok(Claim::Taken);
        }
        let path = run.join("cell.json");
        replace(&path, &sealed(cell))
            .and_then(|()| disk().sync_folder(&run))
            .map_err(LedgerError::io(&path))?;
        // What it needs of those before it lasts now.
        leave_logs(&run, begun.number, begun.over);
        match Attempt::begin(run, folder, cell.id.clone(), begun, lease) {
            // It was so slow to begin that another has taken over.
            Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => Ok(Claim::Taken),
            attempt => Ok(Claim::Mine(Box::new(attempt?))),
        }
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
        let Claim::Mine(mut attempt) = self.claim(cell, retry, leases, Instant::now())? else {
            return Ok(false);
        };
        attempt.log(&steps)?;
        let record = RunRecord {
            attempt: attempt.number(),
            tries: attempt.tries(),
            ..done
        };
        attempt.publish(&record)?;
        Ok(true)
    }

    /// Takes away what processes left of a cell with a published result that died before they tidied
    /// up: its publisher, and others that were about to claim it. What cannot be taken away stays.
    pub fn tidy(&self, record: &RunRecord) {
        let run = self.run(&record.id);
        let folder = run.join(attempt_name(record.attempt));
        // Moved away by one that died before it saw the result.
        let _ = put_back(&folder);
        let begin = Instant::now();
        let mut held = locked(&folder);
        while matches!(held, Ok(true)) && begin.elapsed() < PUBLISHING {
            thread::sleep(PUBLISHING / 100);
            held = locked(&folder);
        }
        if matches!(held, Ok(false)) {
            put_away(&run, record.attempt, record.status());
        }
    }

    /// The last logged step of a cell's newest attempt, and whether that attempt's lease is held as
    /// far as a first look can tell. `None` of a cell that nobody has begun.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn under_way(&self, id: &CellId) -> Result<Option<UnderWay>, LedgerError> {
        let Some(last) = attempts(&self.run(id))?.pop() else {
            return Ok(None);
        };
        let path = last.path.join(STEPS);
        let log = match disk().read(&path) {
            // It has not come that far, or is over.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(LedgerError::io(&path))?,
        };
        let lines = log.rsplit(|byte| *byte == b'\n');
        let step = lines
            .map(|line| serde_json::from_slice(line).ok())
            .find_map(|step| step);
        let mut first_look = Leases::new(Duration::MAX);
        Ok(Some(UnderWay {
            held: !last.lost && !first_look.expired(&last.path, Instant::now())?,
            step,
            place: place(&last.path),
        }))
    }

    /// Forgets this end of a cell, so that it is tried again; it stays in its attempt's folder. Another
    /// end that has come since stands.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn forget(&self, record: &RunRecord) -> Result<(), LedgerError> {
        let run = self.run(&record.id);
        let (path, aside) = (run.join(RESULT), run.join(draft("forgotten")));
        match disk().rename(&path, &aside) {
            // Another process has forgotten it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            moved => moved.map_err(LedgerError::io(&path))?,
        }
        let moved: RunRecord = read_sealed(&aside, FORMAT)?;
        let same = (moved.attempt, &moved.steps_sha256) == (record.attempt, &record.steps_sha256);
        if !same {
            let back = disk().link(&aside, &path);
            back.map_err(LedgerError::io(&path))?;
            let _ = disk().remove(&aside);
            return Ok(());
        }
        let attempt = run.join(attempt_name(record.attempt));
        let kept = disk().rename(&aside, &attempt.join("ended.json"));
        let forgotten = kept.or_else(|_| disk().remove(&aside));
        // Else a power cut could leave a result without its log.
        forgotten
            .and_then(|()| disk().sync_folder(&run))
            .map_err(LedgerError::io(&path))?;
        // It holds nothing any more, and nobody is to wait for it.
        let _ = disk().rename(&attempt, &attempt.with_extension("lost"));
        Ok(())
    }
}

/// Makes the folder of a new attempt under a name of its own, with its lease locked, and the newest
/// checkpoint of those before it with the steps logged up to it.
fn prepare(run: &Path, draft: &Path) -> Result<Lease, LedgerError> {
    let in_draft = |error| LedgerError::io(draft)(error);
    disk().create_folder(draft).map_err(in_draft)?;
    if let Some(old) = newest_checkpoint(run)? {
        // The steps after it are logged again. Those it is copied from go away once the copy lasts.
        for name in [CHECKPOINT, STEPS] {
            copy(&old.join(name), &draft.join(name)).map_err(LedgerError::io(&old.join(name)))?;
        }
        disk().sync_folder(draft).map_err(in_draft)?;
    }
    Lease::prepare(draft).map_err(in_draft)
}

/// A cell that has been begun.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderWay {
    /// Whether its lease looks held.
    pub held: bool,
    /// Its last logged step.
    pub step: Option<Step>,
    /// Where its holder is, if a cluster's engine has put it there.
    pub place: Option<Place>,
}

//! Leases: the right to train a cell, renewed for as long as its holder lives.
//!
//! A lease is a file that its holder replaces with another beat, over and over. Whoever waits for the
//! cell watches that file: if it has not changed for a whole term of the watcher's own clock, the
//! holder is taken for dead. No two clocks are compared. On the holder's own machine a lock of the
//! system tells at once.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use isoflop_files::{OpenFile, Opening, disk, json, replace};
use isoflop_machine::Place;
use serde::{Deserialize, Serialize};

use crate::LedgerError;
use crate::record::FORMAT;

/// Renewals in a term.
const BEATS: u32 = 6;

/// `lease.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseRecord {
    format: u32,
    /// This boot of the holder's machine.
    host: String,
    process: u32,
    beat: u64,
    /// Where a cluster's engine has put the holder.
    #[serde(default)]
    place: Option<Place>,
}

impl LeaseRecord {
    fn mine(beat: u64) -> Self {
        LeaseRecord {
            format: FORMAT,
            host: host(),
            process: std::process::id(),
            beat,
            place: Place::here(),
        }
    }
}

/// This boot of this machine, as Linux names it; elsewhere the machine's name, if it has one.
fn host() -> String {
    let boot = disk().read(Path::new("/proc/sys/kernel/random/boot_id"));
    let name = || std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME"));
    boot.map_or_else(
        |_| name().unwrap_or_default(),
        |boot| String::from_utf8_lossy(&boot).trim().to_owned(),
    )
}

/// What a process has seen of others' leases.
#[derive(Debug)]
pub struct Leases {
    term: Duration,
    seen: HashMap<PathBuf, (Vec<u8>, Instant)>,
}

impl Leases {
    /// A holder that does not renew its lease for this long is taken for dead.
    pub fn new(term: Duration) -> Self {
        Leases {
            term,
            seen: HashMap::new(),
        }
    }

    /// Whether the holder of an attempt is dead, as far as can be told now.
    ///
    /// # Errors
    /// If the lease cannot be read: a disk in trouble says nothing of the holder.
    pub(crate) fn expired(&mut self, attempt: &Path, now: Instant) -> Result<bool, LedgerError> {
        let path = attempt.join("lease.json");
        // An attempt begins with its lease and ends by taking it away.
        let lease = match disk().read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            // On NFS: it was replaced while it was read.
            Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle => return Ok(false),
            read => read.map_err(LedgerError::io(&path))?,
        };
        let here = serde_json::from_slice::<LeaseRecord>(&lease).is_ok_and(|it| it.host == host());
        if here && !locked(attempt)? {
            return Ok(true);
        }
        match self.seen.get(attempt) {
            Some((before, since)) if *before == lease => Ok(now - *since >= self.term),
            _ => {
                self.seen.insert(attempt.to_owned(), (lease, now));
                Ok(false)
            }
        }
    }
}

/// Where the holder of an attempt is, if a cluster's engine has put it there.
pub(crate) fn place(attempt: &Path) -> Option<Place> {
    let lease = disk().read(&attempt.join("lease.json")).ok()?;
    serde_json::from_slice::<LeaseRecord>(&lease).ok()?.place
}

/// Whether a process of this machine holds an attempt's lock.
///
/// # Errors
/// If the system does not tell.
pub(crate) fn locked(attempt: &Path) -> Result<bool, LedgerError> {
    let path = attempt.join("lock");
    match disk().open(&path, Opening::Lock) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        // A disk that knows no locks holds none.
        opened => Ok(matches!(
            opened.map_err(LedgerError::io(&path))?.lock(),
            Ok(false)
        )),
    }
}

/// The lease of an attempt.
#[derive(Debug)]
pub(crate) struct Lease {
    holding: Arc<Holding>,
    _lock: Box<dyn OpenFile>,
}

/// How a lease stands.
#[derive(Debug, Default)]
struct Holding {
    /// Another process has taken over.
    lost: AtomicBool,
    /// Its holder has let go. Locked while the lease is renewed.
    over: Mutex<bool>,
}

impl Holding {
    /// Nobody panics while they hold it.
    fn over(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Writes a first lease into a folder that nobody else knows yet, and locks it.
    pub fn prepare(folder: &Path) -> io::Result<Self> {
        let lock = disk().open(&folder.join("lock"), Opening::New)?;
        lock.lock()?;
        replace(&folder.join("lease.json"), &json(&LeaseRecord::mine(0)))?;
        Ok(Lease {
            holding: Arc::default(),
            _lock: lock,
        })
    }

    /// Whether another process has taken over.
    pub fn lost(&self) -> bool {
        self.holding.lost.load(Ordering::Relaxed)
    }

    /// Hears that another process has taken over.
    pub fn lose(&self) {
        self.holding.lost.store(true, Ordering::Relaxed);
    }

    /// What renews the lease of the attempt in this folder.
    pub fn renewal(&self, attempt: &Path) -> Renewal {
        Renewal {
            lease: attempt.join("lease.json"),
            beat: 0,
            holding: Arc::clone(&self.holding),
        }
    }
}

impl Drop for Lease {
    /// Lets go: nothing is renewed any more, not by a renewal under way either.
    fn drop(&mut self) {
        *self.holding.over() = true;
    }
}

/// Renews the lease of an attempt, as its holder is to do all the time.
#[derive(Debug)]
pub struct Renewal {
    lease: PathBuf,
    beat: u64,
    holding: Arc<Holding>,
}

impl Renewal {
    /// How long to wait from one renewal to the next, of leases of this term.
    pub fn pause(term: Duration) -> Duration {
        term / BEATS
    }

    /// Renews the lease. Returns whether there is one to renew again.
    pub fn renew(&mut self) -> bool {
        let over = self.holding.over();
        if *over || self.holding.lost.load(Ordering::Relaxed) {
            return false;
        }
        self.beat += 1;
        let renewed = replace(&self.lease, &json(&LeaseRecord::mine(self.beat)));
        // Another process has moved the folder away. Any other trouble may pass.
        let lost = renewed.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        // What its holder has heard stays.
        self.holding.lost.fetch_or(lost, Ordering::Relaxed);
        !lost
    }
}

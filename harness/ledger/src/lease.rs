//! Leases: the right to train a cell, renewed for as long as its holder lives.
//!
//! A lease is a file that its holder replaces with another beat, over and over. Whoever waits for the
//! cell watches that file: if it has not changed for a whole term of the watcher's own clock, the
//! holder is taken for dead. No two clocks are compared. On the holder's own machine a lock of the
//! system tells at once.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use isoflop_files::{json, replace};
use serde::{Deserialize, Serialize};

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
}

impl LeaseRecord {
    fn mine(beat: u64) -> Self {
        LeaseRecord {
            format: FORMAT,
            host: host(),
            process: std::process::id(),
            beat,
        }
    }
}

/// This boot of this machine, as Linux names it; elsewhere the machine's name, if it has one.
fn host() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let name = || std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME"));
    boot.map_or_else(
        |_| name().unwrap_or_default(),
        |boot| boot.trim().to_owned(),
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

    /// The term.
    pub fn term(&self) -> Duration {
        self.term
    }

    /// Whether the holder of an attempt is dead, as far as can be told.
    pub(crate) fn expired(&mut self, attempt: &Path) -> bool {
        // An attempt begins with its lease and ends by taking it away.
        let now = match fs::read(attempt.join("lease.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            read => read.unwrap_or_default(),
        };
        let here = serde_json::from_slice::<LeaseRecord>(&now).is_ok_and(|it| it.host == host());
        if here && !locked(attempt) {
            return true;
        }
        match self.seen.get(attempt) {
            Some((before, since)) if *before == now => since.elapsed() >= self.term,
            _ => {
                self.seen.insert(attempt.to_owned(), (now, Instant::now()));
                false
            }
        }
    }
}

/// Whether a process of this machine holds an attempt's lock.
pub(crate) fn locked(attempt: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(attempt.join("lock")) else {
        return false;
    };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// A lease that is renewed until it is dropped, or lost.
#[derive(Debug)]
pub(crate) struct Lease {
    lost: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    renewing: Option<JoinHandle<()>>,
    _lock: File,
}

impl Lease {
    /// Writes a first lease into a folder that nobody else knows yet, and locks it.
    pub fn prepare(folder: &Path) -> io::Result<File> {
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        replace(&folder.join("lease.json"), &json(&LeaseRecord::mine(0)))?;
        Ok(lock)
    }

    /// Renews the lease of an attempt from now on.
    pub fn renew(attempt: PathBuf, term: Duration, lock: File) -> Self {
        let (lost, ended) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let told = (Arc::clone(&lost), Arc::clone(&ended));
        let renewing = thread::spawn(move || {
            let (lost, ended) = told;
            let mut beat = 0;
            loop {
                thread::park_timeout(term / BEATS);
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                beat += 1;
                let renewed = replace(&attempt.join("lease.json"), &json(&LeaseRecord::mine(beat)));
                // Another process has moved the folder away. Any other trouble may pass.
                if renewed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                    lost.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        Lease {
            lost,
            ended,
            renewing: Some(renewing),
            _lock: lock,
        }
    }

    /// Whether another process has taken over.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(renewing) = self.renewing.take() {
            renewing.thread().unpark();
            let _ = renewing.join();
        }
    }
}

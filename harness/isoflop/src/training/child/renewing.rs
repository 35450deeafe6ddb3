//! The thread that renews a cell's lease for as long as the cell is trained.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use isoflop_ledger::Renewal;

/// Renews a lease until it is dropped.
pub struct Renewing {
    /// Nothing is sent: it is dropped.
    until: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewing {
    /// Begins to renew a lease of this term.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start(mut renewal: Renewal, term: Duration) -> io::Result<Self> {
        let (until, dropped) = mpsc::channel::<()>();
        let renew = move || {
            let pause = Renewal::pause(term);
            while dropped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) && renewal.renew() {
            }
        };
        Ok(Renewing {
            until: Some(until),
            thread: Some(thread::Builder::new().spawn(renew)?),
        })
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.until = None;
        if let Some(thread) = self.thread.take() {
            // It ends by itself.
            let _ = thread.join();
        }
    }
}

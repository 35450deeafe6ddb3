//! Ctrl-C and termination: once to stop in order, twice to stop at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Sets `stop` at the first signal to end, and ends the process at the second.
///
/// # Errors
/// If the system does not let signals be caught.
#[cfg(unix)]
pub fn on_signals(stop: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag not yet set.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop))?;
        flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

/// Sets both at the signal by which a cluster's engine warns of a time limit.
///
/// # Errors
/// If the system does not let signals be caught.
#[cfg(unix)]
pub fn on_warning(stop: &Arc<AtomicBool>, warned: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::consts::SIGUSR1;
    // Whoever finds that it is to stop knows why.
    signal_hook::flag::register(SIGUSR1, Arc::clone(warned))?;
    signal_hook::flag::register(SIGUSR1, Arc::clone(stop)).map(|_| ())
}

/// Signals are Unix's.
#[cfg(not(unix))]
pub fn on_warning(_: &Arc<AtomicBool>, _: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}

/// Signals are Unix's; elsewhere Ctrl-C ends the process, and a run goes on from its last checkpoint.
#[cfg(not(unix))]
pub fn on_signals(_: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}

//! What the program says on standard error while it works: nothing with `--quiet`, and nothing where
//! standard error is closed.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Says nothing but errors from now on.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether nothing but errors is said.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says a line. Use [`say!`].
pub fn say_line(line: Arguments) {
    if !is_quiet() {
        // A reader that has gone does not end what the program is at.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Says a line on standard error, unless `--quiet` is given.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::show::say_line(format_args!($($words)*))
    };
}
pub(crate) use say;

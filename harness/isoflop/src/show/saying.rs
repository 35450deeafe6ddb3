//! How the program writes to its user: results on standard output, and on standard error what it is at,
//! unless `--quiet` is given. A reader that has gone, or a disk that is full, ends nothing that the program
//! is at: where nobody reads, nothing is written.

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
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Says why the program ends.
pub fn say_error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// Writes to standard output. Use [`show!`].
pub fn show_words(words: Arguments) {
    let _ = std::io::stdout().write_fmt(words);
}

/// Writes to standard output.
macro_rules! show {
    ($($words:tt)*) => {
        $crate::show::show_words(format_args!($($words)*))
    };
}
pub(crate) use show;

/// Writes a line to standard output. Use [`show_line!`].
pub fn show_line_of(words: Arguments) {
    let _ = writeln!(std::io::stdout(), "{words}");
}

/// Writes a line to standard output.
macro_rules! show_line {
    ($($words:tt)*) => {
        $crate::show::show_line_of(format_args!($($words)*))
    };
}
pub(crate) use show_line;

/// Says a line on standard error, unless `--quiet` is given.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::show::say_line(format_args!($($words)*))
    };
}
pub(crate) use say;

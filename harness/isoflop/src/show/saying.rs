//! How the program writes to its user: results on standard output, and on standard error what it is at,
//! unless `--quiet` is given. A reader that has gone, or a disk that is full, ends nothing that the program
//! is at: where nobody reads, nothing is written.

use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
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
        write(&mut std::io::stderr(), format!("{line}\n"));
    }
}

/// Says why the program ends.
pub fn say_error(error: &anyhow::Error) {
    write(&mut std::io::stderr(), format!("error: {error:#}\n"));
}

/// Names in tables and files may hold what a terminal would take for orders: these are written out.
fn write(to: &mut (impl Write + IsTerminal), words: String) {
    let words = if to.is_terminal() {
        without_orders(&words)
    } else {
        words
    };
    let _ = to.write_all(words.as_bytes());
}

fn without_orders(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for letter in words.chars() {
        if letter.is_control() && !"\n\t".contains(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// Writes to standard output. Use [`show!`].
pub fn show_words(words: Arguments) {
    write(&mut std::io::stdout(), words.to_string());
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
    write(&mut std::io::stdout(), format!("{words}\n"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_a_terminal_are_written_out() {
        assert_eq!(
            without_orders("a\u{1b}[31mb\u{9b}c\td\n"),
            "a\\u{1b}[31mb\\u{9b}c\td\n"
        );
    }
}

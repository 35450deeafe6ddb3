//! What people read: numbers, tables, cells, laws.

mod labels;
mod laws;
mod numbers;
mod places;
mod saying;
mod tables;

pub use isoflop_figure::si;
pub use labels::Labels;
#[cfg(feature = "train")]
pub use laws::scatter;
pub use laws::{advise, allocations, compete, describe};
pub use numbers::{count, duration, interval, number};
pub use places::plots_of;
#[cfg(feature = "train")]
pub use saying::is_quiet;
pub use saying::{be_quiet, say_error, say_line, show_line_of, show_words};
pub(crate) use saying::{say, show, show_line};
pub use tables::columns;

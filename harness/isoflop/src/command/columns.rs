//! The table of a command line, and which of its columns are what.

use std::path::{Path, PathBuf};

use isoflop_fits::Names;

use crate::show::say;

/// Columns named by flags.
#[derive(Debug, Clone, clap::Args)]
#[command(
    next_help_heading = "Columns, or expressions such as 'step * batch * 1024' or 'log(ppl)'"
)]
pub struct ColumnArguments {
    /// Parameters.
    #[arg(long, value_name = "COL")]
    n: Option<String>,
    /// Training tokens.
    #[arg(long, value_name = "COL")]
    d: Option<String>,
    /// Training FLOPs; of N, D and C any two give the third by C = 6ND.
    #[arg(long, value_name = "COL")]
    c: Option<String>,
    /// The variable of a law of one variable.
    #[arg(long, value_name = "COL")]
    x: Option<String>,
    /// Loss.
    #[arg(long, value_name = "COL")]
    loss: Option<String>,
    /// Standard error of the loss, by which rows count: a column, or one number for all.
    #[arg(long, value_name = "COL")]
    se: Option<String>,
    /// Width of the model.
    #[arg(long, value_name = "COL")]
    width: Option<String>,
    /// Depth of the model.
    #[arg(long, value_name = "COL")]
    depth: Option<String>,
    /// Unique tokens, where tokens repeat.
    #[arg(long, value_name = "COL")]
    unique: Option<String>,
    /// Rows that share a value are one run, and drawn together by the bootstrap.
    #[arg(long, value_name = "COL")]
    group: Option<String>,
}

impl ColumnArguments {
    /// The columns as fits know them.
    pub fn names(&self) -> Names {
        let named = self.clone();
        Names {
            n: named.n,
            d: named.d,
            c: named.c,
            x: named.x,
            loss: named.loss,
            se: named.se,
            width: named.width,
            depth: named.depth,
            unique: named.unique,
            group: named.group,
        }
    }
}

/// A table's file, or the table of a folder of results.
pub fn table_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("cells.parquet")
    } else {
        path.to_owned()
    }
}

/// Says what had to be guessed of a table.
pub fn say_notes(path: &Path, notes: &[String]) {
    if !notes.is_empty() {
        say!("{}: {}", path.display(), notes.join("; "));
    }
}

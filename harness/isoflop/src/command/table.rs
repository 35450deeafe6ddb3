//! `isoflop table`: the tables of a folder of results, from its runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isoflop_ledger::{
    LedgerError, SuiteFolder, cells_table, curves_table, write_csv, write_parquet,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A folder of results, such as results/quick/flex.
    dir: PathBuf,
}

pub fn table(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    for path in make(&arguments.dir, true)? {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes both tables as Parquet, and as CSV where asked. Returns the files written.
pub fn make(dir: &Path, csv: bool) -> Result<Vec<PathBuf>, LedgerError> {
    let folder = SuiteFolder::new(dir);
    let mut written = Vec::new();
    for (name, mut table) in [
        ("cells", cells_table(&folder)?),
        ("curves", curves_table(&folder)?),
    ] {
        let path = folder.file(&format!("{name}.parquet"));
        write_parquet(&mut table, &path)?;
        written.push(path);
        if csv {
            let path = folder.file(&format!("{name}.csv"));
            write_csv(&mut table, &path)?;
            written.push(path);
        }
    }
    folder.note_sums(&["cells.parquet", "curves.parquet"])?;
    Ok(written)
}

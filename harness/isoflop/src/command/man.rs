//! `isoflop man`: pages of the manual.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::show::show_line;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder to write the pages to, such as ~/.local/share/man/man1.
    dir: PathBuf,
}

/// Writes a page for the program and one for each command.
pub fn man(arguments: &Arguments, program: clap::Command) -> anyhow::Result<ExitCode> {
    let dir = &arguments.dir;
    let named = || dir.display().to_string();
    std::fs::create_dir_all(dir).with_context(named)?;
    clap_mangen::generate_to(program, dir).with_context(named)?;
    show_line!("{}", dir.display());
    Ok(ExitCode::SUCCESS)
}

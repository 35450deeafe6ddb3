//! The program, as it is installed.

use std::process::ExitCode;

fn main() -> ExitCode {
    isoflop::main()
}

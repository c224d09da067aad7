//! Parse, run, turn an error into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Without the report hooks a panic is still reported, only plainer.
    let _ = color_eyre::install();
    quell::cli::run()
}

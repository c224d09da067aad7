//! `quell completions`.

use clap::CommandFactory;

use super::args::{Args, Completions};
use super::error::Error;
use super::output::print_bytes;

/// Runs the verb.
pub fn run(args: &Completions) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "quell", &mut text);
    print_bytes(&text)
}

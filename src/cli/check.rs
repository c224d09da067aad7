//! `quell check`: every mistake in a setup, at once.

use super::args::Check;
use super::environment;
use super::error::Error;
use super::output::print;
use super::setup;
use crate::config;

/// Runs the verb. False if there are mistakes.
///
/// # Errors
/// The report cannot be written.
pub fn run(args: &Check) -> Result<bool, Error> {
    let named = args.folder.as_deref().or(args.config.as_deref());
    let folder = match setup::find(named) {
        Ok(folder) => folder,
        Err(mistakes) => {
            let lines: String = mistakes.iter().map(|mistake| format!("{mistake}\n")).collect();
            print(&lines)?;
            return Ok(false);
        }
    };
    let loaded = config::load(&folder);
    let secrets = loaded.as_ref().map(environment::secrets).unwrap_or_default();
    print(&config::report(&folder, &loaded, &secrets))?;
    Ok(loaded.is_ok())
}

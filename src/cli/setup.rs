//! The setup that a verb works with: found, loaded and checked as a whole.

use std::path::Path;

use super::environment;
use super::error::Error;
use crate::config::{self, Folder, Loaded};
use crate::engine::JournalKind;
use crate::model::Mistake;

/// Finds the folder: the one named, else `QUELL_CONFIG`, else the user's own, else the one that ships.
///
/// # Errors
/// What cannot be read in it.
pub fn find(named: Option<&Path>) -> Result<Folder, Vec<Mistake>> {
    let (variable, platform) = (environment::config(), config::platform_folder());
    config::find(named, variable.as_deref(), platform.as_deref())
}

/// Finds and loads a setup, for an exercise: nothing in it may touch the world.
///
/// # Errors
/// Every mistake, as one error.
pub fn exercise(named: Option<&Path>) -> Result<Loaded, Error> {
    let folder = find(named).map_err(|mistakes| Error::mistakes("folder", &mistakes))?;
    let mut loaded = config::load(&folder).map_err(|mistakes| Error::mistakes(folder.name(), &mistakes))?;
    // A replay never touches the world, whatever the setup is for.
    loaded.setup.kind = JournalKind::Exercise;
    Ok(loaded)
}

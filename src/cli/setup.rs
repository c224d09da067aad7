//! The setup that a verb works with: found, loaded and checked as a whole.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use super::environment;
use super::error::Error;
use crate::config::{self, Folder, Loaded};
use crate::engine::{Acts, JournalKind};
use crate::model::Mistake;

/// Finds the folder: the one named, else `QUELL_CONFIG`, else the user's own, else the one that ships.
///
/// # Errors
/// What cannot be read in it.
pub fn find(named: Option<&Path>) -> Result<Folder, Vec<Mistake>> {
    let (variable, platform) = (environment::config(), config::platform_folder());
    config::find(named, variable.as_deref(), platform.as_deref())
}

/// Finds and loads a setup.
///
/// # Errors
/// Every mistake, as one error.
pub fn load(named: Option<&Path>) -> Result<Loaded, Error> {
    let folder = find(named).map_err(|mistakes| Error::mistakes("folder", &mistakes))?;
    config::load(&folder).map_err(|mistakes| Error::mistakes(folder.name(), &mistakes))
}

/// Finds and loads a setup for a replay: drills act, and where the setup is real, every run observes.
///
/// # Errors
/// Every mistake, as one error.
pub fn replayed(named: Option<&Path>) -> Result<Loaded, Error> {
    let mut loaded = load(named)?;
    if loaded.setup.kind == JournalKind::Real {
        (loaded.setup.kind, loaded.setup.acts) = (JournalKind::Exercise, Acts::Never);
    }
    Ok(loaded)
}

/// What drills, jitter and idempotency keys are drawn from: what was given, else what the settings say. A
/// real journal gets a number of its own, so that no two installations send one server the same key.
pub fn seed(given: Option<u64>, loaded: &Loaded) -> u64 {
    let drawn = || match loaded.setup.kind {
        JournalKind::Exercise => 1,
        // Of a size that survives a reader of JSON that takes numbers for floats.
        JournalKind::Real => RandomState::new().build_hasher().finish() >> 16,
    };
    given.or(loaded.settings.seed).unwrap_or_else(drawn)
}

//! The setup that a verb works with: found, loaded and checked as a whole, rules included.

use std::path::Path;
use std::sync::Arc;

use super::environment;
use super::error::Error;
use crate::config::{self, Folder, Loaded};
use crate::engine::JournalKind;
use crate::model::Mistake;
use crate::rule::{self, RuleSet};

/// A setup with its rules compiled.
pub struct Ready {
    /// What `config` says.
    pub loaded: Loaded,
    /// The rules.
    pub rules: Arc<RuleSet>,
}

/// Finds the folder: the one named, else `QUELL_CONFIG`, else the user's own, else the one that ships.
///
/// # Errors
/// What cannot be read in it.
pub fn find(named: Option<&Path>) -> Result<Folder, Vec<Mistake>> {
    let (variable, platform) = (environment::config(), config::platform_folder());
    config::find(named, variable.as_deref(), platform.as_deref())
}

/// Loads a folder, and compiles its rules.
///
/// # Errors
/// Every mistake of every file.
pub fn load(folder: &Folder) -> Result<Ready, Vec<Mistake>> {
    let compile = |files: &[(String, String)]| rule::load(files);
    let loaded = config::load(folder).map_err(|mut mistakes| {
        let rules: Vec<(String, String)> =
            folder.files("rules").map(|(path, text)| (path, text.to_owned())).collect();
        mistakes.extend(compile(&rules).err().unwrap_or_default());
        mistakes.sort();
        mistakes.dedup();
        mistakes
    })?;
    let rules = compile(&loaded.rules)?;
    Ok(Ready { loaded, rules: Arc::new(rules) })
}

/// Finds and loads a setup, for an exercise: nothing in it may touch the world.
///
/// # Errors
/// Every mistake, as one error.
pub fn exercise(named: Option<&Path>) -> Result<Ready, Error> {
    let folder = find(named).map_err(|mistakes| Error::mistakes("folder", &mistakes))?;
    let mut ready = load(&folder).map_err(|mistakes| Error::mistakes(folder.name(), &mistakes))?;
    // A replay never touches the world, whatever the setup is for.
    ready.loaded.setup.kind = JournalKind::Exercise;
    Ok(ready)
}

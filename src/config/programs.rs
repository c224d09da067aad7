//! The programs that a setup names: a check says which of them this machine does not have.

use std::fs;
use std::sync::Arc;

use rustix::fs::{Access, access};

use super::agents::AgentDraft;
use crate::engine::{Means, ProbeMeans};
use crate::flow::yaml::Place;
use crate::model::{Mistake, SafeText};

/// A program that an action runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Absolute path.
    pub path: Arc<str>,
    /// Name of the action.
    pub action: Arc<str>,
    /// The file of the action.
    pub file: String,
    /// Where the action stands in it.
    pub at: Place,
}

/// The programs of these agents.
pub(super) fn of(agents: &[AgentDraft]) -> Vec<Program> {
    let mut found = Vec::new();
    for agent in agents {
        for (action, spec) in &agent.spec.actions {
            let Means::Exec(exec) = &spec.means else { continue };
            let probe = match spec.probe.as_ref().map(|probe| &probe.means) {
                Some(ProbeMeans::Exec(command)) if command.program != exec.command.program => Some(command),
                _ => None,
            };
            for command in [Some(&exec.command), probe].into_iter().flatten() {
                found.push(Program {
                    path: Arc::clone(&command.program),
                    action: Arc::clone(action),
                    file: agent.path.clone(),
                    at: agent.places.get(action).copied().unwrap_or(Place::START),
                });
            }
        }
    }
    found
}

/// Those that cannot be run here. The setup may be meant for another machine: this is no mistake in it.
pub(super) fn missing(programs: &[Program]) -> Vec<Mistake> {
    let missing = programs.iter().filter_map(|program| {
        let path = &*program.path;
        let why = match fs::metadata(path) {
            Err(error) => error.to_string(),
            Ok(found) if !found.is_file() => "it is not a file".to_owned(),
            Ok(_) => access(path, Access::EXEC_OK).err()?.to_string(),
        };
        let path = SafeText(path);
        let message = format!("`{}` cannot run {path} on this machine: {why}", program.action);
        Some(program.at.mistake(&program.file, message, None))
    });
    missing.collect()
}

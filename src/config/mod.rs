//! Files on disk → a checked setup, with every mistake at once.
//!
//! A setup is a folder: `settings.yaml`, `agents/*.yaml`, `workflows/*.yaml`, `rules/*.yml`,
//! `indicators/*`. The one of the exercise is part of the program.

mod actions;
mod agents;
mod blindness;
mod budgets;
mod check;
mod drill;
mod endpoint;
mod exec;
mod folder;
mod indicators;
mod needs;
mod operators;
mod probe;
mod own;
mod programs;
mod protected;
mod report;
mod request;
mod rules;
mod settings;
mod shared;
mod shipped;
mod sources;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::protect::Protected;
use crate::engine::{Acts, JournalKind, Setup};
use crate::model::{Digest, Mistake};
use crate::rule::{self, RuleSet};
use crate::workflow;

pub use folder::{Folder, find, platform_folder};
pub use indicators::{ListFile, Stamp, digest, named as named_lists};
pub use needs::Need;
pub use operators::{Operator, Role, Who};
pub use own::Own;
pub use programs::Program;
pub use report::report;
pub use settings::{Keeping, Lines, Queues, Settings};
pub use shipped::Shipped;
pub use sources::{Named, SourceSpec};

/// A setup, checked as a whole.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the engine works with.
    pub setup: Setup,
    /// What the detector works with.
    pub rules: Arc<RuleSet>,
    /// Path and text of each rule file, in order of path.
    pub rule_texts: Vec<(String, String)>,
    /// `settings.yaml`.
    pub settings: Settings,
    /// The programs that actions run, in order of file and name.
    pub programs: Vec<Program>,
    /// The secrets and certificates that agents need, in order of file.
    pub needs: Vec<Need>,
    /// The indicator lists that the rules may ask, in order of name.
    pub lists: Vec<ListFile>,
    /// SHA-256 over the sorted paths and texts.
    pub files_digest: Digest,
    /// The same with what is on the indicator lists.
    pub digest: Digest,
}

/// Reads and checks a setup.
///
/// # Errors
/// Every mistake of every file, in order of file and place.
pub fn load(folder: &Folder) -> Result<Loaded, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let settings = settings::read(folder, &mut mistakes);
    let agents = agents::read(folder, settings.exercise, &mut mistakes);
    let workflows = read_workflows(folder, &mut mistakes);
    let (lists, list_files) = indicators::read(folder, &settings.indicators, &mut mistakes);
    let rules = rules::read(folder, &lists, &mut mistakes);
    mistakes.extend(budgets::check(folder, &settings, &agents));
    mistakes.extend(agents::conflicts(&agents));
    mistakes.extend(check::workflows(&workflows, &agents, settings.exercise));
    mistakes.extend(rules::check_triggers(&workflows, &rules));
    let (true, Some(rule_set)) = (mistakes.is_empty(), rules.set) else {
        mistakes.sort();
        mistakes.dedup();
        return Err(mistakes);
    };
    let kind = if settings.exercise { JournalKind::Exercise } else { JournalKind::Real };
    let by_name = workflows.into_iter().map(|file| {
        let workflow = file.draft.workflow;
        (Arc::clone(&workflow.name), Arc::new(workflow))
    });
    let workflows: BTreeMap<_, _> = by_name.collect();
    let (programs, needs) = (programs::of(&agents), needs::of(&agents));
    let agents = agents.into_iter().map(|draft| draft.spec).collect();
    let acts = Acts::of(kind);
    let (limits, own) = (settings.limits.clone(), Arc::clone(&settings.own.addresses));
    let protected = Arc::new(Protected::new(settings.protected.iter().cloned()));
    let setup = Setup { kind, acts, agents, workflows, limits, own, protected };
    let files_digest = folder.digest();
    let digest = indicators::digest(files_digest, &lists);
    let (rule_texts, lists) = (rules.texts, list_files);
    let rule_set = Arc::new(rule_set);
    Ok(Loaded { setup, rules: rule_set, rule_texts, settings, programs, needs, lists, files_digest, digest })
}

/// The sound rules of a setup, and what is wrong with the others and with its indicator lists.
pub fn sound_rules(folder: &Folder) -> rule::Loaded {
    let mut mistakes = Vec::new();
    let settings = settings::read(folder, &mut Vec::new());
    let (lists, _) = indicators::read(folder, &settings.indicators, &mut mistakes);
    let texts: Vec<_> = folder.files("rules").map(|(path, text)| (path, text.to_owned())).collect();
    let mut loaded = rule::load_sound_with(&texts, &lists);
    loaded.mistakes.extend(mistakes);
    loaded.mistakes.sort();
    loaded
}

/// A workflow as far as it could be read, and its file.
pub(crate) struct WorkflowFile {
    path: String,
    draft: workflow::Draft,
}

fn read_workflows(folder: &Folder, mistakes: &mut Vec<Mistake>) -> Vec<WorkflowFile> {
    let mut found = Vec::new();
    for (path, text) in folder.files("workflows") {
        let (draft, wrong) = workflow::draft(&path, text);
        mistakes.extend(wrong);
        if let Some(draft) = draft {
            found.push(WorkflowFile { path, draft });
        }
    }
    found
}

#[cfg(test)]
mod tests;

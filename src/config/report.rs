//! What `quell check` says.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Folder, Loaded};
use crate::agent::http::Secrets;
use crate::model::{Mistake, SafeText};

/// The text of the report: what is there, then what is wrong with it, or what this machine lacks.
/// `secrets` are those of the environment.
pub fn report(folder: &Folder, loaded: &Result<Loaded, Vec<Mistake>>, secrets: &Secrets) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = match loaded {
        Ok(loaded) => fine(&mut text, folder, loaded, secrets),
        Err(mistakes) => wrong(&mut text, folder, mistakes),
    };
    text
}

/// `1 rule`, `2 rules`.
fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn fine(text: &mut String, folder: &Folder, loaded: &Loaded, secrets: &Secrets) -> std::fmt::Result {
    let exercise = loaded.settings.exercise;
    let kind = if exercise { "an exercise: only drills and builtins act" } else { "real" };
    let setup = &loaded.setup;
    let roles: BTreeSet<&str> = setup.agents.iter().map(|agent| &*agent.role).collect();
    let actions: usize = setup.agents.iter().map(|agent| agent.actions.len()).sum();
    let steps: usize = setup.workflows.values().map(|workflow| workflow.steps.len()).sum();
    let triggered = setup.workflows.values().filter(|workflow| workflow.trigger.is_some()).count();
    writeln!(text, "{}: fine", SafeText(folder.name()))?;
    writeln!(text, "  setup      {} ({kind})", loaded.settings.setup)?;
    writeln!(
        text,
        "  agents     {} with {} and {}",
        setup.agents.len(),
        count(roles.len(), "role"),
        count(actions, "action")
    )?;
    writeln!(
        text,
        "  workflows  {} with {}; {triggered} start by themselves",
        setup.workflows.len(),
        count(steps, "step")
    )?;
    for workflow in setup.workflows.values().filter(|workflow| workflow.asks_live && !exercise) {
        let name = &workflow.name;
        writeln!(
            text,
            "             {name} asks to be live: `quell arm {name}`; until then its runs observe"
        )?;
    }
    let rules = &loaded.rules;
    writeln!(
        text,
        "  rules      {} in {}; {} find by themselves",
        rules.rules().len() + rules.correlations().len(),
        count(loaded.rule_texts.len(), "file"),
        rules.heads().count()
    )?;
    for list in rules.lists().iter() {
        let (entries, kind, megabytes) = (list.len(), list.kind().name(), list.memory() as f64 / 1e6);
        let name = SafeText(list.name()).cut(40);
        writeln!(text, "  indicators {name}: {entries} entries of kind {kind}, {megabytes:.1} MB")?;
        if let (further @ 1.., ids) = list.not_understood() {
            let first = ids.first().map_or("", String::as_str);
            writeln!(
                text,
                "             {further} patterns are not understood, the first of {}",
                SafeText(first).cut(80)
            )?;
        }
    }
    writeln!(text, "  digest     {}", loaded.digest)?;
    let doubtful: BTreeSet<&str> = loaded
        .setup
        .workflows
        .values()
        .flat_map(|w| &w.steps)
        .filter_map(|step| {
            let spec = setup.agents.iter().find_map(|agent| agent.actions.get(&step.action))?;
            (!spec.idempotent && spec.probe.is_none()).then_some(&*step.action)
        })
        .collect();
    for action in doubtful {
        writeln!(
            text,
            "note: `{action}` is neither `idempotent` nor has it a `probe`: a step that does it and is cut short waits for a person"
        )?;
    }
    let missing = super::programs::missing(&loaded.programs);
    for warning in missing.into_iter().chain(super::needs::missing(&loaded.needs, secrets)) {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

fn wrong(text: &mut String, folder: &Folder, mistakes: &[Mistake]) -> std::fmt::Result {
    let files = |of| folder.files(of).count();
    writeln!(
        text,
        "{}: {}, {}, {}",
        SafeText(folder.name()),
        count(files("agents"), "agent file"),
        count(files("workflows"), "workflow file"),
        count(files("rules"), "rule file")
    )?;
    let mut sorted: Vec<&Mistake> = mistakes.iter().collect();
    sorted.sort();
    for mistake in &sorted {
        writeln!(text, "{mistake}")?;
    }
    let among: BTreeSet<&str> = sorted.iter().map(|mistake| mistake.file.as_str()).collect();
    writeln!(text, "{} in {}", count(sorted.len(), "mistake"), count(among.len(), "file"))
}

//! YAML text → a checked workflow. Every mistake of a file is reported at once.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Path, Plan, PlanStep, Template, Workflow, check, inputs, steps, trigger};
use crate::flow::fault::Fault;
use crate::flow::reader::{Later, Reader};
use crate::flow::yaml::{Node, Place};
use crate::model::{Digest, Mistake, Priority};

const KEYS: [&str; 12] = [
    "workflow",
    "description",
    "severity",
    "priority",
    "trigger",
    "dedup",
    "inputs",
    "timeout",
    "on_failure",
    "mode",
    "limits",
    "steps",
];
const LATER: [Later; 9] =
    ["strategy", "resources", "escalation", "schedule", "approval", "confirm", "verify", "cost", "results"];

/// Steps of one workflow.
pub const MAX_STEPS: usize = 1000;

/// A workflow as far as it could be read, with its tree, for checks across files.
#[derive(Debug)]
pub struct Draft {
    /// Complete if there is no mistake.
    pub workflow: Workflow,
    /// The whole file.
    pub tree: Node,
    /// For each of its steps the item of `steps` in the tree.
    pub items: Vec<usize>,
}

impl Draft {
    /// The tree of a step.
    pub fn step(&self, index: usize) -> &Node {
        let items = self.tree.get("steps").map_or(&[][..], Node::items);
        self.items.get(index).and_then(|item| items.get(*item)).unwrap_or(&self.tree)
    }
}

/// Reads a workflow.
///
/// # Errors
/// Every mistake with its place, in the order of the file.
pub fn parse(file: &str, text: &str) -> Result<Workflow, Vec<Mistake>> {
    match draft(file, text) {
        (Some(draft), mistakes) if mistakes.is_empty() => Ok(draft.workflow),
        (_, mistakes) => Err(mistakes),
    }
}

/// Reads as much of a workflow as can be read.
pub fn draft(file: &str, text: &str) -> (Option<Draft>, Vec<Mistake>) {
    let mut reader = Reader::new(file);
    let draft = reader.document(text).and_then(|tree| {
        let (workflow, items) = read(&mut reader, &tree, text)?;
        Some(Draft { workflow, tree, items })
    });
    let mut mistakes = reader.into_mistakes();
    if draft.is_none() && mistakes.is_empty() {
        mistakes.push(Place::START.mistake(file, "the file holds no workflow", None));
    }
    (draft, mistakes)
}

fn read(reader: &mut Reader<'_>, node: &Node, text: &str) -> Option<(Workflow, Vec<usize>)> {
    reader.mapping(node, "a workflow", &KEYS, &LATER)?;
    let name = reader.required(node, "workflow", "the file").and_then(|n| reader.name(n, "a workflow"));
    let priorities: Vec<&str> = Priority::ALL.iter().map(|p| p.name()).collect();
    let drafts = read_steps(reader, node);
    let (drafts, items): (Vec<_>, Vec<_>) = drafts.into_iter().unzip();
    let needs = check::needs(reader, &drafts);
    let mut workflow = Workflow {
        name: Arc::from(name.unwrap_or("?")),
        hash: Digest(Sha256::digest(text.as_bytes()).into()),
        text: Arc::from(text),
        description: node
            .get("description")
            .and_then(|n| reader.line(n, "a description"))
            .unwrap_or("")
            .into(),
        severity: node.get("severity").and_then(|n| reader.severity(n, "a severity")),
        priority: node
            .get("priority")
            .and_then(|n| reader.word(n, "a priority", &priorities))
            .unwrap_or(Priority::Normal),
        trigger: node.get("trigger").and_then(|n| trigger::read(reader, n)),
        dedup: node.get("dedup").and_then(|n| read_dedup(reader, n)),
        inputs: node.get("inputs").map(|n| inputs::read(reader, n)).unwrap_or_default(),
        timeout: node.get("timeout").and_then(|n| reader.span(n, "timeout")),
        on_failure: node.get("on_failure").and_then(|n| reader.name(n, "a workflow")).map(Arc::from),
        asks_live: node
            .get("mode")
            .is_some_and(|n| reader.choice(n, "a mode", &["observe", "live"]) == Some(1)),
        targets: super::approval::targets(reader, node),
        steps: Vec::new(),
        plan: Arc::new(Plan { steps: Vec::new() }),
    };
    let mut plan = Vec::new();
    for (draft, needs) in drafts.into_iter().zip(needs) {
        let (id, critical) = (Arc::clone(&draft.step.id), draft.step.critical);
        let (approval, confirm) = (draft.step.approval.clone(), draft.step.confirm);
        plan.push(PlanStep { id, name: draft.name, needs: needs.clone(), critical, approval, confirm });
        workflow.steps.push(super::Step { needs, ..draft.step });
    }
    workflow.plan = Arc::new(Plan { steps: plan });
    check::references(reader, &workflow, node, &items);
    Some((workflow, items))
}

fn read_steps<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Vec<(steps::Draft<'n>, usize)> {
    let Some(list) = reader.required(node, "steps", "the workflow") else { return Vec::new() };
    let items = reader.items(list, "steps");
    if matches!(items.len(), 0) && matches!(list.data, crate::flow::yaml::Data::List(_)) {
        reader.wrong(list.at, Fault::new("a workflow has at least one step"));
    }
    if items.len() > MAX_STEPS {
        reader.wrong(list.at, Fault::new(format!("{} steps, at most {MAX_STEPS} are allowed", items.len())));
        return Vec::new();
    }
    let read = |(item, node)| Some((steps::read(reader, node)?, item));
    items.iter().enumerate().filter_map(read).collect()
}

fn read_dedup(reader: &mut Reader<'_>, node: &Node) -> Option<Template> {
    let template = Template::read(reader, node, "dedup")?;
    let wrong = template.paths().find(|path| !matches!(path, Path::Input(_) | Path::Detection(_)));
    if let Some(path) = wrong {
        let fault = Fault::new(format!("`dedup` cannot use `${{{path}}}`: there is no run yet"));
        reader.wrong(node.at, fault.hint("use `inputs` or `detection`"));
    }
    Some(template)
}

#[cfg(test)]
mod tests;

//! `rules/*.yml`: the compiled rules, and whether triggers name what is there.

use std::collections::BTreeSet;

use super::{Folder, WorkflowFile};
use crate::flow::fault::suggest;
use crate::flow::yaml::Node;
use crate::model::{Mistake, SafeText};
use crate::rule::indicator::Lists;
use crate::rule::{self, RuleSet};
use crate::runtime::live::blindness::Blindness;
use crate::workflow::TriggerRule;

/// The rules of a setup.
pub(super) struct Rules {
    /// Path and text of each file, in order of path.
    pub texts: Vec<(String, String)>,
    /// What they compile to, if there is no mistake in them.
    pub set: Option<RuleSet>,
}

/// Reads every rule.
pub(super) fn read(folder: &Folder, lists: &Lists, mistakes: &mut Vec<Mistake>) -> Rules {
    let texts: Vec<(String, String)> =
        folder.files("rules").map(|(path, text)| (path, text.to_owned())).collect();
    match rule::load_with(&texts, lists) {
        Ok(set) => Rules { texts, set: Some(set) },
        Err(wrong) => {
            mistakes.extend(wrong);
            Rules { texts, set: None }
        }
    }
}

/// Triggers that can never fit: their rule or their tags are not there. A setup without rules gets its
/// detections ready-made, under any name.
pub(super) fn check_triggers(workflows: &[WorkflowFile], rules: &Rules) -> Vec<Mistake> {
    let Some(names) = Names::of(rules).filter(|_| !rules.texts.is_empty()) else { return Vec::new() };
    let mut wrong = Vec::new();
    for file in workflows {
        let (Some(trigger), Some(node)) = (&file.draft.workflow.trigger, file.draft.tree.get("trigger"))
        else {
            continue;
        };
        if let (Some(TriggerRule(rule)), Some(node)) = (&trigger.rule, node.get("rule")) {
            wrong.extend(names.check_rule(&file.path, rule, node));
        }
        let nodes = node.get("tags").map_or(&[][..], Node::items);
        for (tag, node) in trigger.tags.iter().zip(nodes) {
            wrong.extend(names.check_tag(&file.path, tag, node));
        }
    }
    wrong
}

/// Rules that need no file.
fn built_in() -> impl Iterator<Item = String> {
    Blindness::ALL.iter().map(|how| how.rule().to_owned())
}

/// What triggers can name.
#[derive(Default)]
struct Names {
    rules: BTreeSet<String>,
    ids: BTreeSet<String>,
    /// Rules that only feed others.
    silent: BTreeSet<String>,
    /// `None` if not known.
    tags: Option<BTreeSet<String>>,
}

impl Names {
    /// `None` if a file cannot be read as YAML: then no name is known to be missing.
    fn of(rules: &Rules) -> Option<Self> {
        let Some(set) = &rules.set else { return Names::of_texts(&rules.texts) };
        let silent = set.rules().iter().filter(|rule| !rule.emits).map(|rule| rule.head.name.to_string());
        let tags = set.heads().flat_map(|head| &head.tags).map(|tag| tag.to_string());
        Some(Names {
            rules: set.heads().map(|head| head.name.to_string()).chain(built_in()).collect(),
            ids: set.heads().map(|head| head.id.to_string()).collect(),
            silent: silent.collect(),
            tags: Some(tags.collect()),
        })
    }

    /// From rules that have mistakes in them.
    fn of_texts(texts: &[(String, String)]) -> Option<Self> {
        let heads = rule::heads(texts)?;
        Some(Names {
            rules: heads.iter().map(|head| head.name.to_string()).chain(built_in()).collect(),
            ids: heads.iter().map(|head| head.id.to_string()).collect(),
            ..Names::default()
        })
    }

    fn check_rule(&self, file: &str, rule: &str, node: &Node) -> Option<Mistake> {
        if self.rules.contains(rule) || self.ids.contains(rule) {
            return None;
        }
        let shown = SafeText(rule).cut(60);
        if self.silent.contains(rule) {
            let message = format!("rule `{shown}` only feeds others and finds nothing by itself");
            let hint = "name the correlation that it feeds, or set `generate: true` there";
            return Some(node.at.mistake(file, message, Some(hint.to_owned())));
        }
        let message = format!("the trigger names a rule that is not there: `{shown}`");
        Some(node.at.mistake(file, message, suggest(rule, self.rules.iter().map(String::as_str))))
    }

    fn check_tag(&self, file: &str, tag: &str, node: &Node) -> Option<Mistake> {
        let tags = self.tags.as_ref().filter(|tags| !tags.contains(tag))?;
        let message = format!("no rule carries the tag `{}`", SafeText(tag).cut(60));
        Some(node.at.mistake(file, message, suggest(tag, tags.iter().map(String::as_str))))
    }
}

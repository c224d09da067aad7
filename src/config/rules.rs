//! What triggers need to know of rules: their names. The rules themselves are read by `rule`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::WorkflowFile;
use crate::model::Mistake;
use crate::workflow::yaml::Place;
use crate::workflow::{TriggerRule, suggest};

#[derive(Deserialize)]
struct Head {
    name: Option<String>,
    id: Option<String>,
}

/// The names and ids of all rules; `None` if a file cannot be read as YAML.
fn names(rules: &[(String, String)]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (_, text) in rules {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_events: 100_000, max_depth: 64, max_documents: 1000 },
            with_snippet: false,
        };
        let heads = serde_saphyr::from_multiple_with_options::<Head>(text, options).ok()?;
        names.extend(heads.into_iter().flat_map(|head| [head.name, head.id]).flatten());
    }
    Some(names)
}

/// Triggers that name a rule which is not there. A rule file that cannot be read is reported where
/// rules are read; until it can be, no name is known to be missing.
pub(super) fn check_triggers(workflows: &[WorkflowFile], rules: &[(String, String)]) -> Vec<Mistake> {
    let Some(names) = names(rules) else { return Vec::new() };
    let wrong = workflows.iter().filter_map(|file| {
        let TriggerRule(rule) = file.draft.workflow.trigger.as_ref()?.rule.as_ref()?;
        if names.contains(&**rule) {
            return None;
        }
        let at = file.draft.tree.get("trigger").and_then(|node| node.get("rule"));
        let at = at.map_or(Place::START, |node| node.at);
        // A rule's id is not what a person would type.
        let known = names.iter().map(String::as_str).filter(|name| !is_uuid(name));
        let message =
            format!("the trigger names a rule that is not there: `{}`", crate::model::SafeText(rule));
        let hint = suggest(rule, known).unwrap_or_else(|| "there are no rules in rules/".to_owned());
        Some(at.mistake(&file.path, message, Some(hint)))
    });
    wrong.collect()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

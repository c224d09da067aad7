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
    for (path, text) in rules {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_events: 100_000, max_depth: 64, max_documents: 1000 },
            with_snippet: false,
        };
        let heads = serde_saphyr::from_multiple_with_options::<Head>(text, options).ok()?;
        // The first rule of a file that has no name of its own is called like the file.
        if heads.iter().any(|head| head.name.is_none()) {
            names.insert(stem(path).to_owned());
        }
        names.extend(heads.into_iter().flat_map(|head| [head.name, head.id]).flatten());
    }
    Some(names)
}

/// Triggers that name a rule which is not there. A rule file that cannot be read is reported where
/// rules are read; until it can be, no name is known to be missing. A setup without rules gets its
/// detections ready-made, under any name.
pub(super) fn check_triggers(workflows: &[WorkflowFile], rules: &[(String, String)]) -> Vec<Mistake> {
    let Some(names) = names(rules).filter(|_| !rules.is_empty()) else { return Vec::new() };
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
        Some(at.mistake(&file.path, message, suggest(rule, known)))
    });
    wrong.collect()
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

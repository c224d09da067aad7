//! When a workflow starts by itself.

use std::sync::Arc;

use super::{Condition, Scope, Trigger, TriggerRule};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::Node;
use crate::model::{Map, RuleHead};

const KEYS: [&str; 4] = ["rule", "tags", "severity>=", "when"];

impl Trigger {
    /// Whether a detection of this rule starts the workflow. `detection` is what templates see.
    ///
    /// # Errors
    /// Says why the condition could not be evaluated.
    pub fn fits(&self, rule: &RuleHead, detection: &Map) -> Result<bool, String> {
        let named = self.rule.as_ref().is_none_or(|TriggerRule(name)| *name == rule.name || *name == rule.id);
        let tagged = self.tags.is_empty() || self.tags.iter().any(|tag| rule.tags.contains(tag));
        let severe = self.severity.is_none_or(|least| rule.level >= least);
        if !(named && tagged && severe) {
            return Ok(false);
        }
        let Some(when) = &self.when else { return Ok(true) };
        let inputs = Map::new();
        when.holds(&Scope { inputs: &inputs, detection: Some(detection), run: None, steps: &|_| None })
    }
}

/// Reads `trigger`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Trigger> {
    let entries = reader.mapping(node, "a trigger", &KEYS, &[])?;
    if entries.is_empty() {
        let fault =
            Fault::new("an empty trigger fits everything").hint("name a `rule`, `tags` or `severity>=`");
        reader.wrong(node.at, fault);
    }
    let rule = node.get("rule").and_then(|n| reader.line(n, "the name or id of a rule"));
    let tags = node.get("tags").map_or(&[][..], |n| reader.items(n, "tags"));
    let tags = tags.iter().filter_map(|n| reader.line(n, "a tag")).map(Arc::from).collect();
    let severity = node.get("severity>=").and_then(|n| reader.severity(n, "a severity"));
    let when = node.get("when").and_then(|n| {
        let when = condition(reader, n)?;
        let reads = when.reads();
        if !reads.inputs.is_empty() || !reads.steps.is_empty() || reads.run {
            let fault = Fault::new("a trigger can ask only about `detection`: there is no run yet");
            reader.wrong(n.at, fault);
        }
        Some(when)
    });
    Some(Trigger { rule: rule.map(|name| TriggerRule(Arc::from(name))), tags, severity, when })
}

/// Reads a condition.
pub(super) fn condition(reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    let source = match &node.data {
        crate::flow::yaml::Data::Scalar(crate::model::Value::Bool(flag)) => flag.to_string(),
        _ => reader.text(node, "a condition")?.to_owned(),
    };
    match Condition::compile(&source) {
        Ok(condition) => Some(condition),
        Err(fault) => {
            reader.wrong(node.at, fault);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use serde_json::json;

    fn trigger(text: &str) -> Result<Trigger, String> {
        let mut reader = Reader::new("t");
        let node = reader.document(text).unwrap();
        let trigger = read(&mut reader, &node);
        let mistakes = reader.into_mistakes();
        match (trigger, mistakes.first()) {
            (Some(trigger), None) => Ok(trigger),
            (_, mistake) => Err(mistake.map(ToString::to_string).unwrap_or_default()),
        }
    }

    #[test]
    fn all_parts_that_are_given_must_fit() {
        let rule = RuleHead {
            id: Arc::from("0a1b"),
            name: Arc::from("port-scan"),
            title: Arc::from("Port scan"),
            level: Severity::High,
            tags: vec![Arc::from("attack.discovery"), Arc::from("attack.t1046")],
            author: None,
        };
        let detection = json!({"count": 25}).as_object().cloned().unwrap();
        for (text, fits) in [
            ("rule: port-scan", Ok(true)),
            ("rule: 0a1b", Ok(true)),
            ("rule: brute-force", Ok(false)),
            ("tags: [attack.impact, attack.t1046]", Ok(true)),
            ("tags: [attack.impact]", Ok(false)),
            ("severity>=: high", Ok(true)),
            ("severity>=: critical", Ok(false)),
            ("{ rule: port-scan, when: detection.count > 20 }", Ok(true)),
            ("{ rule: port-scan, when: detection.count > 30 }", Ok(false)),
            ("{ rule: other, when: detection.nope > 30 }", Ok(false)),
            (
                "when: detection.nope > 30",
                Err("`detection.nope > 30`: there is no `nope` (ask with `has(…)` first)".to_owned()),
            ),
        ] {
            assert_eq!(trigger(text).unwrap().fits(&rule, &detection), fits, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_trigger_is_named() {
        for (text, want) in [
            ("{}", "t:1:1: an empty trigger fits everything\n  hint: name a `rule`, `tags` or `severity>=`"),
            ("rules: x", "t:1:1: unknown key `rules` in a trigger\n  hint: did you mean `rule`?"),
            (
                "rule: 5",
                "t:1:7: expected the name or id of a rule as text, found the number 5\n  hint: put it in quotes",
            ),
            ("tags: x", "t:1:7: expected a list (tags), found `x`"),
            (
                "severity>=: hihg",
                "t:1:13: expected a severity: one of informational, low, medium, high, critical; found `hihg`\n  hint: did you mean `high`?",
            ),
            (
                "when: steps.a.status == 'x'",
                "t:1:7: a trigger can ask only about `detection`: there is no run yet",
            ),
            ("[rule]", "t:1:1: expected a mapping (a trigger), found a list"),
        ] {
            assert_eq!(trigger(text).map(|_| ()), Err(want.to_owned()), "{text}");
        }
    }
}

//! Filter documents: a condition that is added to other rules, which match only where it holds too.
//! To leave something out of a rule, negate it: `condition: not selection`.

use std::sync::Arc;

use super::condition::Condition;
use super::detection::Detections;
use super::origin::Origin;
use super::search::Search;
use super::set::{Program, Rule};
use super::texts::texts;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Node, Place};
use crate::model::RuleHead;

/// A filter as read: the rules that it is for are still names.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Which rules; `None` for `any`: every rule for its log source.
    pub rules: Option<Vec<(Place, String)>>,
    origin: Origin,
    searches: Vec<Search>,
    condition: Condition,
}

/// Reads the map under `filter`.
pub fn read(node: &Node, origin: Origin, detections: &Detections, reader: &mut Reader<'_>) -> Option<Draft> {
    let named = reader.required(node, "rules", "filter")?;
    let rules = texts(reader, named, "the name or id of a rule, or `any`");
    if rules.is_empty() {
        reader.wrong(named.at, "expected at least one rule, or `any`");
        return None;
    }
    let any = matches!(rules.as_slice(), [(_, word)] if word == "any");
    let (searches, condition) = detections.read(node, &["rules"], reader)?;
    Some(Draft { rules: (!any).then_some(rules), origin, searches, condition })
}

impl Draft {
    /// Whether the rule is for signals that the filter is for too.
    pub fn fits(&self, rule: &Rule) -> bool {
        self.origin.contains(&rule.origin)
    }

    /// Adds the condition to the rule.
    pub fn apply(&self, filter: &Arc<RuleHead>, rule: &mut Rule) {
        let Program { searches, condition } = &mut rule.program;
        let added = self.condition.clone().shifted(searches.len());
        match condition {
            // Made by the filter before: one list, however many there are.
            Condition::All(parts) if !rule.filters.is_empty() => parts.push(added),
            _ => {
                let own = std::mem::replace(condition, Condition::All(Vec::new()));
                *condition = Condition::All(vec![own, added]);
            }
        }
        searches.extend(self.searches.iter().cloned());
        rule.filters.push(filter.clone());
    }
}

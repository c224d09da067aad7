//! Files → checked rules. Every mistake of every file is reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::correlation::{self, Draft};
use super::detection;
use super::head::{HEAD_KEYS, Head};
use super::origin::Origin;
use super::report::Report;
use super::set::{Correlation, Program, Rule, RuleSet};
use super::yaml::{self, Entry, Node, Place};
use crate::model::{Mistake, RuleHead};

enum Body {
    Detection(Origin, Program),
    Correlation(Draft),
}

/// A document that was read without mistakes of its own.
struct Parsed<'a> {
    file: &'a str,
    at: Place,
    head: Arc<RuleHead>,
    body: Body,
}

/// Reads rule files, each given as its path and its text. Rules keep the order of the files.
pub fn load(files: &[(String, String)]) -> Result<RuleSet, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut parsed = Vec::new();
    // Names count for references even where the body has mistakes, so that one mistake is one message.
    let mut broken = Vec::new();
    for (file, text) in files {
        let documents = match yaml::read(file, text) {
            Ok(documents) => documents,
            Err(mistake) => {
                mistakes.push(mistake);
                continue;
            }
        };
        let mut report = Report::new(file);
        if documents.is_empty() {
            report.mistake(Place { line: 1, column: 1 }, "expected a rule, found nothing");
        }
        let mut stem = Some(stem(file));
        for node in &documents {
            let before = report.mistakes.len();
            let Some((head, body)) = document(node, &mut stem, &mut report) else { continue };
            match body {
                Some(body) if report.mistakes.len() == before => {
                    parsed.push(Parsed { file, at: node.at, head, body });
                }
                _ => broken.push(head),
            }
        }
        mistakes.append(&mut report.mistakes);
    }
    let names = names(&parsed, &mut mistakes);
    let set = link(parsed, &names, &broken, &mut mistakes);
    match mistakes.is_empty() {
        true => Ok(set),
        false => {
            mistakes.sort();
            mistakes.dedup();
            Err(mistakes)
        }
    }
}

/// `rules/port-scan.yml` → `port-scan`
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

/// One document: its head, and its body if it is sound.
fn document(
    node: &Node,
    stem: &mut Option<&str>,
    report: &mut Report,
) -> Option<(Arc<RuleHead>, Option<Body>)> {
    let entries = report.map(node, "a rule: a map with title and detection or correlation")?;
    let head = Head::read(node.at, entries, report);
    let own_name = head.name.is_some();
    let at = head.at;
    let Some(head) = head.named(*stem) else {
        let hint = Some("the file's own name is taken by its first rule without one");
        report.hinted(at, "expected a `name` or an `id`", hint);
        return None;
    };
    if !own_name {
        *stem = None;
    }
    let has = |key: &str| entries.iter().find(|entry| entry.key == key);
    let body = match (has("detection"), has("correlation"), has("filter")) {
        (_, _, Some(filter)) => {
            report.mistake(filter.at, "filter documents are not supported yet");
            None
        }
        (Some(_), Some(second), _) => {
            report.mistake(second.at, "expected either `detection` or `correlation`, found both");
            None
        }
        (Some(detection), None, _) => rule(entries, detection, report),
        (None, Some(correlation), _) => {
            unknown(entries, &["correlation"], report);
            correlation::read(&correlation.value, report).map(Body::Correlation)
        }
        (None, None, None) => {
            unknown(entries, &["detection", "logsource", "correlation"], report);
            report.mistake(node.at, "expected `detection` or `correlation`");
            None
        }
    };
    Some((head, body))
}

fn rule(entries: &[Entry], detection: &Entry, report: &mut Report) -> Option<Body> {
    unknown(entries, &["detection", "logsource"], report);
    let source = entries.iter().find(|entry| entry.key == "logsource");
    let origin = source.map(|entry| Origin::read(&entry.value, report)).unwrap_or_default();
    let (searches, condition) = detection::read(&detection.value, report)?;
    Some(Body::Detection(origin, Program { searches, condition }))
}

fn unknown(entries: &[Entry], body: &[&str], report: &mut Report) {
    let known: Vec<&str> = body.iter().chain(HEAD_KEYS).copied().collect();
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        report.unknown(entry, "a rule", &known);
    }
}

fn mistake(rule: &Parsed, at: Place, message: String, hint: Option<&str>) -> Mistake {
    Mistake {
        file: rule.file.to_string(),
        line: at.line,
        column: at.column,
        message,
        hint: hint.map(str::to_string),
    }
}

/// Names and ids → index; two rules with one name or id are a mistake.
fn names(parsed: &[Parsed], mistakes: &mut Vec<Mistake>) -> BTreeMap<Arc<str>, usize> {
    let mut names: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for (index, rule) in parsed.iter().enumerate() {
        let mut own = vec![("name", &rule.head.name)];
        if rule.head.id != rule.head.name {
            own.push(("id", &rule.head.id));
        }
        for (what, name) in own {
            let Some(other) = names.insert(name.clone(), index).and_then(|other| parsed.get(other)) else {
                continue;
            };
            let message = format!("the {what} `{name}` is taken by {}:{}", other.file, other.at.line);
            mistakes.push(mistake(rule, rule.at, message, Some("give each rule its own `name` and `id`")));
        }
    }
    names
}

/// Turns references into indices.
fn link(
    parsed: Vec<Parsed>,
    names: &BTreeMap<Arc<str>, usize>,
    broken: &[Arc<RuleHead>],
    mistakes: &mut Vec<Mistake>,
) -> RuleSet {
    let mut set = RuleSet::default();
    let mut rule_at: Vec<Option<usize>> = Vec::with_capacity(parsed.len());
    for rule in &parsed {
        rule_at.push(match &rule.body {
            Body::Detection(origin, program) => {
                set.rules.push(Rule {
                    head: rule.head.clone(),
                    origin: origin.clone(),
                    program: program.clone(),
                    emits: true,
                    feeds: Vec::new(),
                });
                Some(set.rules.len() - 1)
            }
            Body::Correlation(_) => None,
        });
    }
    let mut only_feeds = vec![true; set.rules.len()];
    for rule in &parsed {
        let Body::Correlation(draft) = &rule.body else { continue };
        let number = set.correlations.len();
        for (at, name) in &draft.rules {
            match names.get(name.as_str()).map(|index| rule_at.get(*index).copied().flatten()) {
                Some(Some(base)) => {
                    if let (Some(base), Some(only)) = (set.rules.get_mut(base), only_feeds.get_mut(base)) {
                        *only &= !draft.generate;
                        if base.feeds.last() != Some(&number) {
                            base.feeds.push(number);
                        }
                    }
                }
                Some(None) => {
                    let message = format!(
                        "`{name}` is a correlation; correlations of correlations are not supported yet"
                    );
                    mistakes.push(mistake(rule, *at, message, None));
                }
                None if broken.iter().any(|head| *head.name == **name || *head.id == **name) => {}
                None => {
                    let hint = Some("refer to a rule by its `name` or `id`");
                    mistakes.push(mistake(rule, *at, format!("there is no rule `{name}`"), hint));
                }
            }
        }
        set.correlations.push(Correlation {
            head: rule.head.clone(),
            counted: draft.counted.clone(),
            group_by: draft.group_by.clone(),
            timespan: draft.timespan,
            bounds: draft.bounds,
        });
    }
    for (rule, only_feeds) in set.rules.iter_mut().zip(only_feeds) {
        rule.emits = rule.feeds.is_empty() || !only_feeds;
    }
    set
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

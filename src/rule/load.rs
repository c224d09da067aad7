//! Files → checked rules. Every mistake of every file is reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::correlation::{self, Draft};
use super::detection;
use super::head::{HEAD_KEYS, Head};
use super::origin::Origin;
use super::set::{Correlation, Program, Rule, RuleSet};
use super::texts::shown;
use crate::flow::fault::{Fault, did_you_mean};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Entry, Node, Place};
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
        let mut reader = Reader::new(file);
        let documents = reader.documents(text);
        if documents.is_empty() && reader.noted() == 0 {
            reader.wrong(Place::START, "expected a rule, found nothing");
        }
        let mut stem = Some(stem(file));
        for node in &documents {
            let before = reader.noted();
            let Some((head, body)) = document(node, &mut stem, &mut reader) else { continue };
            match body {
                Some(body) if reader.noted() == before => {
                    parsed.push(Parsed { file, at: node.at, head, body });
                }
                _ => broken.push(head),
            }
        }
        mistakes.extend(reader.into_mistakes());
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

/// The heads of rules that may have mistakes in them. `None` if a file is so wrong that there is no
/// telling which rules are meant to be in it.
pub fn heads(files: &[(String, String)]) -> Option<Vec<Arc<RuleHead>>> {
    let mut found = Vec::new();
    for (file, text) in files {
        let mut reader = Reader::new(file);
        let documents = reader.documents(text);
        if documents.is_empty() {
            return None;
        }
        let mut stem = Some(stem(file));
        for node in &documents {
            let entries = reader.entries(node, "a rule")?;
            found.extend(head(node.at, entries, &mut stem, &mut reader));
        }
    }
    Some(found)
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
    reader: &mut Reader<'_>,
) -> Option<(Arc<RuleHead>, Option<Body>)> {
    let entries = reader.entries(node, "a rule: title and detection or correlation")?;
    let head = head(node.at, entries, stem, reader)?;
    let body = match (node.entry("detection"), node.entry("correlation"), node.entry("filter")) {
        (_, _, Some(filter)) => {
            reader.wrong(filter.at, "filter documents are not supported yet");
            None
        }
        (Some(_), Some(second), _) => {
            reader.wrong(second.at, "expected either `detection` or `correlation`, found both");
            None
        }
        (Some(detection), None, _) => rule(node, entries, detection, reader),
        (None, Some(correlation), _) => {
            unknown(entries, &["correlation"], reader);
            correlation::read(&correlation.value, reader).map(Body::Correlation)
        }
        (None, None, None) => {
            unknown(entries, &["detection", "logsource", "correlation"], reader);
            reader.wrong(node.at, "expected `detection` or `correlation`");
            None
        }
    };
    Some((head, body))
}

/// The head of a document. `stem` is the file's name until a rule without a name of its own takes it.
fn head(
    at: Place,
    entries: &[Entry],
    stem: &mut Option<&str>,
    reader: &mut Reader<'_>,
) -> Option<Arc<RuleHead>> {
    let head = Head::read(at, entries, reader);
    let own_name = head.name.is_some();
    let named = head.named(*stem);
    if named.is_none() {
        let fault = Fault::new("expected a `name` or an `id`");
        reader.wrong(at, fault.hint("the file's own name is taken by its first rule without one"));
    } else if !own_name {
        *stem = None;
    }
    named
}

fn rule(node: &Node, entries: &[Entry], detection: &Entry, reader: &mut Reader<'_>) -> Option<Body> {
    unknown(entries, &["detection", "logsource"], reader);
    let origin = node.get("logsource").map(|source| Origin::read(source, reader)).unwrap_or_default();
    let (searches, condition) = detection::read(&detection.value, reader)?;
    Some(Body::Detection(origin, Program { searches, condition }))
}

fn unknown(entries: &[Entry], body: &[&str], reader: &mut Reader<'_>) {
    let known: Vec<&str> = body.iter().chain(HEAD_KEYS).copied().collect();
    reader.keys(entries, "a rule", &known, &[]);
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
            let message =
                format!("the {what} `{}` is taken by {}:{}", shown(name), other.file, other.at.line);
            let hint = Some("give each rule its own `name` and `id`".to_owned());
            mistakes.push(rule.at.mistake(rule.file, message, hint));
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
                        "`{}` is a correlation; correlations of correlations are not supported yet",
                        shown(name)
                    );
                    mistakes.push(at.mistake(rule.file, message, None));
                }
                None if broken.iter().any(|head| *head.name == **name || *head.id == **name) => {}
                None => {
                    let message = format!("there is no rule `{}`", shown(name));
                    let hint = did_you_mean(name, names.keys().map(|name| &**name))
                        .unwrap_or_else(|| "refer to a rule by its `name` or `id`".to_owned());
                    mistakes.push(at.mistake(rule.file, message, Some(hint)));
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

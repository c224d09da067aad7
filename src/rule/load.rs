//! Files → checked rules. Every mistake of every file is reported.

use std::sync::Arc;

use super::correlation;
use super::detection::Detections;
use super::filter;
use super::head::{HEAD_KEYS, Head};
use super::indicator::Lists;
use super::link::{Body, Parsed, link};
use super::origin::Origin;
use super::placeholder::Placeholders;
use super::room::Room;
use super::set::{Program, RuleSet};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Entry, Node, Place};
use crate::model::{Mistake, RuleHead};

/// The key of a document that gives placeholders their values.
const PLACEHOLDERS: &str = "placeholders";

/// What was read: the sound rules, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Every rule without a mistake of its own.
    pub set: RuleSet,
    /// Every mistake, in order of file and line.
    pub mistakes: Vec<Mistake>,
    /// Documents that are no part of the set.
    pub refused: usize,
}

/// Reads rule files, each given as its path and its text: all of them, or none. Rules keep the order
/// of the files.
pub fn load(files: &[(String, String)]) -> Result<RuleSet, Vec<Mistake>> {
    load_with(files, &Lists::default())
}

/// As [`load`], with these indicator lists.
pub fn load_with(files: &[(String, String)], lists: &Lists) -> Result<RuleSet, Vec<Mistake>> {
    let Loaded { set, mistakes, .. } = load_sound_with(files, lists);
    if mistakes.is_empty() { Ok(set) } else { Err(mistakes) }
}

/// As [`load`]; rules with mistakes, and what refers to them, are left out.
pub fn load_sound(files: &[(String, String)]) -> Loaded {
    load_sound_with(files, &Lists::default())
}

/// As [`load_sound`], with these indicator lists.
pub fn load_sound_with(files: &[(String, String)], lists: &Lists) -> Loaded {
    let mut mistakes = Vec::new();
    let placeholders = placeholders(files, &mut mistakes);
    let detections = Detections { placeholders: &placeholders, lists, room: Room::default() };
    let mut parsed = Vec::new();
    // Names count for references even where the body has mistakes, so that one mistake is one message.
    let mut broken = Vec::new();
    let mut refused = 0;
    for (file, text) in files {
        let mut reader = Reader::new(file);
        let documents = reader.documents(text);
        if documents.is_empty() && reader.noted() == 0 {
            reader.wrong(Place::START, "expected a rule, found nothing");
        }
        let whole = reader.noted() == 0;
        refused += usize::from(documents.is_empty());
        let mut stem = Some(stem(file));
        for node in documents.iter().filter(|node| !is_placeholders(node)) {
            let before = reader.noted();
            match document(node, &detections, &mut stem, &mut reader) {
                Some((head, Some(body))) if whole && reader.noted() == before => {
                    parsed.push(Parsed { file, at: node.at, head, body });
                }
                other => {
                    refused += 1;
                    broken.extend(other.map(|(head, _)| head));
                }
            }
        }
        mistakes.extend(reader.into_mistakes());
    }
    let read = parsed.len();
    let (mut set, linked) = link(parsed, broken, &mut mistakes);
    set.lists = lists.clone();
    mistakes.sort();
    mistakes.dedup();
    Loaded { set, mistakes, refused: refused + read - linked }
}

/// The values of placeholders come first: any rule may use them.
fn placeholders(files: &[(String, String)], mistakes: &mut Vec<Mistake>) -> Placeholders {
    let mut placeholders = Placeholders::default();
    for (file, text) in files.iter().filter(|(_, text)| text.contains(PLACEHOLDERS)) {
        let mut reader = Reader::new(file);
        // What is not readable is told when the rules are read.
        let documents = reader.documents(text);
        let mut reader = Reader::new(file);
        for node in documents.iter().filter(|node| is_placeholders(node)) {
            reader.mapping(node, "a document of placeholders", &[PLACEHOLDERS, "title", "description"], &[]);
            if let Some(values) = node.get(PLACEHOLDERS) {
                placeholders.add(values, &mut reader);
            }
        }
        mistakes.extend(reader.into_mistakes());
    }
    placeholders
}

fn is_placeholders(node: &Node) -> bool {
    node.entry(PLACEHOLDERS).is_some() && node.entry("detection").is_none()
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
        for node in documents.iter().filter(|node| !is_placeholders(node)) {
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
    detections: &Detections,
    stem: &mut Option<&str>,
    reader: &mut Reader<'_>,
) -> Option<(Arc<RuleHead>, Option<Body>)> {
    let entries = reader.entries(node, "a rule: title and detection or correlation")?;
    let head = head(node.at, entries, stem, reader)?;
    const BODIES: [&str; 3] = ["detection", "correlation", "filter"];
    let mut bodies = entries.iter().filter(|entry| BODIES.contains(&entry.key.as_str()));
    let (first, second) = (bodies.next(), bodies.next());
    let body = match (first, second) {
        (Some(first), Some(second)) => {
            let message = format!("expected either `{}` or `{}`, found both", first.key, second.key);
            reader.wrong(second.at, message);
            None
        }
        (Some(first), None) => match first.key.as_str() {
            "detection" => rule(node, entries, &first.value, detections, reader),
            "filter" => {
                unknown(entries, &["filter", "logsource"], reader);
                let origin = origin(node, reader);
                filter::read(&first.value, origin, detections, reader).map(Body::Filter)
            }
            _ => {
                unknown(entries, &["correlation"], reader);
                correlation::read(&first.value, reader).map(Body::Correlation)
            }
        },
        (None, _) => {
            unknown(entries, &["detection", "logsource", "correlation", "filter"], reader);
            reader.wrong(node.at, "expected `detection`, `correlation` or `filter`");
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

fn rule(
    node: &Node,
    entries: &[Entry],
    detection: &Node,
    detections: &Detections,
    reader: &mut Reader<'_>,
) -> Option<Body> {
    unknown(entries, &["detection", "logsource"], reader);
    let origin = origin(node, reader);
    let (searches, condition) = detections.read(detection, &[], reader)?;
    Some(Body::Detection(origin, Program { searches, condition }))
}

fn origin(node: &Node, reader: &mut Reader<'_>) -> Origin {
    node.get("logsource").map(|source| Origin::read(source, reader)).unwrap_or_default()
}

fn unknown(entries: &[Entry], body: &[&str], reader: &mut Reader<'_>) {
    let known: Vec<&str> = body.iter().chain(HEAD_KEYS).copied().collect();
    reader.keys(entries, "a rule", &known, &[]);
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

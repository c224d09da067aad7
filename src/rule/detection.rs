//! Reads the map under `detection` into searches and a condition.

use super::condition::{self, Condition};
use super::field::FieldName;
use super::indicator::Lists;
use super::modifier::{Mode, Modifiers};
use super::placeholder::Placeholders;
use super::room::Room;
use super::search::{Search, Test};
use super::text_set::TextSet;
use super::texts::shown;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node};
use crate::model::Value;

/// What every value is read with.
pub struct Detections<'p> {
    /// The values for `expand`.
    pub placeholders: &'p Placeholders,
    /// The lists for `expand`, `quell.list` and `quell.domain`.
    pub lists: &'p Lists,
    /// What they may take together.
    pub room: Room,
}

impl Detections<'_> {
    /// Reads `detection` (or `filter`, whose other keys are `beside`): the search identifiers in file
    /// order and the condition over them.
    pub fn read(
        &self,
        node: &Node,
        beside: &[&str],
        reader: &mut Reader<'_>,
    ) -> Option<(Vec<Search>, Condition)> {
        let entries = reader.entries(node, "search identifiers and a condition")?;
        let before = reader.noted();
        let mut names = Vec::new();
        let mut searches = Vec::new();
        let mut condition = None;
        for entry in entries.iter().filter(|entry| !beside.contains(&entry.key.as_str())) {
            match entry.key.as_str() {
                "condition" => condition = Some(&entry.value),
                "timeframe" => reader.wrong(
                    entry.at,
                    Fault::new("`timeframe` belongs to conditions with `|`, which Sigma has given up")
                        .hint("write a correlation document with `timespan`"),
                ),
                name => {
                    names.push((name, entry.at));
                    searches.push(self.search(&entry.value, reader).unwrap_or(Search::Any(Vec::new())));
                }
            }
        }
        let Some(condition) = condition else {
            reader.wrong(node.at, "expected a `condition` in detection");
            return None;
        };
        let condition = condition::read(condition, &names, reader)?;
        (reader.noted() == before).then_some((searches, condition))
    }

    /// A map: all fields. A list: any of its items. A text: a keyword.
    fn search(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Search> {
        match &node.data {
            Data::Map(entries) if !entries.is_empty() => {
                let parts: Vec<_> = entries.iter().filter_map(|entry| self.field(entry, reader)).collect();
                Some(Search::All(parts))
            }
            Data::List(items) if !items.is_empty() => {
                let (maps, words): (Vec<_>, Vec<_>) =
                    items.iter().partition(|item| !matches!(item.data, Data::Scalar(_)));
                let mut parts: Vec<_> =
                    maps.into_iter().filter_map(|item| self.search(item, reader)).collect();
                if !words.is_empty() {
                    parts.extend(self.keywords(&words, reader));
                }
                Some(Search::Any(parts))
            }
            Data::Scalar(Value::String(_) | Value::Number(_)) => self.keywords(&[node], reader),
            _ => {
                reader.expected(
                    node,
                    "a map of fields, a list of maps, or a list of keywords that is not empty",
                );
                None
            }
        }
    }

    fn keywords(&self, nodes: &[&Node], reader: &mut Reader<'_>) -> Option<Search> {
        let modifiers = Modifiers::read("", nodes.first()?.at, reader)?;
        Some(Search::Keywords { tests: self.tests(nodes, &modifiers, true, reader), all: false })
    }

    /// `field|modifier|modifier: value or list of values`.
    fn field(&self, entry: &Entry, reader: &mut Reader<'_>) -> Option<Search> {
        let (name, modifiers) = match entry.key.split_once('|') {
            Some((name, modifiers)) => (name, modifiers),
            None => (entry.key.as_str(), ""),
        };
        let modifiers = Modifiers::read(modifiers, entry.at.right(name.chars().count() + 1), reader)?;
        let values: Vec<&Node> = match &entry.value.data {
            Data::List(items) if items.is_empty() => {
                reader.wrong(
                    entry.value.at,
                    format!("expected values for `{}`, found an empty list", shown(&entry.key)),
                );
                return None;
            }
            Data::List(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        let keyword = name.is_empty();
        if keyword && !(matches!(modifiers.mode, Mode::Text | Mode::Expression(_)) && entry.key.len() > 1) {
            reader.wrong(
                entry.at,
                "expected a field name before `|` (only modifiers of text stand alone, over keywords)",
            );
            return None;
        }
        if modifiers.all && values.len() < 2 && modifiers.mode != Mode::Exists && !keyword {
            let fault = Fault::new("`all` has a single value, so it says nothing");
            reader.wrong(entry.at, fault.hint("give a list of two or more values, or drop `all`"));
            return None;
        }
        let all = modifiers.all;
        let search = if keyword {
            Search::Keywords { tests: self.tests(&values, &modifiers, true, reader), all }
        } else if modifiers.mode == Mode::Exists {
            let wanted = reader.flag(&entry.value, "exists")?;
            Search::Exists { field: FieldName::new(name), wanted }
        } else {
            let tests = self.tests(&values, &modifiers, false, reader);
            Search::Field { field: FieldName::new(name), tests, all }
        };
        Some(if modifiers.neq { Search::Not(Box::new(search)) } else { search })
    }

    fn tests(
        &self,
        nodes: &[&Node],
        modifiers: &Modifiers,
        keyword: bool,
        reader: &mut Reader<'_>,
    ) -> Vec<Test> {
        let test = |node: &&Node| modifiers.test(node, keyword, self, reader);
        let tests = nodes.iter().filter_map(test).collect();
        if modifiers.all { tests } else { TextSet::condense(tests, keyword) }
    }
}

//! Reads the map under `detection` into searches and a condition.

use super::condition::{self, Condition};
use super::field::FieldName;
use super::pattern::{Anchor, Pattern};
use super::search::{Mode, Order, Search, Test};
use super::texts::{scalar, shown, text};
use crate::flow::fault::{Fault, did_you_mean};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node, Place};
use crate::model::{Network, Value};

/// Modifiers of Sigma that do not act yet, so that the message can say so.
const KNOWN_MODIFIERS: &[&str] = &[
    "re",
    "base64",
    "base64offset",
    "wide",
    "utf16",
    "utf16le",
    "utf16be",
    "windash",
    "fieldref",
    "expand",
    "neq",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "i",
    "m",
    "s",
];

/// Modifiers that act.
const MODIFIERS: &[&str] =
    &["contains", "startswith", "endswith", "all", "cased", "cidr", "exists", "lt", "lte", "gt", "gte"];

/// Reads `detection`; the search identifiers in file order and the condition over them.
pub fn read(node: &Node, reader: &mut Reader<'_>) -> Option<(Vec<Search>, Condition)> {
    let entries = reader.entries(node, "search identifiers and a condition")?;
    let before = reader.noted();
    let mut names = Vec::new();
    let mut searches = Vec::new();
    let mut condition = None;
    for entry in entries {
        match entry.key.as_str() {
            "condition" => condition = Some(&entry.value),
            "timeframe" => reader.wrong(
                entry.at,
                Fault::new("`timeframe` belongs to conditions with `|`, which Sigma has given up")
                    .hint("write a correlation document with `timespan`"),
            ),
            name => {
                names.push((name, entry.at));
                searches.push(search(&entry.value, reader).unwrap_or(Search::Any(Vec::new())));
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
fn search(node: &Node, reader: &mut Reader<'_>) -> Option<Search> {
    match &node.data {
        Data::Map(entries) if !entries.is_empty() => {
            let parts: Vec<_> = entries.iter().filter_map(|entry| field(entry, reader)).collect();
            Some(Search::All(parts))
        }
        Data::List(items) if !items.is_empty() => {
            let (maps, words): (Vec<_>, Vec<_>) =
                items.iter().partition(|item| !matches!(item.data, Data::Scalar(_)));
            let mut parts: Vec<_> = maps.into_iter().filter_map(|item| search(item, reader)).collect();
            if !words.is_empty() {
                parts.push(keywords(words, false, reader));
            }
            Some(Search::Any(parts))
        }
        Data::Scalar(Value::String(_) | Value::Number(_)) => Some(keywords(vec![node], false, reader)),
        _ => {
            reader.expected(node, "a map of fields, a list of maps, or a list of keywords that is not empty");
            None
        }
    }
}

fn keywords(nodes: Vec<&Node>, all: bool, reader: &mut Reader<'_>) -> Search {
    let texts = nodes.into_iter().filter_map(|node| text(reader, node, "a keyword"));
    let patterns = texts.map(|text| Pattern::new(&text, Anchor::Anywhere, false)).collect();
    Search::Keywords { patterns, all }
}

/// `field|modifier|modifier: value or list of values`.
fn field(entry: &Entry, reader: &mut Reader<'_>) -> Option<Search> {
    let (name, modifiers) = match entry.key.split_once('|') {
        Some((name, modifiers)) => (name, modifiers),
        None => (entry.key.as_str(), ""),
    };
    let Modifiers { mode, all, cased } = modifiers_of(name, modifiers, entry.at, reader)?;
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
    if name.is_empty() {
        return Some(keywords(values, all, reader));
    }
    if all && values.len() < 2 && mode != Mode::Exists {
        let fault = Fault::new("`all` has a single value, so it says nothing");
        reader.wrong(entry.at, fault.hint("give a list of two or more values, or drop `all`"));
        return None;
    }
    let field = FieldName::new(name);
    if mode == Mode::Exists {
        return reader.flag(&entry.value, "exists").map(|wanted| Search::Exists { field, wanted });
    }
    let tests: Vec<_> = values.into_iter().filter_map(|node| test(node, mode, cased, reader)).collect();
    Some(Search::Field { field, tests, all })
}

struct Modifiers {
    mode: Mode,
    all: bool,
    cased: bool,
}

fn modifiers_of(name: &str, text: &str, at: Place, reader: &mut Reader<'_>) -> Option<Modifiers> {
    let mut read = Modifiers { mode: Mode::Text(Anchor::Whole), all: false, cased: false };
    let mut column = at.right(name.chars().count() + 1);
    let mut chosen: Option<&str> = None;
    for modifier in text.split('|').filter(|_| !text.is_empty()) {
        let mode = match modifier {
            "contains" => Some(Mode::Text(Anchor::Anywhere)),
            "startswith" => Some(Mode::Text(Anchor::Start)),
            "endswith" => Some(Mode::Text(Anchor::End)),
            "lt" => Some(Mode::Compare(Order::Below)),
            "lte" => Some(Mode::Compare(Order::AtMost)),
            "gt" => Some(Mode::Compare(Order::Above)),
            "gte" => Some(Mode::Compare(Order::AtLeast)),
            "cidr" => Some(Mode::Within),
            "exists" => Some(Mode::Exists),
            "all" | "cased" => None,
            other => {
                reader.wrong(column, refused(other));
                return None;
            }
        };
        match (mode, chosen) {
            (Some(_), Some(before)) => {
                reader.wrong(column, format!("`{modifier}` cannot follow `{before}`"));
                return None;
            }
            (Some(mode), None) => {
                read.mode = mode;
                chosen = Some(modifier);
            }
            (None, _) if modifier == "all" => read.all = true,
            (None, _) => read.cased = true,
        }
        column = column.right(modifier.chars().count() + 1);
    }
    let texts = matches!(read.mode, Mode::Text(_));
    if name.is_empty() && !(texts && read.all && chosen.is_none() && !read.cased) {
        reader.wrong(at, "expected a field name before `|` (only `|all` stands alone, over keywords)");
        return None;
    }
    if read.cased && !texts {
        reader.wrong(at, "`cased` acts on text only");
        return None;
    }
    Some(read)
}

/// Why a modifier does not act.
fn refused(modifier: &str) -> Fault {
    let acting = format!("modifiers that act: {}", MODIFIERS.join(", "));
    if KNOWN_MODIFIERS.contains(&modifier) {
        return Fault::new(format!("the modifier `{modifier}` is not supported yet")).hint(acting);
    }
    let near = did_you_mean(modifier, MODIFIERS.iter().copied());
    Fault::new(format!("unknown modifier `{}`", shown(modifier))).hint(near.unwrap_or(acting))
}

fn test(node: &Node, mode: Mode, cased: bool, reader: &mut Reader<'_>) -> Option<Test> {
    if node.data == Data::Scalar(Value::Null) && mode == Mode::Text(Anchor::Whole) {
        return Some(Test::Null);
    }
    let Some(text) = scalar(node) else {
        reader.expected(node, "text, a number, true or false");
        return None;
    };
    match mode {
        Mode::Compare(order) => match text.trim().parse::<f64>() {
            Ok(limit) if limit.is_finite() => Some(Test::Compare(order, limit)),
            _ => {
                reader.wrong(node.at, format!("expected a number, found `{}`", shown(&text)));
                None
            }
        },
        Mode::Within => {
            let network = Network::parse(text.trim());
            if network.is_none() {
                let message = format!("expected a network such as 192.0.2.0/24, found `{}`", shown(&text));
                reader.wrong(node.at, message);
            }
            network.map(Test::Within)
        }
        Mode::Text(anchor) => Some(Test::Text(Pattern::new(&text, anchor, cased))),
        Mode::Exists => None,
    }
}

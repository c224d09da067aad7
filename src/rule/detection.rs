//! Reads the map under `detection` into searches and a condition.

use super::condition::{self, Condition};
use super::field::FieldName;
use super::pattern::{Anchor, Pattern};
use super::report::Report;
use super::search::{Mode, Network, Order, Search, Test};
use super::yaml::{Entry, Kind, Node, Place};

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

const MODIFIERS: &str = "contains, startswith, endswith, all, cased, cidr, exists, lt, lte, gt, gte";

/// Reads `detection`; the search identifiers in file order and the condition over them.
pub fn read(node: &Node, report: &mut Report) -> Option<(Vec<Search>, Condition)> {
    let entries = report.map(node, "a map of search identifiers and a condition")?;
    let before = report.mistakes.len();
    let mut names = Vec::new();
    let mut searches = Vec::new();
    let mut condition = None;
    for entry in entries {
        match entry.key.as_str() {
            "condition" => condition = Some(&entry.value),
            "timeframe" => report.hinted(
                entry.at,
                "`timeframe` belongs to conditions with `|`, which Sigma has given up",
                Some("write a correlation document with `timespan`"),
            ),
            name => {
                names.push((name, entry.at));
                searches.push(search(&entry.value, report).unwrap_or(Search::Any(Vec::new())));
            }
        }
    }
    let Some(condition) = condition else {
        report.mistake(node.at, "expected a `condition` in detection");
        return None;
    };
    let condition = condition::read(condition, &names, report)?;
    (report.mistakes.len() == before).then_some((searches, condition))
}

/// A map: all fields. A list: any of its items. A text: a keyword.
fn search(node: &Node, report: &mut Report) -> Option<Search> {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            let parts: Vec<_> = entries.iter().filter_map(|entry| field(entry, report)).collect();
            Some(Search::All(parts))
        }
        Kind::List(items) if !items.is_empty() => {
            let (maps, words): (Vec<_>, Vec<_>) =
                items.iter().partition(|item| matches!(item.kind, Kind::Map(_) | Kind::List(_)));
            let mut parts: Vec<_> = maps.into_iter().filter_map(|item| search(item, report)).collect();
            if !words.is_empty() {
                parts.push(keywords(words, false, report));
            }
            Some(Search::Any(parts))
        }
        Kind::Text(_) | Kind::Int(_) => Some(keywords(vec![node], false, report)),
        _ => {
            report.expected(node, "a map of fields, a list of maps, or a list of keywords that is not empty");
            None
        }
    }
}

fn keywords(nodes: Vec<&Node>, all: bool, report: &mut Report) -> Search {
    let texts = nodes.into_iter().filter_map(|node| report.text(node, "a keyword"));
    let patterns = texts.map(|text| Pattern::new(&text, Anchor::Anywhere, false)).collect();
    Search::Keywords { patterns, all }
}

/// `field|modifier|modifier: value or list of values`.
fn field(entry: &Entry, report: &mut Report) -> Option<Search> {
    let (name, modifiers) = match entry.key.split_once('|') {
        Some((name, modifiers)) => (name, modifiers),
        None => (entry.key.as_str(), ""),
    };
    let Modifiers { mode, all, cased } = modifiers_of(name, modifiers, entry.at, report)?;
    let values: Vec<&Node> = match &entry.value.kind {
        Kind::List(items) if items.is_empty() => {
            report
                .mistake(entry.value.at, format!("expected values for `{}`, found an empty list", entry.key));
            return None;
        }
        Kind::List(items) => items.iter().collect(),
        _ => vec![&entry.value],
    };
    if name.is_empty() {
        return Some(keywords(values, all, report));
    }
    if all && values.len() < 2 && mode != Mode::Exists {
        let hint = Some("give a list of two or more values, or drop `all`");
        report.hinted(entry.at, "`all` has a single value, so it says nothing", hint);
        return None;
    }
    let field = FieldName::new(name);
    if mode == Mode::Exists {
        return match &entry.value.kind {
            Kind::Bool(wanted) => Some(Search::Exists { field, wanted: *wanted }),
            _ => {
                report.expected(&entry.value, "true or false after `exists`");
                None
            }
        };
    }
    let tests: Vec<_> = values.into_iter().filter_map(|node| test(node, mode, cased, report)).collect();
    Some(Search::Field { field, tests, all })
}

struct Modifiers {
    mode: Mode,
    all: bool,
    cased: bool,
}

fn modifiers_of(name: &str, text: &str, at: Place, report: &mut Report) -> Option<Modifiers> {
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
                let message = match KNOWN_MODIFIERS.contains(&other) {
                    true => format!("the modifier `{other}` is not supported yet"),
                    false => format!("unknown modifier `{other}`"),
                };
                report.hinted(column, message, Some(format!("modifiers that act: {MODIFIERS}")));
                return None;
            }
        };
        match (mode, chosen) {
            (Some(_), Some(before)) => {
                report.mistake(column, format!("`{modifier}` cannot follow `{before}`"));
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
        report.mistake(at, "expected a field name before `|` (only `|all` stands alone, over keywords)");
        return None;
    }
    if read.cased && !texts {
        report.mistake(at, "`cased` acts on text only");
        return None;
    }
    Some(read)
}

fn test(node: &Node, mode: Mode, cased: bool, report: &mut Report) -> Option<Test> {
    let text = match &node.kind {
        Kind::Text(text) => text.clone(),
        Kind::Int(number) => number.to_string(),
        Kind::Float(number) => number.to_string(),
        Kind::Bool(value) => value.to_string(),
        Kind::Null if mode == Mode::Text(Anchor::Whole) => return Some(Test::Null),
        _ => {
            report.expected(node, "text, a number, true or false");
            return None;
        }
    };
    match mode {
        Mode::Compare(order) => match text.trim().parse::<f64>() {
            Ok(limit) if limit.is_finite() => Some(Test::Compare(order, limit)),
            _ => {
                report.mistake(node.at, format!("expected a number, found `{text}`"));
                None
            }
        },
        Mode::Within => {
            let network = Network::parse(text.trim());
            if network.is_none() {
                let message = format!("expected a network such as 192.0.2.0/24, found `{text}`");
                report.mistake(node.at, message);
            }
            network.map(Test::Within)
        }
        Mode::Text(anchor) => Some(Test::Text(Pattern::new(&text, anchor, cased))),
        Mode::Exists => None,
    }
}

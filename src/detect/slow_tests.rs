//! Random rules on random records: what index and programs find is what the text of the rules says,
//! read as literally as can be.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use crate::detect::{Matcher, Routing};
use crate::model::{Common, Document, LogSource, Signal, Timestamp};
use crate::rule::{self, RuleSet};

/// One entry of a map: a field, its modifiers, its values. Without a field: keywords.
#[derive(Debug, Clone)]
struct Item {
    field: &'static str,
    modifiers: &'static str,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Search identifiers `s0`, `s1` …: any of their maps, of which every item.
    searches: Vec<Vec<Vec<Item>>>,
    condition: &'static str,
}

const FIELDS: [&str; 5] = ["a", "b", "c.d", "user", ""];
const MODIFIERS: [&str; 18] = [
    "",
    "|contains",
    "|startswith",
    "|endswith",
    "|cased",
    "|contains|all",
    "|neq",
    "|contains|neq",
    "|windash",
    "|windash|contains",
    "|re",
    "|re|i",
    "|exists",
    "|gte",
    "|lt",
    "|fieldref",
    "|startswith|cased",
    "|all",
];
const CONDITIONS: [&str; 8] = [
    "s0",
    "not s0",
    "s0 and s1",
    "s0 or not s1",
    "s0 and not s1",
    "1 of s*",
    "all of them",
    "not (s0 or s1) or s0 and s1",
];
const WORDS: [&str; 14] = ["x", "X", "xy", "y*", "*x", "?", "-f", "/F", "é", "É", "", "a b", "K", "5"];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        1 => (0i64..9).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let parts = (
        proptest::sample::select(&FIELDS[..]),
        proptest::sample::select(&MODIFIERS[..]),
        proptest::collection::vec(value(), 1..4),
    );
    parts.prop_map(|(field, modifiers, values)| {
        let text = |value: Value| match value {
            Value::Null => Value::from("n"),
            other => other,
        };
        let values: Vec<Value> = match modifiers {
            "|exists" => vec![(values.len() % 2 == 0).into()],
            "|gte" | "|lt" => values.iter().map(|value| value.as_i64().unwrap_or(4).into()).collect(),
            "|re" | "|re|i" => values.iter().map(|_| "x.?y?".into()).collect(),
            "|fieldref" => values.iter().map(|_| "b".into()).collect(),
            "" | "|neq" if !field.is_empty() => values,
            _ => values.into_iter().map(text).collect(),
        };
        Item { field, modifiers, values }
    })
}

fn rule_of_items() -> impl Strategy<Value = Rule> {
    let map = proptest::collection::vec(item(), 1..3);
    let search = proptest::collection::vec(map, 1..3);
    (proptest::collection::vec(search, 2), proptest::sample::select(&CONDITIONS[..]))
        .prop_map(|(searches, condition)| Rule { searches, condition })
}

fn record() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        5 => proptest::sample::select(&["x", "X", "xy", "zxy", "Yx", "-F", "/f", "é", "É", "", "a B", "\u{212a}", "5"][..])
            .prop_map(Value::from),
        1 => (0i64..9).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let field =
        prop_oneof![4 => one.clone(), 1 => proptest::collection::vec(one, 0..3).prop_map(Value::from)];
    let fields = proptest::collection::vec(proptest::option::of(field), 4);
    fields.prop_map(|fields| {
        let mut record = serde_json::Map::new();
        for (name, value) in ["a", "b", "d", "user"].into_iter().zip(fields) {
            let Some(value) = value else { continue };
            match name {
                "d" => drop(record.insert("c".into(), serde_json::json!({ "d": value }))),
                name => drop(record.insert(name.into(), value)),
            }
        }
        Value::Object(record)
    })
}

/// The rule as text. `None` where Sigma has no such rule.
fn written(number: usize, rule: &Rule) -> Option<String> {
    let mut text = format!("title: t\nname: r{number}\ndetection:\n");
    for (index, maps) in rule.searches.iter().enumerate() {
        text += &format!("  s{index}:\n");
        for map in maps {
            let mut begin = "    - ";
            let mut keys = std::collections::BTreeSet::new();
            for Item { field, modifiers, values } in map {
                let key = format!("{field}{modifiers}");
                if !keys.insert(key.clone()) {
                    return None;
                }
                text += &format!("{begin}{}: {}\n", Value::from(key), Value::from(values.clone()));
                begin = "      ";
            }
        }
    }
    Some(text + &format!("  condition: {}\n", rule.condition))
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn glob(pattern: &[char], value: &[char]) -> bool {
    match pattern.split_first() {
        None => value.is_empty(),
        Some(('*', rest)) => (0..=value.len()).any(|i| glob(rest, &value[i..])),
        Some(('?', rest)) => !value.is_empty() && glob(rest, &value[1..]),
        Some((c, rest)) => value.first() == Some(c) && glob(rest, &value[1..]),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether one value of the record fits one value of the rule.
fn fits(item: &Item, wanted: &Value, value: &Value, record: &Value) -> bool {
    let has = |word: &str| item.modifiers.split('|').any(|modifier| modifier == word);
    if value.is_null() {
        return wanted.is_null();
    }
    if has("gte") || has("lt") {
        let (Some(value), Some(limit)) = (number(value), number(wanted)) else { return false };
        return if has("gte") { value >= limit } else { value < limit };
    }
    if has("fieldref") {
        let others = values(record, &shown(wanted));
        return others.iter().any(|other| !other.is_null() && lower(&shown(other)) == lower(&shown(value)));
    }
    if wanted.is_null() {
        return false;
    }
    if has("re") {
        let (pattern, value) = (shown(wanted), shown(value));
        let expression = regex::RegexBuilder::new(&pattern).case_insensitive(has("i")).build().unwrap();
        return expression.is_match(&value);
    }
    let fold = |text: &str| -> Vec<char> {
        let text: Vec<char> = if has("cased") { text.chars().collect() } else { lower(text) };
        let dash = |c: char| if has("windash") && "-/–—―".contains(c) { '-' } else { c };
        text.into_iter().map(dash).collect()
    };
    let mut pattern = fold(&shown(wanted));
    let anywhere = has("contains") || (item.field.is_empty() && !has("startswith") && !has("endswith"));
    if has("endswith") || anywhere {
        pattern.insert(0, '*');
    }
    if has("startswith") || anywhere {
        pattern.push('*');
    }
    glob(&pattern, &fold(&shown(value)))
}

fn field<'r>(record: &'r Value, name: &str) -> Option<&'r Value> {
    name.split('.').try_fold(record, |value, part| value.get(part))
}

fn values(record: &Value, name: &str) -> Vec<Value> {
    match field(record, name) {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(value) => vec![value.clone()],
    }
}

fn texts(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::String(_) => found.push(value.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

fn item_holds(item: &Item, record: &Value) -> bool {
    let has = |word: &str| item.modifiers.split('|').any(|modifier| modifier == word);
    if has("exists") {
        return field(record, item.field).is_some() == item.values[0].as_bool().unwrap();
    }
    let mut there = Vec::new();
    match item.field {
        "" => texts(record, &mut there),
        name => there = values(record, name),
    }
    let absent = match field(record, item.field) {
        None => true,
        Some(Value::Array(items)) => items.iter().all(Value::is_null),
        Some(value) => value.is_null(),
    };
    let one = |wanted: &Value| match wanted {
        Value::Null => absent,
        wanted => there.iter().any(|value| fits(item, wanted, value, record)),
    };
    let holds = if has("all") { item.values.iter().all(one) } else { item.values.iter().any(one) };
    holds != has("neq")
}

fn rule_holds(rule: &Rule, record: &Value) -> bool {
    let search =
        |index: usize| rule.searches[index].iter().any(|map| map.iter().all(|item| item_holds(item, record)));
    let (s0, s1) = (search(0), search(1));
    match rule.condition {
        "s0" => s0,
        "not s0" => !s0,
        "s0 and s1" | "all of them" => s0 && s1,
        "s0 or not s1" => s0 || !s1,
        "s0 and not s1" => s0 && !s1,
        "1 of s*" => s0 || s1,
        "not (s0 or s1) or s0 and s1" => s0 == s1,
        other => panic!("{other}"),
    }
}

fn signal(record: &Value) -> Signal {
    Signal {
        at: Timestamp(0),
        weight: 1,
        origin: LogSource::default(),
        common: Common::default(),
        document: Document::parse(record.to_string().into()).unwrap(),
        threat: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn what_is_found_is_what_the_rules_say(
        rules in proptest::collection::vec(rule_of_items(), 1..8),
        records in proptest::collection::vec(record(), 1..8),
    ) {
        let mut sound: Vec<&Rule> = Vec::new();
        let mut files = Vec::new();
        for rule in &rules {
            let Some(text) = written(sound.len(), rule) else { continue };
            // Some chains and values are refused; a search that is not used is a mistake too.
            let text = match rule.condition {
                "s0" | "not s0" => text.split("  s1:").next().unwrap().to_owned() + &format!("  condition: {}\n", rule.condition),
                _ => text,
            };
            let file = (format!("r{}.yml", sound.len()), text);
            if rule::load(std::slice::from_ref(&file)).is_ok() {
                sound.push(rule);
                files.push(file);
            }
        }
        let set: Arc<RuleSet> = Arc::new(rule::load(&files).unwrap());
        let mut matcher = Matcher::new(set, Routing::Off, 8, 7);
        for record in &records {
            let mut found = Vec::new();
            matcher.find(&signal(record), &mut found);
            let holding = sound.iter().enumerate().filter(|(_, rule)| rule_holds(rule, record));
            let expected: Vec<u32> = holding.map(|(index, _)| index as u32).collect();
            prop_assert_eq!(found, expected, "{:?}\n{}", files, record);
        }
    }
}

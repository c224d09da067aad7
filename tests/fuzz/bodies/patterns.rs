//! Sigma: the compiled rules behind their index match what the definition says, no more and no less.

use std::fmt::Write as _;
use std::sync::Arc;

use quell::detect::{Matcher, Routing};
use quell::rule::load;
use quell::source::{Decoder, Format, Options};
use serde_json::{Map, Value, json};

use super::bytes::Bytes;
use super::naive::{Glob, field, fits, folded, globs, scalars, text_of, texts, within};
use super::rules::asked;

/// The bytes are decisions about rules and records.
pub fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let rules: Vec<Rule> = (0..1 + bytes.below(4)).map(|_| Rule::new(&mut bytes)).collect();
    let documents = rules.iter().zip(0..).map(|(rule, n)| rule.yaml(n));
    let text = documents.collect::<Vec<_>>().join("---\n");
    let Ok(set) = load(&[("rules/x.yml".to_owned(), text.clone())]) else { return };
    let set = Arc::new(set);
    let mut matchers =
        [Routing::Auto, Routing::Off].map(|routing| Matcher::new(Arc::clone(&set), routing, 8, 7));
    let mut decoder = Decoder::new(Format::Json, Options::default());
    for _ in 0..1 + bytes.below(4) {
        let record = record(&mut bytes);
        let line = Value::Object(record.clone()).to_string();
        let signal = decoder.decode(line.as_bytes()).expect("a record with a time");
        let expected: Vec<u32> = rules
            .iter()
            .zip(0..)
            .filter(|(rule, _)| rule.matches(&record))
            .map(|(_, number)| number)
            .collect();
        assert_eq!(asked(&set, &signal), expected, "{line}\n{text}");
        for matcher in &mut matchers {
            let mut found = Vec::new();
            matcher.find(&signal, &mut found);
            assert_eq!(found, expected, "by the index: {line}\n{text}");
        }
    }
}

const FIELDS: [&str; 6] = ["a", "b", "c.d", "c.d.e", "f", "a.b"];

const MODIFIERS: [&str; 28] = [
    "",
    "contains",
    "startswith",
    "endswith",
    "cased",
    "contains|cased",
    "cased|endswith",
    "contains|all",
    "all",
    "windash",
    "windash|contains",
    "windash|startswith",
    "contains|windash|all",
    "neq",
    "contains|neq",
    "all|neq",
    "lt",
    "lte",
    "gt",
    "gte",
    "cidr",
    "exists",
    "fieldref",
    "fieldref|contains",
    "fieldref|startswith",
    "null",
    "re",
    "re|i",
];

/// `field|modifiers: values`
struct Term {
    field: &'static str,
    modifiers: &'static str,
    values: Vec<Value>,
}

/// A search identifier.
enum Search {
    Every(Vec<Term>),
    Some(Vec<Vec<Term>>),
    Words(Vec<String>),
}

enum Condition {
    /// Joined by `and`, those by `or`; with `not` where it is so.
    Plain(Vec<Vec<(bool, usize)>>),
    /// `1 of` or `all of`, perhaps with `not`.
    Of { every: bool, them: bool, not: bool },
}

struct Rule {
    searches: Vec<Search>,
    condition: Condition,
}

fn text(bytes: &mut Bytes<'_>, of: &[&str], most: usize) -> String {
    (0..bytes.below(most + 1)).map(|_| *bytes.pick(of)).collect()
}

const PATTERN: [&str; 20] = [
    "a", "b", "A", "B", "*", "?", "\\", "\\*", "-", "/", "\u{2013}", "é", "É", "İ", "i", "1", " ", ".", "ß",
    "K",
];
const PLAIN: [&str; 20] = [
    "a", "b", "A", "B", "*", "?", "\\", "ab", "-", "/", "\u{2015}", "é", "É", "İ", "i\u{307}", "1", " ", ".",
    "ß", "\u{212a}",
];

fn value(bytes: &mut Bytes<'_>, modifiers: &str) -> Value {
    match modifiers {
        "lt" | "lte" | "gt" | "gte" => number(bytes),
        "cidr" => {
            (*bytes.pick(&["10.0.0.0/8", "10.1.0.0/15", "0.0.0.0/0", "2001:db8::/33", "::/0", "10.1.2.3/32"]))
                .into()
        }
        "exists" => (bytes.below(2) == 0).into(),
        "null" => Value::Null,
        "re" | "re|i" => text(bytes, &["a", "b", "A", "é", "1", " "], 3).into(),
        _ if modifiers.starts_with("fieldref") => (*bytes.pick(&FIELDS)).into(),
        _ if bytes.rarely(6) => number(bytes),
        _ => text(bytes, &PATTERN, 6).into(),
    }
}

fn number(bytes: &mut Bytes<'_>) -> Value {
    bytes
        .pick(&[
            json!(0),
            json!(1),
            json!(-1),
            json!(11),
            json!(2.5),
            json!(1e20),
            json!(u64::MAX),
            json!(-0.0),
        ])
        .clone()
}

impl Rule {
    fn new(bytes: &mut Bytes<'_>) -> Rule {
        let searches: Vec<Search> = (0..1 + bytes.below(3)).map(|_| Search::new(bytes)).collect();
        let condition = if bytes.rarely(3) {
            Condition::Of { every: bytes.rarely(2), them: bytes.rarely(2), not: bytes.rarely(4) }
        } else {
            // Every one is used, else the rule is refused.
            let mut alternatives = vec![vec![]];
            for number in 0..searches.len() {
                if number > 0 && bytes.rarely(2) {
                    alternatives.push(vec![]);
                }
                let not = bytes.rarely(4);
                alternatives.last_mut().expect("there is one").push((not, number));
            }
            Condition::Plain(alternatives)
        };
        Rule { searches, condition }
    }

    fn yaml(&self, number: usize) -> String {
        let mut yaml = format!("title: Rule {number}\nname: rule-{number}\nlevel: low\ndetection:\n");
        for (search, n) in self.searches.iter().zip(0..) {
            let body = match search {
                Search::Every(terms) => every_yaml(terms),
                Search::Some(maps) => {
                    format!("[{}]", maps.iter().map(|terms| every_yaml(terms)).collect::<Vec<_>>().join(", "))
                }
                Search::Words(words) => json!(words).to_string(),
            };
            writeln!(yaml, "  s{n}: {body}").expect("a text takes everything");
        }
        let condition = match &self.condition {
            Condition::Of { every, them, not } => format!(
                "{}{} of {}",
                if *not { "not " } else { "" },
                if *every { "all" } else { "1" },
                if *them { "them" } else { "s*" }
            ),
            Condition::Plain(alternatives) => {
                let name = |(not, n): &(bool, usize)| format!("{}s{n}", if *not { "not " } else { "" });
                let all = |parts: &Vec<_>| parts.iter().map(name).collect::<Vec<_>>().join(" and ");
                alternatives.iter().map(all).collect::<Vec<_>>().join(" or ")
            }
        };
        writeln!(yaml, "  condition: {condition}").expect("a text takes everything");
        yaml
    }

    fn matches(&self, record: &Map<String, Value>) -> bool {
        let mut each = self.searches.iter().map(|search| search.matches(record));
        match &self.condition {
            Condition::Of { every: true, not, .. } => each.all(|matches| matches) != *not,
            Condition::Of { every: false, not, .. } => each.any(|matches| matches) != *not,
            Condition::Plain(alternatives) => {
                let each: Vec<bool> = each.collect();
                alternatives.iter().any(|parts| parts.iter().all(|(not, n)| each[*n] != *not))
            }
        }
    }
}

fn every_yaml(terms: &[Term]) -> String {
    let term = |term: &Term| {
        let modifiers = term.modifiers.strip_prefix("null").unwrap_or(term.modifiers);
        let bar = if modifiers.is_empty() { "" } else { "|" };
        let key = json!(format!("{}{bar}{modifiers}", term.field));
        match term.values.as_slice() {
            [value] => format!("{key}: {value}"),
            values => format!("{key}: {}", json!(values)),
        }
    };
    format!("{{{}}}", terms.iter().map(term).collect::<Vec<_>>().join(", "))
}

impl Search {
    fn new(bytes: &mut Bytes<'_>) -> Search {
        match bytes.below(4) {
            0 => Search::Some((0..1 + bytes.below(2)).map(|_| terms(bytes)).collect()),
            1 => Search::Words(
                (0..1 + bytes.below(3)).map(|_| "a".to_owned() + &text(bytes, &PATTERN, 3)).collect(),
            ),
            _ => Search::Every(terms(bytes)),
        }
    }

    fn matches(&self, record: &Map<String, Value>) -> bool {
        match self {
            Search::Every(terms) => terms.iter().all(|term| term.matches(record)),
            Search::Some(maps) => maps.iter().any(|terms| terms.iter().all(|term| term.matches(record))),
            Search::Words(words) => {
                let mut all = vec![];
                record.values().for_each(|value| texts(value, &mut all));
                let inside = |word: &String| [vec![Glob::Any], globs(word), vec![Glob::Any]].concat();
                words.iter().any(|word| all.iter().any(|text| fits(&inside(word), text, false, false)))
            }
        }
    }
}

fn terms(bytes: &mut Bytes<'_>) -> Vec<Term> {
    let mut terms: Vec<Term> = vec![];
    for _ in 0..1 + bytes.below(2) {
        let (field, modifiers) = (*bytes.pick(&FIELDS), *bytes.pick(&MODIFIERS));
        let most = match modifiers {
            "exists" | "null" => 1,
            _ if modifiers.contains("all") => 2,
            _ => 1 + bytes.below(3),
        };
        let term = Term { field, modifiers, values: (0..most).map(|_| value(bytes, modifiers)).collect() };
        // No key comes twice.
        if !terms.iter().any(|other| other.field == field && other.modifiers == modifiers) {
            terms.push(term);
        }
    }
    terms
}

impl Term {
    fn has(&self, modifier: &str) -> bool {
        self.modifiers.split('|').any(|own| own == modifier)
    }

    fn matches(&self, record: &Map<String, Value>) -> bool {
        let there = field(record, self.field);
        if self.has("exists") {
            return there.is_some() == (self.values == [json!(true)]);
        }
        if self.has("null") {
            let filled = |value: &Value| match value {
                Value::Null => false,
                Value::Array(items) => items.iter().any(|item| !item.is_null()),
                Value::Object(map) => !map.is_empty(),
                _ => true,
            };
            return !there.unwrap_or_default().iter().any(filled);
        }
        let values: Vec<Value> =
            scalars(&there.unwrap_or_default()).into_iter().filter(|value| !value.is_null()).collect();
        let mut holds =
            self.values.iter().map(|wanted| values.iter().any(|value| self.passes(value, wanted, record)));
        let found = if self.has("all") { holds.all(|holds| holds) } else { holds.any(|holds| holds) };
        found != self.has("neq")
    }

    fn passes(&self, value: &Value, wanted: &Value, record: &Map<String, Value>) -> bool {
        let number = |value: &Value| match value {
            Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            other => other.as_f64(),
        };
        let limit = || wanted.as_f64().expect("a number");
        match self.modifiers {
            "lt" => return number(value).is_some_and(|n| n < limit()),
            "lte" => return number(value).is_some_and(|n| n <= limit()),
            "gt" => return number(value).is_some_and(|n| n > limit()),
            "gte" => return number(value).is_some_and(|n| n >= limit()),
            "cidr" => return within(&text_of(wanted), &text_of(value)).expect("a network"),
            "re" => return text_of(value).contains(&text_of(wanted)),
            "re|i" => return text_of(value).to_lowercase().contains(&text_of(wanted).to_lowercase()),
            _ => {}
        }
        let (cased, dashes) = (self.has("cased"), self.has("windash"));
        if self.has("fieldref") {
            let fold = |text: String| text.chars().flat_map(|c| folded(c, cased, false)).collect::<String>();
            let value = fold(text_of(value));
            let others = scalars(&field(record, &text_of(wanted)).unwrap_or_default());
            let others = others.iter().filter(|other| !other.is_null()).map(|other| fold(text_of(other)));
            return others.into_iter().any(|other| match self.modifiers {
                "fieldref|contains" => value.contains(&other),
                "fieldref|startswith" => value.starts_with(&other),
                _ => value == other,
            });
        }
        let mut pattern = globs(&text_of(wanted));
        if self.has("contains") || self.has("endswith") {
            pattern.insert(0, Glob::Any);
        }
        if self.has("contains") || self.has("startswith") {
            pattern.push(Glob::Any);
        }
        fits(&pattern, &text_of(value), cased, dashes)
    }
}

/// A record with some of the fields that the rules name.
fn record(bytes: &mut Bytes<'_>) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("time".into(), 1.into());
    for name in ["a", "b", "c", "f", "a.b", "c.d"] {
        if !bytes.rarely(3) {
            record.insert(name.into(), any(bytes, 3));
        }
    }
    record
}

fn any(bytes: &mut Bytes<'_>, depth: usize) -> Value {
    match bytes.below(if depth == 0 { 8 } else { 14 }) {
        0..=4 => text(bytes, &PLAIN, 6).into(),
        5 => number(bytes),
        6 => bytes.pick(&[json!(null), json!(true), json!(false)]).clone(),
        7 => (*bytes.pick(&["10.1.2.3", "11.0.0.1", "2001:db8::1", "::ffff:10.1.2.3", "1", " 2.5 ", "inf"]))
            .into(),
        8 | 9 => (0..bytes.below(4)).map(|_| any(bytes, depth - 1)).collect(),
        _ => {
            let keys = ["d", "e", "b"].into_iter().take(bytes.below(4));
            Value::Object(keys.map(|key| (key.to_owned(), any(bytes, depth - 1))).collect())
        }
    }
}

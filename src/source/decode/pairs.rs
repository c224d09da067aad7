//! `key=value` pairs, as logfmt, the kernel's firewall, PAM and many appliances write them.
//!
//! A value is a word, or is quoted; in quotes `\"`, `\\`, `\n`, `\r` and `\t` are escapes, and nothing
//! else ends the value. Who writes a log often repeats what strangers say. So a key that is there twice
//! with different values fills no common field: which of them the program meant cannot be told.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::{Options, Undecodable, json, time};
use crate::model::{Common, Document, Field, LogSource, Signal, Timestamp};

/// Pairs of one line, at most; what follows is text.
const MOST: usize = 128;

/// Keys that hold the time of a line, the first that is there counts.
const TIME: &[&str] = &["time", "ts", "timestamp", "t", "date", "datetime", "eventtime"];

/// Keys that stand for a common field, beside those that JSON has.
const ALIASES: &[(&str, &str)] = &[
    ("src", "source_ip"),
    ("srcip", "source_ip"),
    ("SRC", "source_ip"),
    ("saddr", "source_ip"),
    ("rhost", "source_ip"),
    ("remote_addr", "source_ip"),
    ("client_ip", "source_ip"),
    ("spt", "source_port"),
    ("SPT", "source_port"),
    ("sport", "source_port"),
    ("srcport", "source_port"),
    ("dst", "destination_ip"),
    ("dstip", "destination_ip"),
    ("DST", "destination_ip"),
    ("daddr", "destination_ip"),
    ("dpt", "destination_port"),
    ("DPT", "destination_port"),
    ("dport", "destination_port"),
    ("dstport", "destination_port"),
    ("acct", "user"),
    ("suser", "user"),
    ("duser", "user"),
    ("srcuser", "user"),
    ("shost", "host"),
    ("devname", "host"),
    ("comm", "process"),
    ("exe", "process"),
    ("app", "service"),
    ("sentbyte", "bytes_out"),
    ("rcvdbyte", "bytes_in"),
    ("action", "outcome"),
    ("act", "outcome"),
    ("result", "outcome"),
    ("res", "outcome"),
];

/// A pair: both as byte ranges of the text, the value with its escapes if it has some.
#[derive(Debug, PartialEq)]
struct Pair {
    key: Range<usize>,
    value: Range<usize>,
    escaped: bool,
}

/// The pairs of a text, in order. What is none is skipped.
fn pairs(text: &str) -> Vec<Pair> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(equals) = memchr::memchr(b'=', bytes.get(from..).unwrap_or_default()).map(|at| from + at) {
        let start = bytes.get(from..equals).unwrap_or_default().iter().rposition(|b| !is_key(*b));
        let key = start.map_or(from, |at| from + at + 1)..equals;
        let value = value(bytes, equals + 1);
        from = value.next;
        // A key begins a word: `a.b?c=d` is a piece of something else.
        let begins = key.start == 0
            || bytes.get(key.start - 1).is_some_and(|b| b.is_ascii_whitespace() || b"[({,;|'\"".contains(b));
        if key.is_empty() || !begins {
            continue;
        }
        if found.len() == MOST {
            break;
        }
        found.push(Pair { key, value: value.range, escaped: value.escaped });
    }
    found
}

fn is_key(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@')
}

struct Value {
    range: Range<usize>,
    escaped: bool,
    /// Where to look for the next pair.
    next: usize,
}

fn value(bytes: &[u8], start: usize) -> Value {
    let plain = |start: usize| {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let kept = length - word.iter().rev().take_while(|b| b",;".contains(b)).count();
        Value { range: start..start + kept, escaped: false, next: start + length }
    };
    if bytes.get(start) != Some(&b'"') {
        return plain(start);
    }
    let (mut at, mut escaped) = (start + 1, false);
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' => return Value { range: start + 1..at, escaped, next: at + 1 },
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    // The quote never ends: nothing after it is a pair.
    Value { range: start + 1..bytes.len(), escaped, next: bytes.len() }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, (c == '\\').then(|| chars.next()).flatten()) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('r')) => plain.push('\r'),
            ('\\', Some('t')) => plain.push('\t'),
            ('\\', Some(other @ ('"' | '\\'))) => plain.push(other),
            ('\\', Some(other)) => plain.extend(['\\', other]),
            (other, _) => plain.push(other),
        }
    }
    plain
}

/// Adds the pairs of a message to a document whose line has it from byte `start` on; says which common
/// fields they fill.
pub fn of_message(message: &str, start: usize, document: &mut Document) -> Common {
    let text = |range: &Range<usize>| message.get(range.clone()).unwrap_or_default();
    for pair in pairs(message) {
        let (key, value) = (text(&pair.key), text(&pair.value));
        match whole_number(value) {
            Some(number) => document.push_number(key, number),
            None if pair.escaped => document.push_text(key, &unescaped(value)),
            None => document.push_range(key, start + pair.value.start..start + pair.value.end),
        }
    }
    common(document)
}

/// A number whose text is the number again.
fn whole_number(text: &str) -> Option<u64> {
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { text.parse().ok() } else { None }
}

/// What the pairs fill. A name of a common field, or of JSON, comes over those that only pairs have.
fn common(document: &Document) -> Common {
    let mut common = Common::default();
    let sure = |key: &str, field: Field<'_>| {
        let scalar = field.scalar();
        document.fields().all(|(other, value)| other != key || value.scalar() == scalar)
    };
    for (key, field) in document.fields() {
        if sure(key, field) {
            json::fill(&mut common, key, field);
        }
    }
    for (key, field) in document.fields() {
        let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == key) else { continue };
        let missing = crate::model::CommonField::named(name).is_some_and(|name| common.get(name).is_none());
        if missing && sure(key, field) {
            json::fill(&mut common, name, field);
        }
    }
    // A stranger's word for it is none.
    common.proven = None;
    common
}

/// The time of a line: one field, or the date in one and the clock in another.
fn time_of(document: &Document, options: &Options) -> Result<Timestamp, Undecodable> {
    let text = |key: &str| document.get(key).and_then(Field::str);
    if let (Some(date), Some(clock)) = (text("date"), text("time"))
        && let Some(at) = time::of_text(&format!("{date}T{clock}"), &options.tz)
    {
        return Ok(at);
    }
    let field = TIME.iter().find_map(|key| document.get(key)).ok_or(Undecodable::NoTime)?;
    time::of_field(field, &options.tz)
}

/// Decodes a line of pairs, of which one has the time.
pub fn decode(line: &str, options: &Options) -> Result<Signal, Undecodable> {
    let mut document = Document::of_line(Arc::from(line));
    let common = of_message(line, 0, &mut document);
    if document.fields().next().is_none() {
        return Err(Undecodable::NotPairs);
    }
    let at = time_of(&document, options)?;
    let word = |key: &str| match document.get(key).and_then(Field::str) {
        Some(text) => Cow::Owned(text.to_owned()),
        None => Cow::Borrowed(""),
    };
    let origin = LogSource {
        product: word("product"),
        service: word("service"),
        also: Cow::Borrowed(""),
        category: word("category"),
    };
    Ok(Signal { at, weight: 1, origin, common, document, threat: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut document = Document::of_line(Arc::from(text));
        of_message(text, 0, &mut document);
        serde_json::to_string(&document.to_map()).unwrap()
    }

    fn filled(text: &str) -> String {
        let common = of_message(text, 0, &mut Document::of_line(Arc::from(text)));
        serde_json::to_string(&common.to_map()).unwrap()
    }

    #[test]
    fn pairs_are_found_where_they_begin_a_word() {
        for (text, expected) in [
            ("a=1 b=two", r#"{"a":1,"b":"two"}"#),
            (r#"a="x y" b="say \"hi\"\n""#, r#"{"a":"x y","b":"say \"hi\"\n"}"#),
            ("a= b=2", r#"{"a":"","b":2}"#),
            ("a=007 b=0 c=-1", r#"{"a":"007","b":0,"c":"-1"}"#),
            ("text, then a=1, b=2; (c=3)", r#"{"a":1,"b":2,"c":"3)"}"#),
            ("GET /?q=1&a=2 HTTP", "{}"),
            ("= == a==b", r#"{"a":"=b"}"#),
            ("a=\"never ends b=2", r#"{"a":"never ends b=2"}"#),
            ("no pairs here", "{}"),
            ("é=1 x=é", r#"{"x":"é"}"#),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let many = "k=1 ".repeat(10_000);
        assert_eq!(pairs(&many).len(), MOST);
    }

    #[test]
    fn common_fields_are_filled() {
        for (text, expected) in [
            (
                "[UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.7 DST=198.51.100.2 LEN=40 PROTO=TCP SPT=4711 DPT=22 SYN",
                r#"{"destination_ip":"198.51.100.2","destination_port":22,"source_ip":"192.0.2.7","source_port":4711}"#,
            ),
            (
                "pam_unix(su:auth): authentication failure; logname=a uid=0 tty=/dev/pts/0 ruser=a rhost=192.0.2.7  user=root",
                r#"{"source_ip":"192.0.2.7","user":"root"}"#,
            ),
            (
                r#"srcip=192.0.2.7 srcport=1 dstip=192.0.2.8 dstport=443 action="deny" sentbyte=5 rcvdbyte=7"#,
                r#"{"bytes_in":7,"bytes_out":5,"destination_ip":"192.0.2.8","destination_port":443,"outcome":"deny","source_ip":"192.0.2.7","source_port":1}"#,
            ),
            ("source_ip=192.0.2.1 src=192.0.2.2", r#"{"source_ip":"192.0.2.1"}"#),
            ("src=nowhere spt=70000 proven=true", "{}"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn a_stranger_cannot_put_a_value_in_the_place_of_another() {
        for (text, expected) in [
            // Quoted as it should be: it is one value.
            (
                r#"user="x\" src=10.0.0.1 y=\"" src=192.0.2.7"#,
                r#"{"source_ip":"192.0.2.7","user":"x\" src=10.0.0.1 y=\""}"#,
            ),
            // Not quoted: two values, and nobody knows which was meant.
            ("user=x src=10.0.0.1 src=192.0.2.7", r#"{"user":"x"}"#),
            ("src=192.0.2.7 user=x src=10.0.0.1", r#"{"user":"x"}"#),
            ("src=192.0.2.7 agent=\"a\" src=10.0.0.1 b=\"\"", "{}"),
            ("src=192.0.2.7 src=192.0.2.7", r#"{"source_ip":"192.0.2.7"}"#),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_pairs_have_their_time() {
        let at = |line: &str| match decode(line, &Options::default()) {
            Ok(signal) => signal.at.to_string(),
            Err(error) => error.to_string(),
        };
        for (line, expected) in [
            ("ts=1773482400.5 msg=x", "2026-03-14T10:00:00.500000Z"),
            ("time=\"2026-03-14T10:00:00+01:00\" level=info", "2026-03-14T09:00:00.000000Z"),
            ("date=2026-03-14 time=10:00:00 devname=fw", "2026-03-14T10:00:00.000000Z"),
            ("level=info msg=x", "the record has no field with a time, such as `timestamp`"),
            ("hello", "no `key=value` pairs in the line"),
            ("time=soon", "expected a time, found `soon`"),
        ] {
            assert_eq!(at(line), expected, "{line}");
        }
    }
}

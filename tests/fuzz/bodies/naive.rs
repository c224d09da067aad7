//! Sigma by its definition: slow, plain, over JSON values, without an index.
//! <https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html>

use std::net::IpAddr;

use serde_json::{Map, Value};

/// A value as it is compared.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(n), ..) => n.to_string(),
            (_, Some(n), _) => n.to_string(),
            (.., n) => n.unwrap_or_default().to_string(),
        },
        other => other.to_string(),
    }
}

/// The values of a field: its own, or along the path of its dots; those of a list one by one. `None` if it is
/// not there.
pub fn field(record: &Map<String, Value>, name: &str) -> Option<Vec<Value>> {
    if let Some(value) = record.get(name) {
        return Some(vec![value.clone()]);
    }
    let (first, rest) = name.split_once('.')?;
    let found = along(record.get(first)?, rest);
    (!found.is_empty()).then_some(found)
}

fn along(value: &Value, path: &str) -> Vec<Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let step = |inner: &Value| match rest {
        Some(rest) => along(inner, rest),
        None => vec![inner.clone()],
    };
    match value {
        Value::Object(map) => map.get(first).map(step).unwrap_or_default(),
        Value::Array(items) => {
            let inner = items.iter().filter_map(|item| item.as_object()?.get(first));
            inner.flat_map(step).collect()
        }
        _ => vec![],
    }
}

/// The single values among these: lists are taken apart once, objects are none.
pub fn scalars(values: &[Value]) -> Vec<Value> {
    let each = values.iter().flat_map(|value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    });
    each.filter(|value| !value.is_array() && !value.is_object()).collect()
}

/// Every text of a record, at any depth.
pub fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(map) => map.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}

/// A character of a pattern.
#[derive(Clone, Copy, PartialEq)]
pub enum Glob {
    Any,
    One,
    Char(char),
}

/// Reads wildcards and escapes.
pub fn globs(text: &str) -> Vec<Glob> {
    let mut globs = vec![];
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let escaped = chars.get(at + 1).filter(|next| chars[at] == '\\' && "*?\\".contains(**next));
        globs.push(match (chars[at], escaped) {
            (_, Some(next)) => Glob::Char(*next),
            ('*', _) => Glob::Any,
            ('?', _) => Glob::One,
            (c, _) => Glob::Char(c),
        });
        at += 1 + usize::from(escaped.is_some());
    }
    globs
}

/// How a character is compared.
pub fn folded(c: char, cased: bool, dashes: bool) -> Vec<char> {
    match c {
        '-' | '/' | '\u{2013}' | '\u{2014}' | '\u{2015}' if dashes => vec!['-'],
        c if cased => vec![c],
        c => c.to_lowercase().collect(),
    }
}

/// Whether a value fits, by the table of all prefixes.
pub fn fits(globs: &[Glob], value: &str, cased: bool, dashes: bool) -> bool {
    let value: Vec<char> = value.chars().flat_map(|c| folded(c, cased, dashes)).collect();
    let mut row: Vec<bool> = (0..=value.len()).map(|n| n == 0).collect();
    let mut step = |glob: Glob| {
        let before = row.clone();
        row = (0..=value.len())
            .map(|n| match glob {
                Glob::Any => before[..=n].iter().any(|fits| *fits),
                Glob::One => n > 0 && before[n - 1],
                Glob::Char(c) => n > 0 && before[n - 1] && value[n - 1] == c,
            })
            .collect();
    };
    for glob in globs {
        match glob {
            Glob::Char(c) => folded(*c, cased, dashes).into_iter().for_each(|c| step(Glob::Char(c))),
            other => step(*other),
        }
    }
    row[value.len()]
}

/// Whether an address lies in a network, bit by bit.
pub fn within(network: &str, address: &str) -> Option<bool> {
    let (base, len) = network.split_once('/')?;
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).rev().map(move |n| octet >> n & 1 == 1)).collect()
    };
    let base = bits(base.parse().ok()?);
    let len: usize = len.parse().ok().filter(|len| *len <= base.len())?;
    let Ok(address) = address.parse::<IpAddr>() else { return Some(false) };
    let address = bits(address.to_canonical());
    Some(address.len() == base.len() && address[..len] == base[..len])
}

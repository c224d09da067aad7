//! `protected` in the settings: what is never acted against, beside what the machine says.

use std::sync::Arc;

use crate::engine::protect::{Entry, Guarded, Origin};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Entry as Pair, Node};
use crate::model::{Timestamp, ValueType};

const WHAT: [&str; 4] = ["address", "user", "host", "interface"];
const KEYS: [&str; 6] = ["address", "user", "host", "interface", "reason", "until"];
/// Entries that are read.
const MOST: usize = 10_000;
/// Bytes of the name of an interface (Linux, IFNAMSIZ with its end).
const INTERFACE: usize = 15;

/// Reads the list.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Entry> {
    let items = reader.items(node, "what is protected");
    if items.len() > MOST {
        reader.wrong(node.at, Fault::new(format!("more than {MOST} entries")).hint("use prefixes"));
    }
    items.iter().take(MOST).filter_map(|item| entry(reader, item)).collect()
}

fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<Entry> {
    let pairs = reader.mapping(node, "an entry of `protected`", &KEYS, &[])?;
    let what: Vec<&Pair> = pairs.iter().filter(|pair| WHAT.contains(&pair.key.as_str())).collect();
    let [pair] = what[..] else {
        let message = format!("an entry protects one thing: {}; found {}", WHAT.join(", "), what.len());
        reader.wrong(node.at, Fault::new(message).hint("make an entry of each"));
        return None;
    };
    let reason = reader.required(node, "reason", "the entry");
    let reason = reason.and_then(|node| reader.line(node, "a reason"));
    let until = node.get("until").map(|node| until(reader, node));
    let what = guarded(reader, pair)?;
    // Without its end it would be protected for ever.
    let until = match until {
        Some(None) => return None,
        until => until.flatten(),
    };
    Some(Entry { what, origin: Origin::Settings, reason: Arc::from(reason?), until })
}

fn guarded(reader: &mut Reader<'_>, Pair { key, value, .. }: &Pair) -> Option<Guarded> {
    let text = reader.text(value, &format!("the {key}"))?;
    let wrong = |reader: &mut Reader<'_>, fault: Fault| {
        reader.wrong(value.at, fault);
        None
    };
    match key.as_str() {
        "address" => match text.parse() {
            Ok(prefix) => Some(Guarded::Net(prefix)),
            Err(why) => wrong(reader, Fault::new(why.to_string())),
        },
        "interface" => {
            let good = !text.is_empty()
                && text.len() <= INTERFACE
                && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
            match good {
                true => Some(Guarded::Interface(Arc::from(text))),
                false => wrong(
                    reader,
                    Fault::new(format!("expected the name of an interface, at most {INTERFACE} long")),
                ),
            }
        }
        user_or_host => {
            let user = user_or_host == "user";
            let kind = if user { ValueType::User } else { ValueType::Host };
            match kind.check(&text.into()) {
                Ok(()) if user => Some(Guarded::user(text)),
                Ok(()) => Some(Guarded::host(text)),
                Err(why) => wrong(reader, Fault::new(why)),
            }
        }
    }
}

fn until(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    let text = reader.text(node, "a time")?;
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(Timestamp(time.as_microsecond())),
        Err(_) => {
            let fault = Fault::new("expected a time with its zone, as RFC 3339 writes it");
            reader.wrong(node.at, fault.hint("for example 2026-12-31T00:00:00Z"));
            None
        }
    }
}

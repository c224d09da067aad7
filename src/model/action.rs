//! What an agent is asked to do, with every placeholder resolved.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Args, Span, Value};

/// One action, ready to be performed: no placeholder is left and every argument has its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The action's name in its agent's catalogue, for example `block_source_ip`.
    pub name: Arc<str>,
    /// Arguments by name.
    #[serde(rename = "with", default, skip_serializing_if = "Args::is_empty")]
    pub args: Args,
    /// What it acts on: the value of the argument that the catalogue names as target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Arc<str>>,
    /// Whether doing it twice under one key equals doing it once.
    #[serde(default)]
    pub idempotent: bool,
    /// Whether its agent can be asked whether its effect is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
    /// What a person is asked to do, where a person does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Arc<str>>,
    /// How long its effect is to last, counted from its success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
}

/// The type of an argument (C25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ValueType {
    Ipv4,
    Ipv6,
    Address,
    Prefix,
    Port,
    User,
    Host,
    Path,
    Number,
    Duration,
    Text,
}

impl ValueType {
    /// Every type with its word in setup files.
    pub const ALL: &[(ValueType, &str)] = &[
        (ValueType::Ipv4, "ipv4"),
        (ValueType::Ipv6, "ipv6"),
        (ValueType::Address, "address"),
        (ValueType::Prefix, "prefix"),
        (ValueType::Port, "port"),
        (ValueType::User, "user"),
        (ValueType::Host, "host"),
        (ValueType::Path, "path"),
        (ValueType::Number, "number"),
        (ValueType::Duration, "duration"),
        (ValueType::Text, "text"),
    ];

    /// Its word in setup files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(t, _)| *t == self).map_or("text", |(_, name)| name)
    }

    /// Whether a value has this type. The error says what was expected and what was found.
    /// Control characters and a leading `-` are refused in every type but `text` and `number`;
    /// `text` allows line breaks and a leading `-`, since it is never an argument by itself.
    pub fn check(self, value: &Value) -> Result<(), String> {
        let found = || format!("expected {}, found {}", self.described(), short(value));
        let ok = match (self, value) {
            (ValueType::Number, Value::Number(_)) => true,
            (ValueType::Port, Value::Number(n)) => n.as_u64().is_some_and(|n| n <= 65_535),
            (_, Value::String(text)) => self.fits(text),
            _ => false,
        };
        if ok { Ok(()) } else { Err(found()) }
    }

    /// The value in the form that this type has in an action: digits written as text become a number
    /// where a number is meant, and a number or boolean becomes its text where text is meant. An address
    /// gets its one canonical spelling, so that equal targets are equal texts: RFC 5952, and an IPv4
    /// address that is mapped into IPv6 is the IPv4 address.
    ///
    /// # Errors
    /// As [`ValueType::check`].
    pub fn fit(self, value: Value) -> Result<Value, String> {
        let value = match (self, value) {
            (ValueType::Number | ValueType::Port, Value::String(text)) => number(text),
            (ValueType::Text | ValueType::User | ValueType::Host, Value::Number(n)) => {
                Value::String(n.to_string())
            }
            (ValueType::Text, Value::Bool(flag)) => Value::String(flag.to_string()),
            (ValueType::Address, Value::String(text)) => canonical(text),
            (_, value) => value,
        };
        self.check(&value)?;
        Ok(value)
    }

    fn fits(self, text: &str) -> bool {
        let word = !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with('-')
            && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        match self {
            ValueType::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            ValueType::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            ValueType::Address => text.parse::<IpAddr>().is_ok(),
            ValueType::Prefix => prefix(text),
            ValueType::Port => text.parse::<u16>().is_ok() && text.bytes().all(|b| b.is_ascii_digit()),
            ValueType::User | ValueType::Host => word && !text.contains('/'),
            ValueType::Path => {
                text.starts_with('/') && text.len() <= 4096 && !text.chars().any(char::is_control)
            }
            ValueType::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
            ValueType::Duration => text.parse::<Span>().is_ok(),
            ValueType::Text => {
                text.len() <= 64 * 1024 && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
            }
        }
    }

    fn described(self) -> &'static str {
        match self {
            ValueType::Ipv4 => "an IPv4 address",
            ValueType::Ipv6 => "an IPv6 address",
            ValueType::Address => "an IP address",
            ValueType::Prefix => "an IP prefix such as 10.0.0.0/8",
            ValueType::Port => "a port (0 to 65535)",
            ValueType::User => "a user name",
            ValueType::Host => "a host name",
            ValueType::Path => "an absolute path",
            ValueType::Number => "a number",
            ValueType::Duration => "a duration such as 30s or 1h",
            ValueType::Text => "text without control characters, at most 64 KiB",
        }
    }
}

/// The number that a text writes, else the text.
fn number(text: String) -> Value {
    let whole = text.parse::<i64>().ok().map(Value::from);
    let number = whole.or_else(|| text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from));
    number.unwrap_or(Value::String(text))
}

fn canonical(text: String) -> Value {
    let address: Option<IpAddr> = text.parse().ok();
    Value::String(address.map_or(text, |address| address.to_canonical().to_string()))
}

fn prefix(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return text.parse::<IpAddr>().is_ok() };
    let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    match (address.parse::<IpAddr>(), bits.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(bits)) => digits && bits <= 32,
        (Ok(IpAddr::V6(_)), Ok(bits)) => digits && bits <= 128,
        _ => false,
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ValueType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(t, _)| *t).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(_, name)| *name).collect();
            format!("expected a type: one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_take_the_form_of_their_type() {
        use ValueType::*;
        for (kind, value, fitted) in [
            (Port, json!("22"), Some(json!(22))),
            (Port, json!("70000"), None),
            (Number, json!("1.5"), Some(json!(1.5))),
            (Number, json!("-3"), Some(json!(-3))),
            (Number, json!("nan"), None),
            (Text, json!(12), Some(json!("12"))),
            (Text, json!(true), Some(json!("true"))),
            (Text, json!([1]), None),
            (User, json!(1000), Some(json!("1000"))),
            (Address, json!("192.0.2.1"), Some(json!("192.0.2.1"))),
            (Address, json!("::ffff:192.0.2.1"), Some(json!("192.0.2.1"))),
            (Address, json!("2001:DB8:0:0::1"), Some(json!("2001:db8::1"))),
            (Address, json!("192.0.2.1 "), None),
            (Address, json!(1), None),
        ] {
            assert_eq!(kind.fit(value.clone()).ok(), fitted, "{kind} {value}");
        }
    }

    #[test]
    fn values_are_checked_against_their_type() {
        use ValueType::*;
        let good = [
            (Ipv4, json!("192.0.2.1")),
            (Ipv6, json!("2001:db8::1")),
            (Address, json!("::1")),
            (Prefix, json!("10.0.0.0/8")),
            (Prefix, json!("10.0.0.1")),
            (Port, json!(22)),
            (Port, json!("65535")),
            (User, json!("alice")),
            (Path, json!("/var/lib/quell")),
            (Number, json!(1.5)),
            (Duration, json!("1h")),
            (Text, json!("two\nlines - ok")),
        ];
        for (kind, value) in good {
            assert_eq!(kind.check(&value), Ok(()), "{kind} {value}");
        }
        let bad = [
            (Ipv4, json!("192.0.2.256")),
            (Ipv4, json!("2001:db8::1")),
            (Prefix, json!("10.0.0.0/33")),
            (Prefix, json!("10.0.0.0/+8")),
            (Port, json!(70_000)),
            (Port, json!(-1)),
            (User, json!("-rf")),
            (User, json!("a b")),
            (User, json!("")),
            (Host, json!("../etc")),
            (Path, json!("relative")),
            (Number, json!("inf")),
            (Duration, json!("soon")),
            (Text, json!("bell\u{7}")),
            (Text, json!(5)),
            (Ipv4, json!(null)),
        ];
        for (kind, value) in bad {
            assert!(kind.check(&value).is_err(), "{kind} {value}");
        }
    }
}

//! What an action acts on: its typed values, as the protected set compares them.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::Prefix;
use crate::model::{Action, Value, ValueType};

/// One thing that an action acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// An address or a prefix.
    Net(Prefix),
    /// A user, by name or by number.
    User(&'a str),
    /// A host, by name.
    Host(&'a str),
    /// A network interface.
    Interface(&'a str),
}

/// Everything that an action acts on: every argument that is an address, a prefix, a user or a host,
/// and the argument that its catalogue names as its target, whatever type that has. A target without
/// one of these types is compared as all of them, word by word. Interfaces have no type of their own:
/// any text that is the name of one counts.
///
/// # Errors
/// A value is not of its type: then nothing can be said of it, and it must not be acted on.
pub fn targets<'a>(
    action: &'a Action,
    takes: &[(Arc<str>, ValueType)],
    target: Option<&str>,
) -> Result<Vec<Target<'a>>, String> {
    let kind_of = |name: &str| takes.iter().find(|(taken, _)| **taken == *name).map(|(_, kind)| *kind);
    let mut found = Vec::new();
    for (name, value) in action.args.iter() {
        let text = value.as_str();
        let unclear = || format!("`{name}` of `{}` cannot be compared with what is protected", action.name);
        match kind_of(name) {
            Some(ValueType::Ipv4 | ValueType::Ipv6 | ValueType::Address | ValueType::Prefix) => {
                let prefix = text.and_then(|text| text.parse().ok());
                found.push(Target::Net(prefix.ok_or_else(unclear)?));
            }
            Some(ValueType::User) => found.push(Target::User(text.ok_or_else(unclear)?)),
            Some(ValueType::Host) => host(text.ok_or_else(unclear)?, &mut found),
            Some(ValueType::Port | ValueType::Duration | ValueType::Path) => {}
            Some(ValueType::Number | ValueType::Text) | None => match (text, value) {
                (Some(text), _) if target == Some(name) => any(text, &mut found),
                (Some(text), _) => found.push(Target::Interface(text)),
                (None, Value::Number(_) | Value::Bool(_)) => {}
                (None, _) => return Err(unclear()),
            },
        }
    }
    let Some(text) = &action.target else { return Ok(found) };
    let given = target.and_then(|target| Some((kind_of(target), action.args.get(target)?)));
    match given {
        // Of a number, its text; of a target that is no argument, all that there is.
        None | Some((Some(ValueType::Number) | None, Value::Number(_))) => any(text, &mut found),
        Some(_) => {}
    }
    Ok(found)
}

/// A text that may be anything.
fn any<'a>(text: &'a str, found: &mut Vec<Target<'a>>) {
    found.push(Target::Interface(text));
    for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|w| !w.is_empty()) {
        match word.parse() {
            Ok(prefix) => found.push(Target::Net(prefix)),
            Err(_) => host(word, found),
        }
        found.extend([Target::User(word), Target::Interface(word)]);
    }
}

fn host<'a>(text: &'a str, found: &mut Vec<Target<'a>>) {
    match literal(text) {
        Some(prefix) => found.push(Target::Net(prefix)),
        None => found.push(Target::Host(text)),
    }
}

/// The address that a host is written as: in brackets, with a zone or a port, or in one of the older
/// forms of IPv4 that resolvers take (`10.1`, `0x0a000001`, `012.0.0.1`; `inet_aton`, POSIX.1-2017).
pub(super) fn literal(host: &str) -> Option<Prefix> {
    let host = host.trim_end_matches('.');
    let inner = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // One colon cannot be IPv6: what follows is a port.
        None => match host.split_once(':') {
            Some((host, rest)) if !rest.contains(':') => host,
            _ => host,
        },
    };
    let address = inner.split_once('%').map_or(inner, |(address, _)| address);
    let parsed: Option<Prefix> = address.parse().ok();
    parsed
        .filter(|_| !address.contains('/'))
        .or_else(|| Some(Prefix::from(std::net::IpAddr::from(old(address)?))))
}

/// IPv4 in one to four parts, each decimal, octal or hexadecimal; the last fills what is left.
fn old(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let left = 32 - 8 * first.len() as u32;
    if left < 32 && *last >= 1 << left {
        return None;
    }
    let high = first.iter().fold(0_u32, |bits, part| (bits << 8) | part);
    Some(Ipv4Addr::from_bits(high.checked_shl(left).unwrap_or(0) | last))
}

fn number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (lower.as_str(), 10),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests;

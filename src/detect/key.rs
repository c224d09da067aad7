//! The key of a group: the values of its group-by fields, each with its length in front.

use super::bound::short;
use crate::model::{Common, Signal};
use crate::rule::FieldName;

const LENGTH: usize = size_of::<u32>();

/// Writes the key of a signal. False if it lacks a field.
pub fn write(fields: &[FieldName], signal: &Signal, key: &mut Vec<u8>, buffer: &mut String) -> bool {
    key.clear();
    for field in fields {
        let Some(value) = field.first(signal) else { return false };
        let text = short(value.text(buffer));
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    true
}

/// The key with these values.
pub fn of_values(values: &[String]) -> Vec<u8> {
    let mut key = Vec::new();
    for text in values {
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    key
}

/// The values, as text.
pub fn values(mut key: &[u8]) -> Vec<&str> {
    let mut values = Vec::new();
    while let Some((length, rest)) = key.split_first_chunk::<LENGTH>() {
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let (value, rest) = rest.split_at(length);
        values.push(std::str::from_utf8(value).unwrap_or_default());
        key = rest;
    }
    values
}

/// The values joined by a space; of a group without values, what [`about`] says.
pub fn shown(key: &[u8], common: &Common, rule: &str) -> String {
    match values(key) {
        values if values.is_empty() => about(common, rule),
        values => values.join(" "),
    }
}

/// What a single signal is about: its source address, else its host, else the rule.
pub fn about(common: &Common, rule: &str) -> String {
    match (common.source_ip, &common.host) {
        (Some(address), _) => address.to_string(),
        (None, Some(host)) => short(host).into_owned(),
        (None, None) => rule.to_string(),
    }
}

/// The values of some fields of a signal together, as the input of a hash. False if it lacks one.
pub fn value(fields: &[FieldName], signal: &Signal, bytes: &mut Vec<u8>, buffer: &mut String) -> bool {
    if let [field] = fields {
        bytes.clear();
        let Some(value) = field.first(signal) else { return false };
        bytes.extend_from_slice(short(value.text(buffer)).as_bytes());
        return true;
    }
    write(fields, signal, bytes, buffer)
}

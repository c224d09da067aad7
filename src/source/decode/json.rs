//! Any JSON object with a time; also ready-made threat signals.

use std::borrow::Cow;

use super::time;
use super::{Options, Undecodable, address, port, windows};
use crate::model::{
    Common, Document, Field, KeyFilter, LogSource, Scalar, Severity, Signal, Threat, Timestamp,
};

/// Fields that may hold the time, the first that is there counts.
const TIME: &[&str] = &[
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "event_time",
    "eventTime",
    "EventTime",
    "UtcTime",
    "TimeCreated",
    "TimeGenerated",
];

/// The names that [`fill`] knows.
const FILLING: KeyFilter = KeyFilter::of(&[
    "source_ip",
    "src_ip",
    "SourceIp",
    "source_address",
    "SourceAddress",
    "IpAddress",
    "source_port",
    "src_port",
    "SourcePort",
    "IpPort",
    "destination_ip",
    "dest_ip",
    "dst_ip",
    "DestinationIp",
    "DestAddress",
    "destination_port",
    "dest_port",
    "dst_port",
    "DestinationPort",
    "DestPort",
    "user",
    "username",
    "user_name",
    "User",
    "TargetUserName",
    "host",
    "hostname",
    "Hostname",
    "Computer",
    "process",
    "process_name",
    "Image",
    "ProcessName",
    "bytes_in",
    "bytes_out",
    "service",
    "outcome",
    "proven",
]);

/// The longest name of a ready-made threat, in bytes.
const THREAT_NAME: usize = 64;

/// Decodes any object. `fallback` is the time of a ready-made threat signal that has none.
pub fn decode(
    document: Document,
    options: &Options,
    fallback: Option<Timestamp>,
) -> Result<Signal, Undecodable> {
    let threat = threat(&document);
    let at = match TIME.iter().find_map(|key| document.get(key)) {
        Some(field) => time::of_field(field, &options.tz)?,
        None if threat.is_some() => fallback.ok_or(Undecodable::NoTimeYet)?,
        None => return Err(Undecodable::NoTime),
    };
    let mut common = Common::default();
    for (hash, field) in document.hashed_fields() {
        if FILLING.may_have(hash) {
            fill(&mut common, field.name(), field);
        }
    }
    let word = |key: &str| match document.get(key).and_then(Field::str) {
        Some(text) => Cow::Owned(text.to_string()),
        None => Cow::Borrowed(""),
    };
    let stated = LogSource {
        product: word("product"),
        service: word("service"),
        also: Cow::Borrowed(""),
        category: word("category"),
    };
    let told = (stated == LogSource::default()).then(|| windows::origin(&document)).flatten();
    let origin = told.unwrap_or(stated);
    Ok(Signal { at, weight: 1, origin, common, document, threat })
}

/// The names under which records often keep the common fields. A field's own name comes over its
/// aliases, whatever their order in the record.
pub fn fill(common: &mut Common, key: &str, field: Field) {
    let text = || field.str().filter(|text| !text.is_empty()).map(Box::from);
    match key {
        "source_ip" => common.source_ip = address(field).or(common.source_ip),
        "src_ip" | "SourceIp" | "source_address" | "SourceAddress" | "IpAddress" => {
            common.source_ip = common.source_ip.or(address(field));
        }
        "source_port" => common.source_port = port(field).or(common.source_port),
        "src_port" | "SourcePort" | "IpPort" => common.source_port = common.source_port.or(port(field)),
        "destination_ip" => common.destination_ip = address(field).or(common.destination_ip),
        "dest_ip" | "dst_ip" | "DestinationIp" | "DestAddress" => {
            common.destination_ip = common.destination_ip.or(address(field));
        }
        "destination_port" => common.destination_port = port(field).or(common.destination_port),
        "dest_port" | "dst_port" | "DestinationPort" | "DestPort" => {
            common.destination_port = common.destination_port.or(port(field));
        }
        "user" => common.user = text().or(common.user.take()),
        "username" | "user_name" | "User" | "TargetUserName" => {
            common.user = common.user.take().or_else(text);
        }
        "host" => common.host = text().or(common.host.take()),
        "hostname" | "Hostname" | "Computer" => common.host = common.host.take().or_else(text),
        "process" => common.process = text().or(common.process.take()),
        "process_name" | "Image" | "ProcessName" => common.process = common.process.take().or_else(text),
        "bytes_in" => common.bytes_in = field.unsigned(),
        "bytes_out" => common.bytes_out = field.unsigned(),
        "service" => common.service = text(),
        "outcome" => common.outcome = text(),
        "proven" => common.proven = field.scalar().and_then(proven),
        _ => {}
    }
}

/// What a record says by itself; any other value says nothing.
fn proven(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Bool(proven) => Some(proven),
        _ => None,
    }
}

/// `event_type` and `severity` make a record a ready-made threat signal.
fn threat(document: &Document) -> Option<Threat> {
    let level: Severity = document.get("severity")?.str()?.to_ascii_lowercase().parse().ok()?;
    let name = document.get("event_type")?.str()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > THREAT_NAME || !name.bytes().all(plain) {
        return None;
    }
    Some(Threat { name: name.to_ascii_lowercase().replace('_', "-").into(), level })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(line: &str, fallback: Option<Timestamp>) -> Result<Signal, Undecodable> {
        decode(Document::parse(line.into()).unwrap(), &Options::default(), fallback)
    }

    #[test]
    fn aliases_give_way_to_the_fields_own_names() {
        let line = r#"{"time":1,"src_ip":"10.0.0.9","source_ip":"10.0.0.1","Hostname":"pc","DestinationPort":"443","User":"a","user":"b","bytes_out":7}"#;
        let signal = decoded(line, None).unwrap();
        assert_eq!(
            serde_json::to_string(&signal.common.to_map()).unwrap(),
            r#"{"bytes_out":7,"destination_port":443,"host":"pc","source_ip":"10.0.0.1","user":"b"}"#
        );
    }

    #[test]
    fn ready_made_threat_signals_are_recognised() {
        let now = Some(Timestamp::from_secs(7));
        let line = r#"{"event_type":"port_scan","severity":"high","source_ip":"192.0.2.1"}"#;
        let signal = decoded(line, now).unwrap();
        assert_eq!(signal.threat, Some(Threat { name: "port-scan".into(), level: Severity::High }));
        assert_eq!(Some(signal.at), now);
        assert_eq!(decoded(line, None), Err(Undecodable::NoTimeYet));
        assert_eq!(decoded(r#"{"source_ip":"192.0.2.1"}"#, now), Err(Undecodable::NoTime));
        for no_threat in [
            r#"{"event_type":"port_scan","severity":"terrible","time":1}"#,
            r#"{"event_type":"port scan","severity":"high","time":1}"#,
            r#"{"severity":"high","time":1}"#,
            r#"{"event_type":"port_scan","severity":3,"time":1}"#,
        ] {
            assert_eq!(decoded(no_threat, now).unwrap().threat, None, "{no_threat}");
        }
    }
}

//! Suricata EVE JSON. Format: <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html>

use std::borrow::Cow;

use super::time;
use super::{Options, Undecodable, address, port, proven};
use crate::model::{Common, Document, Field, KeyFilter, LogSource, Signal, Timestamp};

/// The event types that Suricata writes.
const TYPES: &[&str] = &[
    "flow",
    "alert",
    "dns",
    "http",
    "tls",
    "fileinfo",
    "netflow",
    "anomaly",
    "arp",
    "bittorrent_dht",
    "dcerpc",
    "dhcp",
    "dnp3",
    "doh2",
    "drop",
    "engine",
    "enip",
    "frame",
    "ftp",
    "ftp_data",
    "http2",
    "ike",
    "ikev2",
    "krb5",
    "ldap",
    "mdns",
    "metadata",
    "modbus",
    "mqtt",
    "nfs",
    "packet",
    "pgsql",
    "pop3",
    "quic",
    "rdp",
    "rfb",
    "sip",
    "smb",
    "smtp",
    "snmp",
    "ssh",
    "stats",
    "template",
    "tftp",
    "verdict",
    "websocket",
];

/// The fields that are read.
const READ: KeyFilter = KeyFilter::of(&[
    "timestamp",
    "event_type",
    "src_ip",
    "dest_ip",
    "src_port",
    "dest_port",
    "host",
    "app_proto",
    "flow",
    "netflow",
    "alert",
]);

/// Whether it looks like EVE: a type that Suricata writes, and a `timestamp`.
pub fn recognises(document: &Document) -> bool {
    let kind = document.get("event_type").and_then(Field::str);
    kind.is_some_and(|kind| TYPES.contains(&kind))
        && document.get("timestamp").is_some()
        && document.get("severity").is_none()
}

pub fn decode(document: Document, options: &Options) -> Result<Signal, Undecodable> {
    let mut at: Option<Field> = None;
    let mut kind: Option<&str> = None;
    let mut common = Common::default();
    for (hash, field) in document.hashed_fields() {
        if !READ.may_have(hash) {
            continue;
        }
        match field.name() {
            "timestamp" => at = Some(field),
            "event_type" => kind = field.str(),
            "src_ip" => common.source_ip = address(field),
            "dest_ip" => common.destination_ip = address(field),
            "src_port" => common.source_port = port(field),
            "dest_port" => common.destination_port = port(field),
            "host" => common.host = field.str().map(Box::from),
            "app_proto" => common.service = field.str().filter(|name| *name != "failed").map(Box::from),
            "flow" => {
                common.bytes_out = field.get("bytes_toserver").and_then(Field::unsigned);
                common.bytes_in = field.get("bytes_toclient").and_then(Field::unsigned);
            }
            "netflow" => common.bytes_out = field.get("bytes").and_then(Field::unsigned),
            "alert" => common.outcome = field.get("action").and_then(Field::str).map(Box::from),
            _ => {}
        }
    }
    let kind = kind.ok_or(Undecodable::Lacks("event_type"))?;
    let at: Timestamp = time::of_field(at.ok_or(Undecodable::NoTime)?, &options.tz)?;
    let service = match TYPES.iter().find(|known| **known == kind) {
        Some(known) => Cow::Borrowed(*known),
        None => Cow::Owned(kind.to_string()),
    };
    let category = match kind {
        "flow" | "netflow" => "network_connection",
        "dns" => "dns",
        "alert" => "ids",
        _ => "",
    };
    common.proven = common.source_ip.and_then(|_| proven::eve(kind, &document));
    let origin = LogSource {
        product: Cow::Borrowed("suricata"),
        service,
        also: Cow::Borrowed(""),
        category: Cow::Borrowed(category),
    };
    Ok(Signal { at, weight: 1, origin, common, document, threat: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_fills_the_common_fields() {
        let line = r#"{"timestamp":"2026-03-14T10:00:01.250000+0000","flow_id":1,"event_type":"flow","src_ip":"192.0.2.7","src_port":40000,"dest_ip":"2001:db8::1","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":3,"bytes_toserver":1200,"bytes_toclient":5000,"state":"closed"},"host":"sensor-1"}"#;
        let signal = decode(Document::parse(line.into()).unwrap(), &Options::default()).unwrap();
        assert_eq!(signal.at.to_string(), "2026-03-14T10:00:01.250000Z");
        assert_eq!(
            serde_json::to_string(&signal.common.to_map()).unwrap(),
            r#"{"bytes_in":5000,"bytes_out":1200,"destination_ip":"2001:db8::1","destination_port":443,"host":"sensor-1","proven":true,"service":"tls","source_ip":"192.0.2.7","source_port":40000}"#
        );
        assert_eq!(signal.origin.category, "network_connection");
    }

    #[test]
    fn nonsense_in_a_field_leaves_it_empty() {
        let line = r#"{"timestamp":"2026-03-14T10:00:01Z","event_type":"new_type","src_ip":"nowhere","src_port":70000,"dest_port":"80","flow":7,"app_proto":"failed"}"#;
        let signal = decode(Document::parse(line.into()).unwrap(), &Options::default()).unwrap();
        assert_eq!(signal.common, Common { destination_port: Some(80), ..Common::default() });
        assert_eq!(signal.origin.service, "new_type");
    }
}

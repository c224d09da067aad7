//! Zeek JSON logs. Fields: <https://docs.zeek.org/en/master/script-reference/log-files.html>

use std::borrow::Cow;

use super::time;
use super::{Options, Undecodable, port, proven};
use crate::model::{Common, Document, Field, KeyFilter, LogSource, Scalar, Signal};

/// Log names that need no copy.
const LOGS: &[&str] = &[
    "conn",
    "dns",
    "http",
    "ssl",
    "files",
    "x509",
    "ssh",
    "smtp",
    "ftp",
    "kerberos",
    "ntlm",
    "rdp",
    "rfb",
    "smb_files",
    "smb_mapping",
    "dce_rpc",
    "dhcp",
    "dpd",
    "notice",
    "weird",
    "pe",
    "software",
    "tunnel",
    "snmp",
    "sip",
    "socks",
    "syslog",
    "mysql",
    "ldap",
    "ldap_search",
    "quic",
    "ocsp",
    "known_hosts",
    "known_services",
    "capture_loss",
    "stats",
    "reporter",
    "analyzer",
];

/// Log names told by fields that only they have, for records that do not name their log.
const TOLD_BY: &[(&str, &str)] = &[
    ("conn_state", "conn"),
    ("qtype_name", "dns"),
    ("rcode_name", "dns"),
    ("status_code", "http"),
    ("user_agent", "http"),
    ("auth_success", "ssh"),
    ("request_type", "kerberos"),
    ("cipher", "ssl"),
    ("server_name", "ssl"),
    ("mime_type", "files"),
    ("note", "notice"),
    ("named_pipe", "dce_rpc"),
    ("share_type", "smb_mapping"),
    ("mailfrom", "smtp"),
    ("assigned_addr", "dhcp"),
    ("security_protocol", "rdp"),
];

/// The fields that are read.
const READ: KeyFilter = KeyFilter::of(&[
    "ts",
    "@stream",
    "_path",
    "id.orig_h",
    "id_orig_h",
    "tx_hosts",
    "src",
    "id.resp_h",
    "id_resp_h",
    "rx_hosts",
    "dst",
    "id.orig_p",
    "id_orig_p",
    "id.resp_p",
    "id_resp_p",
    "p",
    "user",
    "username",
    "client",
    "@system",
    "_system_name",
    "orig_bytes",
    "resp_bytes",
    "service",
    "auth_success",
    "success",
]);

/// Whether it looks like Zeek: `ts`, and a name or an id that Zeek gives.
pub fn recognises(document: &Document) -> bool {
    let marks = ["@stream", "_path", "uid", "fuid", "id.orig_h", "id_orig_h", "conn_uids"];
    document.get("ts").is_some() && marks.iter().any(|key| document.get(key).is_some())
}

pub fn decode(document: Document, options: &Options) -> Result<Signal, Undecodable> {
    let mut at: Option<Field> = None;
    let mut log: Option<&str> = None;
    let mut common = Common::default();
    for (hash, field) in document.hashed_fields() {
        if !READ.may_have(hash) {
            continue;
        }
        match field.name() {
            "ts" => at = Some(field),
            "@stream" | "_path" => log = field.str(),
            "id.orig_h" | "id_orig_h" | "tx_hosts" | "src" if common.source_ip.is_none() => {
                common.source_ip = first_text(field).and_then(|text| text.parse().ok());
            }
            "id.resp_h" | "id_resp_h" | "rx_hosts" | "dst" if common.destination_ip.is_none() => {
                common.destination_ip = first_text(field).and_then(|text| text.parse().ok());
            }
            "id.orig_p" | "id_orig_p" => common.source_port = port(field),
            "id.resp_p" | "id_resp_p" => common.destination_port = port(field),
            "p" if common.destination_port.is_none() => common.destination_port = port(field),
            "user" | "username" | "client" if common.user.is_none() => {
                common.user = field.str().map(Box::from);
            }
            "@system" | "_system_name" => common.host = field.str().map(Box::from),
            "orig_bytes" => common.bytes_out = field.unsigned(),
            "resp_bytes" => common.bytes_in = field.unsigned(),
            "service" => common.service = field.str().map(Box::from),
            "auth_success" | "success" => {
                common.outcome = match field.scalar() {
                    Some(Scalar::Bool(true)) => Some("success".into()),
                    Some(Scalar::Bool(false)) => Some("failure".into()),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    let at = time::of_field(at.ok_or(Undecodable::NoTime)?, &options.tz)?;
    let service = match log.or_else(|| told(&document)) {
        Some(name) => match LOGS.iter().find(|known| **known == name) {
            Some(known) => Cow::Borrowed(*known),
            None => Cow::Owned(name.to_string()),
        },
        None => Cow::Borrowed(""),
    };
    common.proven = common.source_ip.and_then(|_| proven::zeek(&service, &document));
    let category = match &*service {
        "conn" => "network_connection",
        "dns" => "dns",
        _ => "",
    };
    let origin = LogSource {
        product: Cow::Borrowed("zeek"),
        service,
        also: Cow::Borrowed(""),
        category: Cow::Borrowed(category),
    };
    Ok(Signal { at, weight: 1, origin, common, document, threat: None })
}

fn told(document: &Document) -> Option<&'static str> {
    TOLD_BY.iter().find(|(key, _)| document.get(key).is_some()).map(|(_, log)| *log)
}

/// The text, or the first of a set of texts.
fn first_text(field: Field<'_>) -> Option<&str> {
    field.str().or_else(|| field.items().next().and_then(Field::str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> (String, String) {
        let document = Document::parse(line.into()).unwrap();
        assert!(recognises(&document), "{line}");
        let signal = decode(document, &Options::default()).unwrap();
        (signal.origin.service.to_string(), serde_json::to_string(&signal.common.to_map()).unwrap())
    }

    #[test]
    fn logs_fill_the_common_fields() {
        for (line, log, common) in [
            (
                r#"{"@stream":"conn","@system":"sensor","ts":1.5,"uid":"C","id_orig_h":"10.0.0.1","id_orig_p":5,"id_resp_h":"10.0.0.2","id_resp_p":53,"service":"dns","orig_bytes":39,"resp_bytes":55}"#,
                "conn",
                r#"{"bytes_in":55,"bytes_out":39,"destination_ip":"10.0.0.2","destination_port":53,"host":"sensor","service":"dns","source_ip":"10.0.0.1","source_port":5}"#,
            ),
            (
                r#"{"ts":"2026-03-14T10:00:00Z","uid":"C","id.orig_h":"10.0.0.1","id.resp_p":22,"auth_success":false}"#,
                "ssh",
                r#"{"destination_port":22,"outcome":"failure","proven":true,"source_ip":"10.0.0.1"}"#,
            ),
            (
                r#"{"_path":"files","ts":1,"fuid":"F","tx_hosts":["10.0.0.3"],"rx_hosts":["10.0.0.4"]}"#,
                "files",
                r#"{"destination_ip":"10.0.0.4","source_ip":"10.0.0.3"}"#,
            ),
            (
                r#"{"_path":"kerberos","ts":1,"uid":"C","client":"alice/EXAMPLE","success":true}"#,
                "kerberos",
                r#"{"outcome":"success","user":"alice/EXAMPLE"}"#,
            ),
            (r#"{"_path":"my_own","ts":1}"#, "my_own", "{}"),
            (r#"{"ts":1,"uid":"C"}"#, "", "{}"),
        ] {
            assert_eq!(check(line), (log.to_string(), common.to_string()), "{line}");
        }
    }
}

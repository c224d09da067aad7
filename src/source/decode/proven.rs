//! Whether a record shows that its source address is not forged: that somebody there completed a
//! handshake of TCP. Anybody can write any source into a datagram or into the first packet of a
//! connection. `None`: the record does not say.

use crate::model::{Document, Field};

/// Types of records that Suricata writes about what was said over an established TCP connection.
/// <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html>
const OVER_TCP: &[&str] = &[
    "http",
    "http2",
    "tls",
    "ssh",
    "smtp",
    "ftp",
    "ftp_data",
    "smb",
    "rdp",
    "rfb",
    "ldap",
    "mqtt",
    "pgsql",
    "pop3",
    "telnet",
    "websocket",
    "fileinfo",
    "bittorrent",
];
/// The same of Zeek's logs. <https://docs.zeek.org/en/master/script-reference/log-files.html>
const LOGS_OVER_TCP: &[&str] = &[
    "http",
    "ssl",
    "ssh",
    "smtp",
    "ftp",
    "rdp",
    "rfb",
    "smb_files",
    "smb_mapping",
    "dce_rpc",
    "mysql",
    "ntlm",
    "socks",
    "irc",
];
/// States of a connection that was established, as `conn.log` has them.
const ESTABLISHED: &[&str] = &["S1", "SF", "S2", "S3", "RSTO", "RSTR"];
/// FIN and PSH in the flags of a TCP header (RFC 9293, 3.1).
const FIN_OR_PSH: u64 = 0x09;

fn is_tcp(document: &Document) -> Option<bool> {
    let proto = document.get("proto").and_then(Field::str)?;
    Some(proto.eq_ignore_ascii_case("tcp"))
}

/// Of a record of Suricata. A server ends a connection (FIN), or sends data (PSH), only after its own
/// system has seen the client's answer; a refusal (RST) proves nothing, and neither does a SYN and ACK.
pub fn eve(kind: &str, document: &Document) -> Option<bool> {
    if is_tcp(document)? {
        let text =
            |object: &str, key: &str| document.get(object).and_then(|o| o.get(key)).and_then(Field::str);
        let app = document.get("app_proto").and_then(Field::str).is_some_and(|name| name != "failed");
        let flags = text("tcp", "tcp_flags_tc").and_then(|flags| u64::from_str_radix(flags, 16).ok());
        let established = text("flow", "state") == Some("established");
        Some(
            OVER_TCP.contains(&kind)
                || established
                || app
                || flags.is_some_and(|flags| flags & FIN_OR_PSH != 0),
        )
    } else {
        Some(false)
    }
}

/// Of a record of Zeek.
pub fn zeek(log: &str, document: &Document) -> Option<bool> {
    if LOGS_OVER_TCP.contains(&log) {
        return Some(true);
    }
    let state = document.get("conn_state").and_then(Field::str)?;
    Some(is_tcp(document)? && ESTABLISHED.contains(&state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Document {
        Document::parse(line.into()).unwrap()
    }

    #[test]
    fn c28_suricata_says_what_was_proven() {
        for (kind, line, wants) in [
            ("flow", r#"{"proto":"TCP","flow":{"state":"established"}}"#, Some(true)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"new","bytes_toclient":60}}"#, Some(false)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"closed"},"tcp":{"tcp_flags_tc":"14"}}"#, Some(false)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"closed"},"tcp":{"tcp_flags_tc":"12"}}"#, Some(false)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"closed"},"tcp":{"tcp_flags_tc":"1b"}}"#, Some(true)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"closed"},"app_proto":"tls"}"#, Some(true)),
            ("flow", r#"{"proto":"TCP","flow":{"state":"closed"},"app_proto":"failed"}"#, Some(false)),
            ("flow", r#"{"proto":"UDP","flow":{"state":"established"},"app_proto":"dns"}"#, Some(false)),
            ("alert", r#"{"proto":"TCP","app_proto":"http"}"#, Some(true)),
            ("alert", r#"{"proto":"TCP"}"#, Some(false)),
            ("alert", r#"{"proto":"ICMP"}"#, Some(false)),
            ("http", r#"{"proto":"TCP"}"#, Some(true)),
            ("quic", r#"{"proto":"UDP"}"#, Some(false)),
            ("stats", r#"{}"#, None),
        ] {
            assert_eq!(eve(kind, &parsed(line)), wants, "{kind} {line}");
        }
    }

    #[test]
    fn c28_zeek_says_what_was_proven() {
        for (log, line, wants) in [
            ("conn", r#"{"proto":"tcp","conn_state":"SF"}"#, Some(true)),
            ("conn", r#"{"proto":"tcp","conn_state":"RSTR"}"#, Some(true)),
            ("conn", r#"{"proto":"tcp","conn_state":"S0"}"#, Some(false)),
            ("conn", r#"{"proto":"tcp","conn_state":"REJ"}"#, Some(false)),
            ("conn", r#"{"proto":"tcp","conn_state":"SH"}"#, Some(false)),
            ("conn", r#"{"proto":"udp","conn_state":"SF"}"#, Some(false)),
            ("conn", r#"{"proto":"icmp","conn_state":"OTH"}"#, Some(false)),
            ("ssh", r#"{"auth_success":false}"#, Some(true)),
            ("dns", r#"{"proto":"udp"}"#, None),
        ] {
            assert_eq!(zeek(log, &parsed(line)), wants, "{log} {line}");
        }
    }
}

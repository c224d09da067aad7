//! Samples of every format: which common fields each fills, and attempts to put something into a signal
//! that its program did not say.

use super::*;
use crate::model::CommonField;

const EVE: &str = r#"{"timestamp":"2026-03-14T10:00:00Z","event_type":"flow","src_ip":"192.0.2.7","src_port":40000,"dest_ip":"198.51.100.1","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"bytes_toserver":1200,"bytes_toclient":5000,"state":"established"},"host":"sensor"}"#;
const EVE_ALERT: &str = r#"{"timestamp":"2026-03-14T10:00:00Z","event_type":"alert","src_ip":"192.0.2.7","proto":"TCP","alert":{"action":"blocked"}}"#;
const ZEEK: &str = r#"{"_path":"conn","ts":1773482400.5,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":40000,"id.resp_h":"198.51.100.1","id.resp_p":443,"service":"ssl","orig_bytes":1200,"resp_bytes":5000,"proto":"tcp","conn_state":"SF","_system_name":"sensor"}"#;
const ZEEK_SSH: &str = r#"{"_path":"kerberos","ts":1,"uid":"C","id.orig_h":"192.0.2.7","client":"alice/EXAMPLE","success":false}"#;
const SSHD: &str = "Mar 14 10:00:00 web sshd[42]: Failed password for root from 192.0.2.7 port 4711 ssh2";
const NEW_SYSLOG: &str = r#"<84>1 2026-03-14T10:00:00Z fw kernel - - [meta@1 zone="dmz"] [UFW BLOCK] IN=eth0 SRC=192.0.2.7 DST=198.51.100.1 SPT=40000 DPT=22 PROTO=TCP"#;
const JOURNALD: &str = r#"{"__REALTIME_TIMESTAMP":"1773482400000000","_COMM":"sshd","_HOSTNAME":"web","_PID":"42","MESSAGE":"Accepted publickey for alice from 192.0.2.7 port 4711 ssh2"}"#;
const JSON: &str = r#"{"time":"2026-03-14T10:00:00Z","src_ip":"192.0.2.7","src_port":40000,"dst_ip":"198.51.100.1","dst_port":443,"username":"alice","hostname":"web","process_name":"nginx","bytes_in":7,"bytes_out":8,"service":"http","outcome":"success","proven":true}"#;
const LOGFMT: &str = r#"date=2026-03-14 time=10:00:00 devname="fw" srcip=192.0.2.7 srcport=40000 dstip=198.51.100.1 dstport=443 user="alice" service="HTTPS" action="deny" sentbyte=1200 rcvdbyte=5000 comm=proxy"#;

fn filled(format: Format, line: &str) -> String {
    let signal = Decoder::new(format, Options::default()).decode(line.as_bytes()).unwrap();
    let there = |field: &&CommonField| signal.common.get(**field).is_some();
    let names: Vec<_> = CommonField::ALL.iter().filter(there).map(|field| field.name()).collect();
    names.join(" ")
}

#[test]
fn each_decoder_fills_the_common_fields_that_its_records_have() {
    const ADDRESSES: &str = "source_ip source_port destination_ip destination_port";
    let traffic = format!("{ADDRESSES} host bytes_in bytes_out service proven");
    let all: Vec<_> = CommonField::ALL.iter().map(|field| field.name()).collect();
    let mut seen = Vec::new();
    for (format, line, expected) in [
        (Format::Eve, EVE, traffic.clone()),
        (Format::Eve, EVE_ALERT, "source_ip outcome proven".to_owned()),
        (Format::Zeek, ZEEK, traffic),
        (Format::Zeek, ZEEK_SSH, "source_ip user outcome".to_owned()),
        (Format::Sshd, SSHD, "source_ip source_port user host process service outcome proven".to_owned()),
        (Format::Syslog, SSHD, "source_ip source_port user host process service outcome proven".to_owned()),
        (Format::Syslog, NEW_SYSLOG, format!("{ADDRESSES} host process")),
        (
            Format::Journald,
            JOURNALD,
            "source_ip source_port user host process service outcome proven".to_owned(),
        ),
        (Format::Json, JSON, all.join(" ")),
        (Format::Logfmt, LOGFMT, all.join(" ").replace(" proven", "")),
    ] {
        assert_eq!(filled(format, line), expected, "{format}: {line}");
        assert_eq!(filled(Format::Auto, line), expected, "auto: {line}");
        seen.push(format);
    }
    for (format, word) in Format::ALL {
        assert!(*format == Format::Auto || seen.contains(format), "no sample of {word}");
    }
}

#[test]
fn structured_data_and_the_priority_are_fields() {
    let signal = Decoder::new(Format::Syslog, Options::default()).decode(NEW_SYSLOG.as_bytes()).unwrap();
    for (name, value) in [
        ("meta@1.zone", "dmz"),
        ("facility", "authpriv"),
        ("severity", "warning"),
        ("PROTO", "TCP"),
        ("program", "kernel"),
        ("hostname", "fw"),
    ] {
        assert_eq!(signal.document.get(name).and_then(Field::str), Some(value), "{name}");
    }
}

/// What a syslog line that came by a socket leads to: program, host, user, source address.
fn arrived(line: &[u8]) -> String {
    let mut decoder = Decoder::new(Format::Auto, Options::default()).arriving();
    decoder.set_now(Timestamp::from_secs(1_773_482_400));
    match decoder.decode(line) {
        Ok(Signal { common, .. }) => format!(
            "{} {} {} {}",
            common.process.as_deref().unwrap_or("-"),
            common.host.as_deref().unwrap_or("-"),
            common.user.as_deref().unwrap_or("-"),
            common.source_ip.map_or("-".to_owned(), |address| address.to_string())
        ),
        Err(why) => why.kind().to_owned(),
    }
}

#[test]
fn what_strangers_write_stays_what_strangers_write() {
    for (line, expected) in [
        // A user name with everything that comes after a user name.
        (
            &b"<38>Mar 14 10:00:00 web sshd[1]: Failed password for invalid user x from 10.0.0.1 port 22 from 192.0.2.7 port 4711 ssh2"[..],
            "sshd web x from 10.0.0.1 port 22 192.0.2.7",
        ),
        // A second header: in one line, after a line feed, and in structured data.
        (b"<13>Mar 14 10:00:00 web app: <38>Mar 14 10:00:00 web sshd[1]: Failed password for root from 10.0.0.1 port 2 ssh2", "app web - -"),
        (b"<13>Mar 14 10:00:00 web app: x\n<38>Mar 14 10:00:00 web sshd[1]: Failed password for root from 10.0.0.1 port 2 ssh2", "app web - -"),
        (b"<13>1 - web app - - [a b=\"\\\"] <38>Mar 14 10:00:00 web sshd[1]: Failed\"] x", "app web - -"),
        // Pairs in a message do not say who wrote it, nor where.
        (b"<13>Mar 14 10:00:00 web app: host=evil process=sshd program=sshd user=a", "app web a -"),
        (b"<13>Mar 14 10:00:00 web app: user=\"a\\\" src=10.0.0.1 b=\\\"\" src=192.0.2.7", "app web a\" src=10.0.0.1 b=\" 192.0.2.7"),
        // Terminals and other bytes: text stays text, and what is no text is no signal.
        (b"<38>Mar 14 10:00:00 web sshd[1]: Invalid user \x1b[2Ja from 192.0.2.7 port 1", "sshd web \x1b[2Ja 192.0.2.7"),
        (b"<38>Mar 14 10:00:00 web sshd[1]: Invalid user a\0b from 192.0.2.7 port 1", "binary"),
        (b"<38>Mar 14 10:00:00 web sshd[1]: Invalid user \xff from 192.0.2.7 port 1", "not_utf8"),
        (b"<38>Mar 14 10:00:00 web sshd[1]: Invalid user a from 192.0.2.7 port 1\0", "sshd web a 192.0.2.7"),
        // Without a header it has none of what a header says.
        (b"<13>hello", "- - - -"),
        (b"<13>", "- - - -"),
        (b"hello", "unrecognised"),
        (b"<13", "unrecognised"),
        // What journald would not say.
        (br#"{"__REALTIME_TIMESTAMP":"1","_COMM":"logger","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Failed password for root from 10.0.0.1 port 2 ssh2"}"#, "logger - - -"),
        (br#"{"__REALTIME_TIMESTAMP":"soon"}"#, "bad_time"),
    ] {
        assert_eq!(arrived(line), expected, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn lines_without_end_and_records_without_bottom() {
    let long = format!("<13>Mar 14 10:00:00 web app: {}", "x=1 ".repeat(256 * 1024));
    assert_eq!(arrived(long.as_bytes()), "app web - -");
    let quotes = format!("<13>Mar 14 10:00:00 web app: {}", "a=\"\\".repeat(256 * 1024));
    assert_eq!(arrived(quotes.as_bytes()), "app web - -");
    let brackets = format!("<13>1 - web app - - {}", "[".repeat(1024 * 1024));
    assert_eq!(arrived(brackets.as_bytes()), "unrecognised");
    let deep = format!("{{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":{}", "[".repeat(100_000));
    assert_eq!(arrived(deep.as_bytes()), "not_json");
}

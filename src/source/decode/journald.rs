//! JSON of the journal of systemd. Fields:
//! <https://www.freedesktop.org/software/systemd/man/latest/systemd.journal-fields.html>
//!
//! Anybody may write any text into the journal, under any name (`logger -t sshd`); the fields that begin
//! with `_` are the journal's own word. So it is they that say which program wrote.

use std::borrow::Cow;

use super::{Options, Undecodable, pairs, sshd, syslog, time};
use crate::model::{Common, Document, Field, LogSource, Signal};

/// Programs whose entries also count as `auth`.
const AUTH: [&str; 4] = ["sudo", "su", "login", "systemd-logind"];

/// Whether it looks like an entry of the journal.
pub fn recognises(document: &Document) -> bool {
    document.get("__REALTIME_TIMESTAMP").is_some()
}

/// Decodes one entry.
pub fn decode(mut document: Document, options: &Options) -> Result<Signal, Undecodable> {
    let at = document.get("__REALTIME_TIMESTAMP").ok_or(Undecodable::NoTime)?;
    let at = time::of_field(at, &options.tz)?;
    let text = |key: &str| document.get(key).and_then(Field::str);
    let program = program(text("_COMM"), text("SYSLOG_IDENTIFIER"), text("_UID")).map(str::to_owned);
    let host = text("_HOSTNAME").map(Box::from);
    let pid = text("_PID").and_then(|pid| pid.parse().ok());
    let message = document.get("MESSAGE").map(message).unwrap_or_default();
    let name = program.as_deref().unwrap_or_default();
    let is_sshd = sshd::is_sshd(name);
    let mut common = match is_sshd {
        true => syslog::login(sshd::login(&message), &mut document),
        false => of_pairs(&message),
    };
    common.host = host.or(common.host);
    common.process = program.as_deref().map(Box::from).or(common.process);
    document.push_text("message", &message);
    if let Some(program) = &program {
        document.push_text("program", program);
    }
    if let Some(pid) = pid {
        document.push_number("pid", pid);
    }
    let origin = LogSource {
        product: Cow::Borrowed("linux"),
        service: if is_sshd { Cow::Borrowed("sshd") } else { Cow::Owned(name.to_ascii_lowercase()) },
        also: Cow::Borrowed(if is_sshd || AUTH.contains(&name) { "auth" } else { "" }),
        category: Cow::Borrowed(""),
    };
    Ok(Signal { at, weight: 1, origin, common, document, threat: None })
}

fn of_pairs(message: &str) -> Common {
    pairs::of_message(message, 0, &mut Document::of_line(message.into()))
}

/// Which program wrote: what it calls itself counts if the journal's own word does not contradict it. Of
/// one that had ended before the journal looked, only the user is known: what claims to be sshd is root's.
fn program<'a>(own: Option<&'a str>, says: Option<&'a str>, user: Option<&str>) -> Option<&'a str> {
    match (own, says) {
        (Some(own), Some(says)) if sshd::is_sshd(says) && !sshd::is_sshd(own) => Some(own),
        (None, Some(says)) if sshd::is_sshd(says) && user.is_some_and(|user| user != "0") => None,
        (own, says) => says.or(own),
    }
}

/// Text; or, where it has other bytes than printable ones, an array of them.
fn message(field: Field<'_>) -> String {
    if let Some(text) = field.str() {
        return text.to_owned();
    }
    let byte = |item: Field<'_>| item.unsigned().and_then(|number| u8::try_from(number).ok());
    let bytes: Vec<u8> = field.items().filter_map(byte).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(fields: &str) -> Signal {
        let line = format!("{{\"__REALTIME_TIMESTAMP\":\"1773482400500000\",{fields}}}");
        let document = Document::parse(line.as_str().into()).unwrap();
        assert!(recognises(&document));
        decode(document, &Options::default()).unwrap()
    }

    #[test]
    fn entries_of_the_journal() {
        const FAILED: &str =
            r#""MESSAGE":"Failed password for root from 192.0.2.1 port 4711 ssh2","_HOSTNAME":"web""#;
        const LOGIN: &str = r#"{"host":"web","outcome":"failure","process":"sshd","proven":true,"service":"sshd","source_ip":"192.0.2.1","source_port":4711,"user":"root"}"#;
        for (fields, service, common) in [
            (format!(r#"{FAILED},"_COMM":"sshd","SYSLOG_IDENTIFIER":"sshd","_PID":"7""#), "sshd", LOGIN),
            (format!(r#"{FAILED},"_COMM":"sshd""#), "sshd", LOGIN),
            (format!(r#"{FAILED},"SYSLOG_IDENTIFIER":"sshd","_UID":"0""#), "sshd", LOGIN),
            // What others say under its name is not its word.
            (
                format!(r#"{FAILED},"_COMM":"logger","SYSLOG_IDENTIFIER":"sshd","_UID":"0""#),
                "logger",
                r#"{"host":"web","process":"logger"}"#,
            ),
            (format!(r#"{FAILED},"SYSLOG_IDENTIFIER":"sshd","_UID":"1000""#), "", r#"{"host":"web"}"#),
            (
                r#""MESSAGE":"[UFW BLOCK] IN=eth0 SRC=192.0.2.7 DPT=22","SYSLOG_IDENTIFIER":"kernel""#
                    .to_owned(),
                "kernel",
                r#"{"destination_port":22,"process":"kernel","source_ip":"192.0.2.7"}"#,
            ),
            (
                r#""MESSAGE":[117,115,101,114,61,97,255],"_COMM":"x""#.to_owned(),
                "x",
                "{\"process\":\"x\",\"user\":\"a\u{fffd}\"}",
            ),
            (r#""MESSAGE":null"#.to_owned(), "", "{}"),
        ] {
            let signal = decoded(&fields);
            assert_eq!(signal.origin.service, service, "{fields}");
            assert_eq!(serde_json::to_string(&signal.common.to_map()).unwrap(), common, "{fields}");
            assert_eq!(signal.at.to_string(), "2026-03-14T10:00:00.500000Z");
        }
    }

    #[test]
    fn the_message_can_be_asked_for_by_its_usual_name() {
        let signal = decoded(r#""MESSAGE":"hello","_COMM":"cron","_PID":"9","message":"forged""#);
        assert_eq!(signal.document.get("message").and_then(Field::str), Some("hello"));
        assert_eq!(signal.document.get("pid").and_then(Field::unsigned), Some(9));
    }
}

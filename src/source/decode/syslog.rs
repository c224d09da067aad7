//! Syslog lines: a header, and a message of some program. What sshd writes is taken apart; in the
//! messages of others, `key=value` pairs are.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::header::{self, Calendar, Header};
use super::{Options, Undecodable, pairs, sshd};
use crate::model::{Common, Document, LogSource, Signal, Timestamp};

/// Decodes a line. `arrival` is the time of a line of a socket that says none.
pub fn decode(
    line: &str,
    options: &Options,
    calendar: &mut Calendar,
    arrival: Option<Timestamp>,
) -> Result<Signal, Undecodable> {
    let mut header = header::parse(line, options, calendar, arrival.is_some())?;
    let at = header.at.or(arrival).ok_or(Undecodable::NoTime)?;
    let text = |range: &Range<usize>| line.get(range.clone()).unwrap_or_default();
    let mut weight = 1;
    if let Some((times, inner)) = repeated(text(&header.message)) {
        weight = times;
        header.message = header.message.start + inner.start..header.message.start + inner.end;
    }
    let (program, message) = (text(&header.program), text(&header.message));
    let is_sshd = sshd::is_sshd(program);

    let mut document = Document::of_line(Arc::from(line));
    let mut common = match is_sshd {
        true => login(sshd::login(message), &mut document),
        false => pairs::of_message(message, header.message.start, &mut document),
    };
    let host = header.host.as_ref().map(&text);
    common.host = host.map(Box::from).or(common.host);
    common.process = Some(program).filter(|name| !name.is_empty()).map(Box::from).or(common.process);
    fields(&header, &mut document);
    let auth = is_sshd || matches!(program, "sudo" | "su" | "login" | "systemd-logind");
    let origin = LogSource {
        product: Cow::Borrowed("linux"),
        service: if is_sshd { Cow::Borrowed("sshd") } else { Cow::Owned(program.to_ascii_lowercase()) },
        also: Cow::Borrowed(if auth { "auth" } else { "" }),
        category: Cow::Borrowed(""),
    };
    Ok(Signal { at, weight, origin, common, document, threat: None })
}

/// What a header says comes after what the message says: of two fields of one name the last one counts.
fn fields(header: &Header, document: &mut Document) {
    for (name, value) in &header.data {
        document.push_text(name, value);
    }
    document.push_range("message", header.message.clone());
    if !header.program.is_empty() {
        document.push_range("program", header.program.clone());
    }
    if let Some(host) = &header.host {
        document.push_range("hostname", host.clone());
    }
    if let Some(pid) = header.pid {
        document.push_number("pid", pid);
    }
    if let Some(kind) = &header.kind {
        document.push_range("msgid", kind.clone());
    }
    if let Some(priority) = header.priority {
        let (facility, severity) = header::words(priority);
        document.push_text("facility", facility);
        document.push_text("severity", severity);
    }
}

/// What a login fills.
pub fn login(login: sshd::Login<'_>, document: &mut Document) -> Common {
    if let Some(method) = login.method {
        document.push_text("method", method);
    }
    Common {
        source_ip: login.address,
        source_port: login.port,
        user: login.user.map(Box::from),
        service: Some("sshd".into()),
        outcome: login.outcome.map(Box::from),
        // Nobody talks to sshd but over a connection.
        proven: login.address.map(|_| true),
        ..Common::default()
    }
}

/// `message repeated N times: [ TEXT]`, as rsyslog sums up.
fn repeated(message: &str) -> Option<(u32, Range<usize>)> {
    let rest = message.strip_prefix("message repeated ")?;
    let (times, rest) = rest.split_once(" times: [")?;
    let inner = rest.strip_suffix(']')?;
    let times: u32 = times.parse().ok().filter(|times| *times > 0)?;
    let start = message.len() - rest.len() + (inner.len() - inner.trim_start().len());
    Some((times, start..message.len() - 1))
}

#[cfg(test)]
#[path = "syslog_tests.rs"]
mod tests;

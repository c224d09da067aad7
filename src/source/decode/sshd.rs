//! Syslog lines (RFC 3164, or with an RFC 3339 time), and what sshd writes in them.
//!
//! Whoever logs in chooses the user name, and sshd writes it into the line. So the address is the
//! one in the *last* ` from ADDRESS port N` of a failed login; an accepted user exists on this
//! system, and there it is the first one, because a certificate's text may follow.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};

use super::time;
use super::{Options, Undecodable};
use crate::model::{Common, Document, LogSource, Signal, Timestamp};

/// Follows the year of a stream whose lines have none.
#[derive(Debug, Clone)]
pub struct Calendar {
    year: i16,
    month: i8,
}

impl Calendar {
    pub fn new(year: i16) -> Self {
        Calendar { year, month: 0 }
    }

    /// The year of a line of this month. From December to January a year begins; a December line
    /// that comes late still belongs to the old one.
    fn year_of(&mut self, month: i8) -> i16 {
        match (self.month, month) {
            (12, 1) => self.year = self.year.saturating_add(1),
            (1, 12) => return self.year.saturating_sub(1),
            _ => {}
        }
        self.month = month;
        self.year
    }
}

/// The parts of a syslog line, as byte ranges.
struct Header {
    at: Timestamp,
    host: Range<usize>,
    program: Range<usize>,
    pid: Option<u64>,
    message: Range<usize>,
}

pub fn decode(line: &str, options: &Options, calendar: &mut Calendar) -> Result<Signal, Undecodable> {
    let mut header = header(line, options, calendar)?;
    let text = |range: &Range<usize>| line.get(range.clone()).unwrap_or_default();
    let mut weight = 1;
    if let Some((times, inner)) = repeated(text(&header.message)) {
        weight = times;
        header.message = header.message.start + inner.start..header.message.start + inner.end;
    }
    let (program, message) = (text(&header.program), text(&header.message));
    let sshd = matches!(program, "sshd" | "sshd-session" | "sshd-auth");
    let login = if sshd { login(message) } else { Login::default() };

    let mut document = Document::of_line(Arc::from(line));
    document.push_range("message", header.message.clone());
    document.push_range("program", header.program.clone());
    document.push_range("hostname", header.host.clone());
    if let Some(pid) = header.pid {
        document.push_number("pid", pid);
    }
    if let Some(method) = login.method {
        document.push_text("method", method);
    }
    let service = match program {
        _ if sshd => Cow::Borrowed("sshd"),
        other => Cow::Owned(other.to_ascii_lowercase()),
    };
    let auth = sshd || matches!(program, "sudo" | "su" | "login" | "systemd-logind");
    let common = Common {
        source_ip: login.address,
        source_port: login.port,
        user: login.user.map(Box::from),
        host: Some(text(&header.host).into()),
        process: Some(program.into()),
        service: sshd.then(|| "sshd".into()),
        outcome: login.outcome.map(Box::from),
        // Nobody talks to sshd but over a connection.
        proven: login.address.map(|_| true),
        ..Common::default()
    };
    let origin = LogSource {
        product: Cow::Borrowed("linux"),
        service,
        also: Cow::Borrowed(if auth { "auth" } else { "" }),
        category: Cow::Borrowed(""),
    };
    Ok(Signal { at: header.at, weight, origin, common, document, threat: None })
}

/// `<PRI>Mmm dd hh:mm:ss host program[pid]: message`
fn header(line: &str, options: &Options, calendar: &mut Calendar) -> Result<Header, Undecodable> {
    use Undecodable::NotSyslog;
    let start = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, _)) if priority.len() <= 3 && priority.bytes().all(|b| b.is_ascii_digit()) => {
            priority.len() + 2
        }
        _ => 0,
    };
    let rest = line.get(start..).unwrap_or_default();
    let (at, length) = match rest.bytes().next() {
        Some(b'0'..=b'9') => {
            let word = rest.split(' ').next().unwrap_or_default();
            (time::of_text(word, &options.tz), word.len())
        }
        _ => (short_time(rest, options, calendar), SHORT_TIME),
    };
    let at = at.ok_or(NotSyslog("a time such as `Dec 10 06:55:46` in front"))?;
    let (host, after) = word(line, start + length).ok_or(NotSyslog("a host name after the time"))?;
    let (tag, _) = word(line, after).ok_or(NotSyslog("a program after the host name"))?;
    let body = line.get(tag.start..).unwrap_or_default();
    let colon = body.find(':').ok_or(NotSyslog("`program[pid]:` after the host name"))?;
    let tag = body.get(..colon).unwrap_or_default();
    let (program, pid) = match tag.split_once('[') {
        Some((program, pid)) => (program, pid.strip_suffix(']').and_then(|pid| pid.parse().ok())),
        None => (tag, None),
    };
    if program.is_empty() || program.contains(char::is_whitespace) {
        return Err(NotSyslog("`program[pid]:` after the host name"));
    }
    let begin = line.len() - body.len();
    let message = body.get(colon + 1..).unwrap_or_default();
    let message = line.len() - message.trim_start().len()..line.len();
    Ok(Header { at, host, program: begin..begin + program.len(), pid, message })
}

/// The next word from a byte on, and where it ends.
fn word(line: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let rest = line.get(from..)?;
    let start = from + (rest.len() - rest.trim_start().len());
    let length = line.get(start..)?.split(' ').next().map(str::len).filter(|length| *length > 0)?;
    (start > from).then_some((start..start + length, start + length))
}

const SHORT_TIME: usize = "Dec 10 06:55:46".len();
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn short_time(text: &str, options: &Options, calendar: &mut Calendar) -> Option<Timestamp> {
    let text = text.get(..SHORT_TIME)?;
    let month = 1 + MONTHS.iter().position(|name| text.starts_with(name))? as i8;
    let day: i8 = text.get(4..6)?.trim_start().parse().ok()?;
    let two = |at: usize| text.get(at..at + 2).and_then(|digits| digits.parse::<i8>().ok());
    let clock = Time::new(two(7)?, two(10)?, two(13)?, 0).ok()?;
    let marks = text.bytes().enumerate().filter(|(i, _)| matches!(i, 3 | 6 | 9 | 12)).map(|(_, b)| b);
    if !marks.eq(*b"  ::") {
        return None;
    }
    let date = Date::new(calendar.year_of(month), month, day).ok()?;
    time::of_civil(DateTime::from_parts(date, clock), &options.tz)
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

/// What a message of sshd says about somebody who tries to get in.
#[derive(Debug, Default, PartialEq)]
struct Login<'m> {
    user: Option<&'m str>,
    address: Option<IpAddr>,
    port: Option<u16>,
    outcome: Option<&'static str>,
    method: Option<&'m str>,
}

fn login(message: &str) -> Login<'_> {
    let message = message.strip_suffix(" [preauth]").unwrap_or(message);
    if let Some(rest) = message.strip_prefix("Failed ") {
        return attempt(rest, "failure");
    }
    if let Some(rest) = message.strip_prefix("Accepted ") {
        return attempt(rest, "success");
    }
    if let Some(rest) = message.strip_prefix("Invalid user ") {
        return match last_from(rest) {
            Some((user, address, port)) => {
                Login { user: Some(user), address: Some(address), port, ..Login::default() }
            }
            None => Login::default(),
        };
    }
    Login { address: peer(message), ..Login::default() }
}

/// `METHOD for [invalid user ]USER from ADDRESS port N ssh2`
fn attempt<'m>(text: &'m str, outcome: &'static str) -> Login<'m> {
    let Some((method, rest)) = text.split_once(" for ") else { return Login::default() };
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    let found = if outcome == "success" { first_from(rest) } else { last_from(rest) };
    let Some((user, address, port)) = found else { return Login::default() };
    Login { user: Some(user), address: Some(address), port, outcome: Some(outcome), method: Some(method) }
}

type Origin<'m> = (&'m str, IpAddr, Option<u16>);

fn last_from(text: &str) -> Option<Origin<'_>> {
    text.rmatch_indices(" from ").find_map(|(at, mark)| origin(text, at, mark.len()))
}

fn first_from(text: &str) -> Option<Origin<'_>> {
    text.match_indices(" from ").find_map(|(at, mark)| origin(text, at, mark.len()))
}

/// What stands before the mark, and the address and port after it.
fn origin(text: &str, at: usize, mark: usize) -> Option<Origin<'_>> {
    let mut words = text.get(at + mark..)?.split(' ');
    let address = words.next()?.parse().ok()?;
    let port = match (words.next(), words.next()) {
        (Some("port"), Some(port)) => Some(port.trim_end_matches(':').parse().ok()?),
        (None, _) => None,
        _ => return None,
    };
    Some((text.get(..at)?, address, port))
}

/// The other end in messages that name no login.
fn peer(message: &str) -> Option<IpAddr> {
    let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
    let leading = |text: &str| {
        let word = text.split([' ', ']']).next().unwrap_or_default();
        word.trim_end_matches(':').parse().ok()
    };
    if message.starts_with("pam_unix(") || message.starts_with("PAM ") {
        return after(" rhost=").and_then(leading);
    }
    if message.starts_with("reverse mapping checking getaddrinfo for ") {
        return after(" [").and_then(leading);
    }
    const LAST_WORDS: [&str; 3] = ["Connection closed by ", "Connection reset by ", "Disconnected from "];
    if LAST_WORDS.iter().any(|start| message.starts_with(start)) {
        let head = message.rsplit_once(" port ").map_or(message, |(head, _)| head);
        return head.rsplit(' ').next().and_then(leading);
    }
    const FIRST_WORD: [&str; 4] = [
        "Received disconnect from ",
        "error: Received disconnect from ",
        "Did not receive identification string from ",
        "Connection from ",
    ];
    FIRST_WORD.iter().find_map(|start| message.strip_prefix(start)).and_then(leading)
}

#[cfg(test)]
#[path = "sshd_tests.rs"]
mod tests;

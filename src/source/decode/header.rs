//! What stands in front of a syslog message: RFC 3164 as it is written (also without a host, as on
//! `/dev/log`, and with an RFC 3339 time), and RFC 5424 with its structured data.
//!
//! Of a message only what stands before its own header ends is believed: what looks like a second header
//! is text.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use super::{Options, Undecodable, time};
use crate::model::Timestamp;

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
    pub fn year_of(&mut self, month: i8) -> i16 {
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
#[derive(Debug, PartialEq)]
pub struct Header {
    /// `None`: the line says none.
    pub at: Option<Timestamp>,
    /// Facility times eight, and severity.
    pub priority: Option<u8>,
    pub host: Option<Range<usize>>,
    /// Empty: the line names none.
    pub program: Range<usize>,
    pub pid: Option<u64>,
    /// The type of the message (RFC 5424).
    pub kind: Option<Range<usize>>,
    /// `ID.NAME` and value of each parameter (RFC 5424).
    pub data: Vec<(String, String)>,
    pub message: Range<usize>,
}

/// Parameters of structured data in one line, at most.
const PARAMETERS: usize = 64;

/// Names of the facilities (RFC 5424, table 1), as syslog.conf has them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// Names of the severities (RFC 5424, table 2), likewise.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The words for a priority.
pub fn words(priority: u8) -> (&'static str, &'static str) {
    let facility = FACILITIES.get(usize::from(priority / 8)).copied().unwrap_or("unknown");
    (facility, SEVERITIES[usize::from(priority % 8)])
}

/// Reads what stands in front. `bare`: a message from a socket may have no more than a priority, as
/// RFC 3164, 4.3.3 has it.
pub fn parse(
    line: &str,
    options: &Options,
    calendar: &mut Calendar,
    bare: bool,
) -> Result<Header, Undecodable> {
    let (priority, start) = priority(line);
    if start > 0 && line.get(start..).is_some_and(|rest| rest.starts_with("1 ")) {
        return rfc5424(line, priority, start + 2, options);
    }
    let usual = rfc3164(line, priority, start, options, calendar);
    match usual {
        Err(_) if bare && start > 0 => Ok(after_priority(line, priority, start)),
        other => other,
    }
}

/// `<PRI>` and where it ends; 0 if there is none.
fn priority(line: &str) -> (Option<u8>, usize) {
    match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((digits, _))
            if (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (digits.parse().ok().filter(|priority| *priority < 192), digits.len() + 2)
        }
        _ => (None, 0),
    }
}

/// `Mmm dd hh:mm:ss [host ]program[pid]: message`
fn rfc3164(
    line: &str,
    priority: Option<u8>,
    start: usize,
    options: &Options,
    calendar: &mut Calendar,
) -> Result<Header, Undecodable> {
    use Undecodable::NotSyslog;
    let rest = line.get(start..).unwrap_or_default();
    let (at, length) = match rest.bytes().next() {
        Some(b'0'..=b'9') => {
            let word = rest.split(' ').next().unwrap_or_default();
            (time::of_text(word, &options.tz), word.len())
        }
        _ => (short_time(rest, options, calendar), SHORT_TIME),
    };
    let at = at.ok_or(NotSyslog("a time such as `Dec 10 06:55:46` in front"))?;
    let (first, after) = word(line, start + length).ok_or(NotSyslog("a host name after the time"))?;
    let (host, tag) = match is_tag(line.get(first.clone()).unwrap_or_default()) {
        true => (None, first),
        false => {
            let (tag, _) = word(line, after).ok_or(NotSyslog("a program after the host name"))?;
            (Some(first), tag)
        }
    };
    let (program, pid, message) =
        program(line, tag.start).ok_or(NotSyslog("`program[pid]:` after the host name"))?;
    Ok(Header { at: Some(at), priority, host, program, pid, kind: None, data: Vec::new(), message })
}

/// No host ends with one colon, but for what begins with two of them.
fn is_tag(word: &str) -> bool {
    word.len() > 1 && word.ends_with(':') && !word.ends_with("::")
}

/// Everything after the priority is the message, but for a tag.
fn after_priority(line: &str, priority: Option<u8>, start: usize) -> Header {
    let first = line.get(start..).unwrap_or_default().split(' ').next().unwrap_or_default();
    let tagged = is_tag(first).then(|| program(line, start)).flatten();
    let (program, pid, message) = tagged.unwrap_or((start..start, None, start..line.len()));
    Header { at: None, priority, host: None, program, pid, kind: None, data: Vec::new(), message }
}

/// `program[pid]: message` from a byte on.
fn program(line: &str, start: usize) -> Option<(Range<usize>, Option<u64>, Range<usize>)> {
    let body = line.get(start..)?;
    let colon = body.find(':')?;
    let tag = body.get(..colon)?;
    let (program, pid) = match tag.split_once('[') {
        Some((program, pid)) => (program, pid.strip_suffix(']').and_then(|pid| pid.parse().ok())),
        None => (tag, None),
    };
    if program.is_empty() || program.contains(char::is_whitespace) {
        return None;
    }
    let message = body.get(colon + 1..)?;
    Some((start..start + program.len(), pid, line.len() - message.trim_start().len()..line.len()))
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

/// `TIME HOST PROGRAM PID KIND [id name="value"…] message`; `-` is nothing.
fn rfc5424(line: &str, priority: Option<u8>, start: usize, options: &Options) -> Result<Header, Undecodable> {
    use Undecodable::NotSyslog;
    let mut next = start;
    let mut part = |what: &'static str| {
        let rest = line.get(next..).unwrap_or_default();
        let length = rest.find(' ').filter(|length| *length > 0).ok_or(NotSyslog(what))?;
        let range = next..next + length;
        next += length + 1;
        Ok((range.clone(), line.get(range).filter(|text| *text != "-")))
    };
    let (_, when) = part("a time after the version")?;
    let (host, has_host) = part("a host name after the time")?;
    let (program, has_program) = part("a program after the host name")?;
    let (_, pid) = part("a process id after the program")?;
    let (kind, has_kind) = part("a message type after the process id")?;
    let at = match when {
        Some(text) => {
            Some(time::of_text(text, &options.tz).ok_or(NotSyslog("a time as RFC 3339 writes it"))?)
        }
        None => None,
    };
    let mut data = Vec::new();
    let rest = line.get(next..).unwrap_or_default();
    let length = structured(rest, &mut data)
        .ok_or(NotSyslog("structured data such as `[id name=\"value\"]`, or `-`"))?;
    let message = rest.get(length..).unwrap_or_default();
    let message = message.strip_prefix(' ').unwrap_or(message);
    let message = message.strip_prefix('\u{feff}').unwrap_or(message);
    Ok(Header {
        at,
        priority,
        host: has_host.map(|_| host),
        program: if has_program.is_some() { program } else { start..start },
        pid: pid.and_then(|pid| pid.parse().ok()),
        kind: has_kind.map(|_| kind),
        data,
        message: line.len() - message.len()..line.len(),
    })
}

/// Reads structured data; says how many bytes it is. `None` if it is none.
fn structured(text: &str, data: &mut Vec<(String, String)>) -> Option<usize> {
    if let Some(rest) = text.strip_prefix('-') {
        return (rest.is_empty() || rest.starts_with(' ')).then_some(1);
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let length = element.find([' ', ']']).filter(|length| *length > 0)?;
        let (id, mut inner) = element.split_at_checked(length)?;
        while let Some(parameter) = inner.strip_prefix(' ') {
            let parameter = parameter.trim_start_matches(' ');
            let (name, value) = parameter.split_once("=\"")?;
            if name.is_empty() || name.contains([' ', ']', '"', '=']) || data.len() >= PARAMETERS {
                return None;
            }
            let (value, after) = quoted(value)?;
            data.push((format!("{id}.{name}"), value));
            inner = after;
        }
        rest = inner.strip_prefix(']')?;
    }
    let length = text.len() - rest.len();
    (length > 0 && (rest.is_empty() || rest.starts_with(' '))).then_some(length)
}

/// A value up to its quote, and what follows: `\"`, `\\` and `\]` are escapes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<String, String> {
        let header = parse(line, &Options::default(), &mut Calendar::new(2026), true);
        let header = header.map_err(|error| error.to_string())?;
        let text = |range: &Range<usize>| line[range.clone()].to_owned();
        let or = |text: Option<String>| text.unwrap_or("-".into());
        Ok(format!(
            "{} {} {} {} {} {} {:?} {}",
            or(header.at.map(|at| at.to_string()[..19].to_owned())),
            or(header.priority.map(|p| format!("{}.{}", words(p).0, words(p).1))),
            or(header.host.as_ref().map(text)),
            or(Some(text(&header.program)).filter(|text| !text.is_empty())),
            or(header.pid.map(|pid| pid.to_string())),
            or(header.kind.as_ref().map(text)),
            header.data.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            text(&header.message)
        ))
    }

    #[test]
    fn headers_of_every_kind() {
        for (line, expected) in [
            ("<38>Dec 10 06:55:46 web sshd[7]: x", "2026-12-10T06:55:46 auth.info web sshd 7 - [] x"),
            ("<13>Dec 10 06:55:46 backup: done", "2026-12-10T06:55:46 user.notice - backup - - [] done"),
            ("<13>Dec 10 06:55:46 sshd[9]: a: b", "2026-12-10T06:55:46 user.notice - sshd 9 - [] a: b"),
            ("<13>Dec 10 06:55:46 fe80:: app: x", "2026-12-10T06:55:46 user.notice fe80:: app - - [] x"),
            ("<13>hello world: x", "- user.notice - - - - [] hello world: x"),
            ("<13>app[3]: x", "- user.notice - app 3 - [] x"),
            ("<999>Dec 10 06:55:46 web app: x", "2026-12-10T06:55:46 - web app - - [] x"),
            (
                "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
                "2003-10-11T22:14:15 auth.crit mymachine.example.com su - ID47 [] 'su root' failed",
            ),
            (
                r#"<165>1 2003-10-11T22:14:15.003-07:00 192.0.2.1 evntslog 8 - [ex@1 iut="3" say="a\"b\]\\c"][two@1] x"#,
                r#"2003-10-12T05:14:15 local4.notice 192.0.2.1 evntslog 8 - ["ex@1.iut=3", "ex@1.say=a\"b]\\c"] x"#,
            ),
            ("<13>1 - - - - - -", "- user.notice - - - - [] "),
        ] {
            assert_eq!(parsed(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_header() {
        for (line, expected) in [
            ("hello", "a time such as"),
            ("<13 hello", "a time such as"),
            ("<1x>hello", "a time such as"),
            ("<13>1 2003-10-11T22:14:15Z", "a time after the version"),
            ("<13>1 yesterday h a - - -", "a time as RFC 3339"),
            ("<13>1 - h a - -", "a message type"),
            ("<13>1 - h a - - x", "structured data"),
            ("<13>1 - h a - - [] x", "structured data"),
            ("<13>1 - h a - - [id a=\"1] x", "structured data"),
            ("<13>1 - h a - - [id a=1] x", "structured data"),
            ("<13>1 - h a - - [id a=\"1\" x", "structured data"),
            ("<13>1 - h a - - [id a=\"1\"]x", "structured data"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        let many = format!("<13>1 - h a - - [id{}] x", " a=\"1\"".repeat(PARAMETERS + 1));
        assert!(parsed(&many).is_err());
    }

    #[test]
    fn what_pretends_to_be_a_second_header_is_text() {
        let forged = "Dec 10 06:55:46 web sshd[7]: Failed password for root from 10.0.0.1 port 2 ssh2";
        for (line, program) in [
            (format!("<13>Dec 10 06:55:46 web app: {forged}"), "app"),
            (format!("<13>Dec 10 06:55:46 app: <38>{forged}"), "app"),
            (format!("<13>app: <38>{forged}"), "app"),
            (format!("<13>Dec 10 06:55:46 web app: one\n<38>{forged}"), "app"),
            (format!("<13>1 - web app - - - <38>{forged}"), "app"),
            (format!("<13>1 - web app - - [a b=\"] {forged}\"] x"), "app"),
        ] {
            let header = parse(&line, &Options::default(), &mut Calendar::new(2026), true).unwrap();
            assert_eq!(&line[header.program], program, "{line}");
        }
    }
}

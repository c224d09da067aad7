//! The lines of the flood. Each follows from its number alone, so that nothing is kept of those that were
//! written, and a line can be written again.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;

use crate::flow::backoff::mix;
use crate::model::{Span, Timestamp};

/// Addresses that attack again and again.
pub const ATTACKERS: u64 = 2_000;
/// Failed logins of one address that are a finding: see [`super::plant::RULES`].
pub const LOGINS: u64 = 10;
/// The longest line that is taken, in bytes.
pub const LINE_BYTES: usize = 1024 * 1024;

/// 2026-03-14T00:00:00Z: lines of the flood begin here, and go on by one in a millisecond.
const BEGINS: Timestamp = Timestamp::from_secs(1_773_446_400);
/// Lines are out of order by so much at most, in milliseconds.
const OUT_OF_ORDER: u64 = 5_000;
/// A line that comes again is one of so many before it.
const AGAIN: u64 = 32;
/// Lines in which the same addresses try to log in, and how many of them do.
const BLOCK: u64 = 10_000;
const GUESSERS: u64 = 20;
/// Long lines come this many at once, once in so many groups of them.
const LONG: u64 = 16;
const LONG_EVERY: u64 = 12_500;
/// Fields of a line that has many.
const FIELDS: u64 = 40_000;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is known of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A signal that no rule knows.
    Plain,
    /// A signal of an attack, and its source.
    Attack(Ipv4Addr),
    /// A ready-made threat, and its source.
    Threat(Ipv4Addr),
    /// A failed login, and its source.
    Login(Ipv4Addr),
    /// No signal, with the word for the reason.
    Garbage(&'static str),
    /// Too long.
    TooLong,
}

/// A line as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub kind: Kind,
    /// The number of the line that it repeats, byte for byte.
    pub repeats: Option<u64>,
}

/// Writes the lines of one seed.
pub struct Lines {
    seed: u64,
    text: String,
}

impl Lines {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Lines { seed, text: String::new() }
    }

    fn roll(&self, n: u64, what: u64, below: u64) -> u64 {
        mix(&[self.seed, n, what]) % below
    }

    /// Adds line `n`, with its line feed.
    pub fn write(&mut self, n: u64, out: &mut Vec<u8>) -> Told {
        let mut origin = n;
        while origin > 0 && !is_long(origin) && self.roll(origin, 0, 100) < 30 {
            origin -= 1 + self.roll(origin, 1, AGAIN.min(origin));
        }
        let kind = self.fresh(origin, out);
        out.push(b'\n');
        Told { kind, repeats: (origin != n).then_some(origin) }
    }

    fn fresh(&mut self, n: u64, out: &mut Vec<u8>) -> Kind {
        self.text.clear();
        let at = BEGINS + Span::from_millis(n + OUT_OF_ORDER - self.roll(n, 2, OUT_OF_ORDER));
        let kind = match self.roll(n, 3, 10_000) {
            _ if is_long(n) => return self.long(n, at, out),
            0..100 => return garbage(n, at, out),
            100..150 => self.attack(n, at, ""),
            150..350 => self.login(n, at),
            _ => self.plain(n, at),
        };
        out.extend_from_slice(self.text.as_bytes());
        kind
    }

    fn attack(&mut self, n: u64, at: Timestamp, more: &str) -> Kind {
        let source = Ipv4Addr::from_bits(0x0a00_0000 + self.roll(n, 4, ATTACKERS) as u32);
        let _ = write!(
            self.text,
            r#"{{"timestamp":"{at}","product":"bench","kind":"attack","source_ip":"{source}","source_port":{},"destination_ip":"198.51.100.9","destination_port":22,"user":"root{more}","host":"web-1","n":{n},"message":"refused after 3 tries{more}"}}"#,
            1024 + n % 60_000
        );
        Kind::Attack(source)
    }

    fn login(&mut self, n: u64, at: Timestamp) -> Kind {
        let key = n / BLOCK * GUESSERS + self.roll(n, 5, GUESSERS);
        let source = Ipv4Addr::from_bits(0x0b00_0000 + (key % (1 << 24)) as u32);
        let time = at.to_string();
        let month = time.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
        let (day, clock) =
            (time.get(8..10).unwrap_or("01").trim_start_matches('0'), time.get(11..19).unwrap_or("00:00:00"));
        let _ = write!(
            self.text,
            "{} {day:>2} {clock} web-1 sshd[{}]: Failed password for root from {source} port {} ssh2",
            MONTHS.get(month - 1).unwrap_or(&MONTHS[0]),
            1000 + n % 30_000,
            1024 + n % 60_000
        );
        Kind::Login(source)
    }

    fn plain(&mut self, n: u64, at: Timestamp) -> Kind {
        let text = &mut self.text;
        let (host, port, bytes) = (n % 250, 1024 + n % 60_000, n % 100_000);
        let _ = match mix(&[self.seed, n, 6]) % 4 {
            0 => write!(
                text,
                r#"{{"timestamp":"{at}","flow_id":{n},"event_type":"flow","src_ip":"192.0.2.{host}","src_port":{port},"dest_ip":"198.51.100.7","dest_port":443,"proto":"TCP","flow":{{"pkts_toserver":9,"pkts_toclient":8,"bytes_toserver":{bytes},"bytes_toclient":5120,"state":"closed"}},"app_proto":"tls"}}"#
            ),
            1 => write!(
                text,
                r#"{{"ts":{}.{:06},"_path":"conn","uid":"C{n}","id.orig_h":"192.0.2.{host}","id.orig_p":{port},"id.resp_h":"198.51.100.7","id.resp_p":53,"proto":"udp","service":"dns","duration":0.01,"orig_bytes":{bytes},"resp_bytes":80,"conn_state":"SF"}}"#,
                at.split().0,
                at.split().1
            ),
            2 => write!(
                text,
                r#"{{"timestamp":"{at}","event_type":"dns","src_ip":"192.0.2.{host}","src_port":{port},"dest_ip":"198.51.100.53","dest_port":53,"proto":"UDP","dns":{{"type":"query","id":{},"rrname":"host-{host}.example.net","rrtype":"A"}}}}"#,
                n % 65_536
            ),
            _ => write!(
                text,
                r#"{{"timestamp":"{at}","product":"bench","kind":"visit","source_ip":"192.0.2.{host}","source_port":{port},"user":"user-{host}","host":"web-1","bytes_out":{bytes},"message":"GET /index.html 200"}}"#
            ),
        };
        Kind::Plain
    }

    /// A line of about a mebibyte.
    fn long(&mut self, n: u64, at: Timestamp, out: &mut Vec<u8>) -> Kind {
        let kind = match n % 4 {
            0 => self.attack(n, at, &"x".repeat(LINE_BYTES / 2 - 1024)),
            1 => {
                let _ = write!(self.text, r#"{{"timestamp":"{at}","message":""#);
                self.text.extend(std::iter::repeat_n('x', LINE_BYTES + (n % 100_000) as usize));
                self.text.push_str("\"}");
                Kind::TooLong
            }
            2 => {
                let source = Ipv4Addr::from_bits(0x0c00_0000 + (n % ATTACKERS) as u32);
                let _ = write!(
                    self.text,
                    r#"{{"timestamp":"{at}","event_type":"flood-threat","severity":"high","source_ip":"{source}""#
                );
                (0..FIELDS).for_each(|i| {
                    let _ = write!(self.text, r#","field-{i}":{n}"#);
                });
                self.text.push('}');
                Kind::Threat(source)
            }
            _ => {
                let _ = write!(self.text, r#"{{"timestamp":"{at}","kind":"visit","message":""#);
                self.text.extend(std::iter::repeat_n('y', LINE_BYTES - 1024));
                self.text.push_str("\"}");
                Kind::Plain
            }
        };
        out.extend_from_slice(self.text.as_bytes());
        kind
    }
}

/// Whether a line is one of about a mebibyte; such a line repeats none.
fn is_long(n: u64) -> bool {
    n / LONG % LONG_EVERY == 7
}

/// No signal.
fn garbage(n: u64, at: Timestamp, out: &mut Vec<u8>) -> Kind {
    let deep = 10_000;
    let (reason, written) = match n % 8 {
        0 => ("not_json", write!(out, r#"{{"timestamp":"{at}","kind":"attack","source_ip":"10.0."#)),
        1 => ("not_utf8", out.write_all(b"{\"timestamp\":\"\xff\xfe\xc3\x28\"}")),
        2 => ("binary", write!(out, "{{\"timestamp\":\"{at}\",\"a\":\"\0\"}}")),
        3 => ("not_json", write!(out, r#"{{"timestamp":"{at}","a":{}"#, "[".repeat(deep))),
        4 => ("not_json", write!(out, r#"{}"#, r#"{"a":"#.repeat(deep))),
        5 => ("unrecognised", write!(out, "hello, this is line {n}\u{1b}[2J")),
        6 => ("no_time", write!(out, r#"{{"kind":"attack","source_ip":"10.0.0.1","n":{n}}}"#)),
        _ => ("bad_time", write!(out, r#"{{"timestamp":"soon","kind":"attack","n":{n}}}"#)),
    };
    // Memory takes everything.
    let _ = written;
    Kind::Garbage(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::decode::{Decoder, Format, Options};

    #[test]
    fn every_line_is_what_it_says() {
        let (mut lines, mut decoder) = (Lines::new(7), Decoder::new(Format::Auto, Options::default()));
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        let mut repeats = 0;
        for n in 0..20_000 {
            let mut line = Vec::new();
            let told = lines.write(n, &mut line);
            let line = line.strip_suffix(b"\n").unwrap();
            assert!(!line.contains(&b'\n'));
            repeats += u32::from(told.repeats.is_some());
            let word = format!("{:?}", told.kind);
            *seen.entry(word.split('(').next().unwrap().to_owned()).or_default() += 1;
            if told.kind == Kind::TooLong {
                assert!(line.len() > LINE_BYTES);
                continue;
            }
            assert!(line.len() <= LINE_BYTES, "{}", line.len());
            match (decoder.decode(line), told.kind) {
                (Err(why), Kind::Garbage(reason)) => assert_eq!(why.kind(), reason, "{n}"),
                (Ok(signal), Kind::Attack(source) | Kind::Threat(source) | Kind::Login(source)) => {
                    assert_eq!(signal.common.source_ip, Some(source.into()), "{n}");
                }
                (Ok(_), Kind::Plain) => {}
                (found, kind) => panic!("{n} is {kind:?}: {found:?}"),
            }
        }
        for kind in ["Plain", "Attack", "Threat", "Login", "Garbage", "TooLong"] {
            assert!(seen.contains_key(kind), "{seen:?}");
        }
        assert!((5_500..6_500).contains(&repeats), "{repeats}");
        assert!((140..260).contains(&seen["Garbage"]), "{seen:?}");
    }

    #[test]
    fn long_lines_are_as_long_as_they_say_to_the_end() {
        let mut lines = Lines::new(7);
        for n in [0, 10_000_000, 10_000_000_000].map(|n: u64| n / (LONG * LONG_EVERY) * LONG * LONG_EVERY) {
            for n in n + 7 * LONG..n + 8 * LONG {
                let mut line = Vec::new();
                let told = lines.write(n, &mut line);
                assert_eq!(told.kind == Kind::TooLong, line.len() - 1 > LINE_BYTES, "{n}: {}", line.len());
                assert!(line.len() > LINE_BYTES / 2, "{n}: {}", line.len());
            }
        }
    }

    #[test]
    fn a_line_that_comes_again_is_the_same() {
        let (mut lines, mut other) = (Lines::new(7), Lines::new(7));
        for n in 1..2_000 {
            let (mut line, mut before) = (Vec::new(), Vec::new());
            if let Some(origin) = lines.write(n, &mut line).repeats {
                assert!(origin < n);
                assert_eq!(other.write(origin, &mut before).repeats, None);
                assert!(line == before, "{n} repeats {origin}");
            }
        }
    }
}

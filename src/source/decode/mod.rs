//! One line in, one signal out.
//!
//! | common field | Suricata EVE | Zeek (`.` or `_` in keys) | sshd, by syslog or journald | syslog, journald, logfmt: pairs | JSON lines |
//! |---|---|---|---|---|---|
//! | `source_ip` | `src_ip` | `id.orig_h`, else `tx_hosts`, `src` | last ` from ADDRESS`, `rhost=` | `src`, `SRC`, `srcip`, `rhost` … | `source_ip` and aliases |
//! | `source_port` | `src_port` | `id.orig_p` | ` port N` after the address | `spt`, `SPT`, `srcport` … | `source_port` and aliases |
//! | `destination_ip` | `dest_ip` | `id.resp_h`, else `rx_hosts`, `dst` | | `dst`, `DST`, `dstip` … | `destination_ip` and aliases |
//! | `destination_port` | `dest_port` | `id.resp_p`, else `p` | | `dpt`, `DPT`, `dstport` … | `destination_port` and aliases |
//! | `user` | | `user`, `username`, `client` | the user of a login | `user`, `acct`, `suser` … | `user` and aliases |
//! | `host` | `host` (the sensor) | `@system`, `_system_name` | the host of the header, `_HOSTNAME` | the same, `devname`, else the sender | `host` and aliases |
//! | `process` | | | the program of the header, `_COMM` | the same, `comm`, `exe` | `process` and aliases |
//! | `bytes_out` (sent by the source) | `flow.bytes_toserver`, `netflow.bytes` | `orig_bytes` | | `bytes_out`, `sentbyte` | `bytes_out` |
//! | `bytes_in` (received by the source) | `flow.bytes_toclient` | `resp_bytes` | | `bytes_in`, `rcvdbyte` | `bytes_in` |
//! | `service` | `app_proto` unless `failed` | `service` | `sshd` | `service`, `app` | `service` |
//! | `outcome` | `alert.action` | `auth_success`, `success`: `success` or `failure` | `success` or `failure` of a login | `outcome`, `action`, `result` … | `outcome` |
//!
//! The aliases of JSON lines are in [`json`], those of pairs in [`pairs`]; pairs may also have the names of
//! JSON. Routing, in Sigma's terms:
//!
//! | format | product | service | category |
//! |---|---|---|---|
//! | EVE | `suricata` | `event_type` | `network_connection` (flow, netflow), `dns`, `ids` (alert) |
//! | Zeek | `zeek` | log name | `network_connection` (conn), `dns` |
//! | syslog, journald | `linux` | the program: `sshd` (also `auth`), `sudo` (also `auth`), `cron` … | |
//! | JSON, logfmt | `product` | `service` | `category` of the record, if it has them |
//! | JSON of Windows | `windows` | by `Channel`: `security`, `sysmon` … | by `EventID`: `process_creation` … |

mod eve;
mod header;
mod journald;
mod json;
mod pairs;
mod proven;
mod sshd;
mod syslog;
mod time;
mod undecodable;
mod windows;
mod zeek;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

pub use undecodable::Undecodable;

use jiff::tz::TimeZone;

use crate::model::{Document, Field, Signal, Spare, Timestamp};

/// The longest line that any decoder takes, in bytes; readers have a lower limit of their own.
pub const MOST_LINE_BYTES: usize = 16 * 1024 * 1024;

/// How lines are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Each line by what it looks like, so that one stream may mix formats.
    #[default]
    Auto,
    /// Suricata EVE JSON.
    Eve,
    /// Zeek JSON.
    Zeek,
    /// Syslog lines of sshd.
    Sshd,
    /// Any JSON object with a time.
    Json,
    /// Syslog lines of any program: RFC 3164 and RFC 5424.
    Syslog,
    /// JSON of the journal of systemd (`journalctl -o json`).
    Journald,
    /// `key=value` pairs.
    Logfmt,
}

impl Format {
    /// Every format with its word.
    pub const ALL: &[(Format, &str)] = &[
        (Format::Auto, "auto"),
        (Format::Eve, "eve"),
        (Format::Zeek, "zeek"),
        (Format::Sshd, "sshd"),
        (Format::Json, "json"),
        (Format::Syslog, "syslog"),
        (Format::Journald, "journald"),
        (Format::Logfmt, "logfmt"),
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::ALL.iter().find(|(format, _)| format == self).map_or("auto", |(_, word)| word))
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().find(|(_, word)| *word == text).map(|(format, _)| *format).ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|(_, word)| *word).collect();
            format!("expected a format: one of {}; found `{text}`", words.join(", "))
        })
    }
}

/// What a line does not say by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The year of syslog lines. A step from December to January within a stream is the next year.
    pub year: i16,
    /// The zone of times without one.
    pub tz: TimeZone,
}

impl Default for Options {
    /// 2026, UTC.
    fn default() -> Self {
        Options { year: 2026, tz: TimeZone::UTC }
    }
}

/// Decodes the lines of one stream.
#[derive(Debug, Clone)]
pub struct Decoder {
    format: Format,
    options: Options,
    calendar: header::Calendar,
    fallback: Option<Timestamp>,
    /// Lines come as they are written: one without a time is of now.
    arriving: bool,
    /// The memory of a signal that is gone.
    spare: Spare,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(format: Format, options: Options) -> Self {
        let calendar = header::Calendar::new(options.year);
        Decoder { format, options, calendar, fallback: None, arriving: false, spare: Spare::default() }
    }

    /// Takes back a signal that was decoded, so that the next one may have its memory.
    pub fn reuse(&mut self, signal: Signal) {
        self.spare = signal.document.into_spare();
    }

    /// Of a socket: a syslog line may be without a header, and one without a time has that of
    /// [`Decoder::set_now`].
    pub fn arriving(self) -> Self {
        Decoder { arriving: true, ..self }
    }

    /// Sets the time of ready-made threat signals that carry none. Without this call it is the time
    /// of the line before them.
    pub fn set_now(&mut self, now: Timestamp) {
        self.fallback = Some(now);
    }

    /// Decodes one line, given without its line break.
    pub fn decode(&mut self, line: &[u8]) -> Result<Signal, Undecodable> {
        if line.len() > MOST_LINE_BYTES {
            return Err(Undecodable::TooLong);
        }
        // Many who send over a socket end what they say with it.
        let line = if self.arriving { line.strip_suffix(b"\0").unwrap_or(line) } else { line };
        let decoded = self.decode_text(line);
        // No line with such a byte is decoded, whatever else is wrong with it.
        if decoded.is_err() && memchr::memchr(0, line).is_some() {
            return Err(Undecodable::Binary);
        }
        decoded
    }

    fn decode_text(&mut self, line: &[u8]) -> Result<Signal, Undecodable> {
        let text = std::str::from_utf8(line).map_err(|error| Undecodable::NotUtf8(error.valid_up_to()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.starts_with('{') && memchr::memchr(0, line).is_some() {
            return Err(Undecodable::Binary);
        }
        let signal = match self.format {
            Format::Sshd | Format::Syslog => self.syslog(text),
            Format::Logfmt => pairs::decode(text, &self.options),
            Format::Auto if !text.starts_with('{') => self.told(text),
            format => {
                let document =
                    Document::parse_in(Arc::from(text), std::mem::take(&mut self.spare)).map_err(not_json)?;
                match format {
                    Format::Eve => eve::decode(document, &self.options),
                    Format::Zeek => zeek::decode(document, &self.options),
                    Format::Journald => journald::decode(document, &self.options),
                    Format::Auto if eve::recognises(&document) => eve::decode(document, &self.options),
                    Format::Auto if zeek::recognises(&document) => zeek::decode(document, &self.options),
                    Format::Auto if journald::recognises(&document) => {
                        journald::decode(document, &self.options)
                    }
                    _ => json::decode(document, &self.options, self.fallback),
                }
            }
        }?;
        self.fallback = Some(signal.at);
        Ok(signal)
    }

    fn syslog(&mut self, text: &str) -> Result<Signal, Undecodable> {
        let arrival = self.fallback.filter(|_| self.arriving);
        syslog::decode(text, &self.options, &mut self.calendar, arrival)
    }

    /// A line that is no JSON, by what it looks like.
    fn told(&mut self, text: &str) -> Result<Signal, Undecodable> {
        match self.syslog(text) {
            Err(Undecodable::NotSyslog(_)) => {
                let signal = pairs::decode(text, &self.options);
                signal.map_err(|_| Undecodable::Unrecognised)
            }
            other => other,
        }
    }
}

/// An address as text.
fn address(field: Field) -> Option<IpAddr> {
    field.str().and_then(|text| text.parse().ok())
}

/// A port as number or text.
fn port(field: Field) -> Option<u16> {
    match field.unsigned() {
        Some(number) => u16::try_from(number).ok(),
        None => field.str().and_then(|text| text.parse().ok()),
    }
}

fn not_json(error: serde_json::Error) -> Undecodable {
    let said = error.to_string();
    Undecodable::NotJson(said.replace(" at line 1 column ", " at column "))
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoder(format: Format) -> Decoder {
        Decoder::new(format, Options::default())
    }

    #[test]
    fn formats_have_words() {
        for (format, word) in Format::ALL {
            assert_eq!(word.parse(), Ok(*format));
            assert_eq!(format.to_string(), *word);
        }
        assert!("xml".parse::<Format>().unwrap_err().contains("auto, eve, zeek, sshd, json"));
    }

    #[test]
    fn auto_tells_the_formats_of_each_line() {
        let mut decoder = decoder(Format::Auto);
        for (line, product, service) in [
            (
                r#"{"timestamp":"2026-03-14T10:00:00Z","event_type":"flow","src_ip":"10.0.0.1"}"#,
                "suricata",
                "flow",
            ),
            (r#"{"ts":1773482400.5,"_path":"conn","uid":"C1","id.orig_h":"10.0.0.1"}"#, "zeek", "conn"),
            ("Mar 14 10:00:00 web sshd[1]: Connection closed by 10.0.0.1 [preauth]", "linux", "sshd"),
            (r#"{"time":"2026-03-14T10:00:00Z","product":"windows"}"#, "windows", ""),
        ] {
            let signal = decoder.decode(line.as_bytes()).unwrap();
            assert_eq!((&*signal.origin.product, &*signal.origin.service), (product, service), "{line}");
            assert_eq!(&**signal.raw(), line);
        }
    }

    #[test]
    fn bad_lines_say_why() {
        let long = vec![b'x'; MOST_LINE_BYTES + 1];
        let deep = format!("{{\"a\":{}", "[".repeat(10_000));
        for (format, line, expected) in [
            (Format::Auto, &b"{\"a\":1"[..], "not one JSON object: EOF while parsing an object at column 6"),
            (Format::Auto, b"{\"a\":1}", "no field with a time"),
            (
                Format::Auto,
                br#"{"event_type":"port_scan","severity":"high"}"#,
                "the signal has no time, and there is no line before it",
            ),
            (Format::Auto, b"hello", "neither a JSON object nor a syslog line"),
            (Format::Sshd, b"hello", "not a syslog line: expected a time"),
            (Format::Auto, b"\x7fELF\x02\x00\x00", "NUL byte"),
            (Format::Auto, b"Mar 14 \xff\xfe", "not valid UTF-8 from byte 8 on"),
            (Format::Json, b"[1]", "expected a JSON object"),
            (Format::Json, b"{\"time\":\"soon\"}", "expected a time, found `soon`"),
            (Format::Json, b"{\"time\":1e300}", "expected a time"),
            (Format::Eve, b"{\"timestamp\":\"2026-03-14T10:00:00Z\"}", "no usable `event_type`"),
            (Format::Eve, b"{\"event_type\":\"flow\"}", "no field with a time"),
            (Format::Zeek, b"{\"ts\":null}", "expected a time, found `null`"),
            (Format::Sshd, b"{}", "not a syslog line"),
            (Format::Auto, &long, "longer than the limit"),
            (Format::Auto, deep.as_bytes(), "recursion limit"),
        ] {
            let error = decoder(format).decode(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} should contain {expected}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_carriage_return_are_no_part_of_a_line() {
        let line = "\u{feff}{\"time\":1773482400}\r";
        assert_eq!(
            decoder(Format::Auto).decode(line.as_bytes()).unwrap().at,
            Timestamp::from_secs(1_773_482_400)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(line in proptest::collection::vec(any::<u8>(), 0..200), format in 0..Format::ALL.len()) {
            let _ = decoder(Format::ALL[format].0).decode(&line);
        }

        #[test]
        fn no_text_like_lines_make_a_decoder_panic(
            head in "(<[0-9]{0,4}>)?(Mar|Dec|Foo)? ?[0-9]{0,2} [0-9:]{0,9} ?[a-z]{0,3} ?(sshd)?(\\[[0-9]{0,3}\\])?:? ?",
            tail in "(message repeated [0-9]{0,12} times: \\[ )?(Failed|Accepted|Invalid)?( password| user)?( for)? .{0,40}( from)? ?[0-9.]{0,9}( port [0-9]{0,6})?.{0,8}"
        ) {
            let _ = decoder(Format::Auto).decode(format!("{head}{tail}").as_bytes());
        }

        #[test]
        fn no_json_makes_a_decoder_panic(
            key in "(timestamp|ts|time|event_type|src_ip|flow|severity|id.orig_h|@stream|[a-z]{1,3})",
            value in "(\"[-0-9T:.Z]{0,24}\"|-?[0-9]{1,20}(\\.[0-9]{1,9})?(e[0-9]{1,2})?|null|true|\\{\\}|\\[1\\])",
            format in 0..Format::ALL.len()
        ) {
            let line = format!("{{\"event_type\":\"flow\",\"{key}\":{value}}}");
            let _ = decoder(Format::ALL[format].0).decode(line.as_bytes());
        }
    }
}

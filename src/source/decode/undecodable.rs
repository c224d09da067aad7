//! Why a line is not a signal.

use std::fmt;

/// Why a line is not a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecodable {
    /// Longer than the limit of its reader, or than [`super::MOST_LINE_BYTES`].
    TooLong,
    /// It has a NUL byte: not a text file.
    Binary,
    /// Not UTF-8, from this byte on.
    NotUtf8(usize),
    /// Not one JSON object, too deep, or cut off; with the parser's words.
    NotJson(String),
    /// A syslog line was expected; with what is missing.
    NotSyslog(&'static str),
    /// No `key=value` pair in it.
    NotPairs,
    /// A message that ends before it is whole.
    CutOff,
    /// No count of bytes where one has to be, on a connection that counts (RFC 6587).
    NoCount,
    /// `auto` was asked, and it looks like none of the formats.
    Unrecognised,
    /// A JSON object without a field that the format must have.
    Lacks(&'static str),
    /// No field with a time.
    NoTime,
    /// A ready-made threat signal without a time takes that of the line before it, and there is none.
    NoTimeYet,
    /// The field with the time is not readable as one.
    BadTime(String),
    /// The decoder has a mistake; with what it said.
    Panicked(String),
}

impl Undecodable {
    /// One word for the reason, as it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Undecodable::TooLong => "too_long",
            Undecodable::Binary => "binary",
            Undecodable::NotUtf8(_) => "not_utf8",
            Undecodable::NotJson(_) => "not_json",
            Undecodable::NotSyslog(_) => "not_syslog",
            Undecodable::NotPairs => "no_pairs",
            Undecodable::CutOff => "cut_off",
            Undecodable::NoCount => "no_count",
            Undecodable::Unrecognised => "unrecognised",
            Undecodable::Lacks(_) => "lacks_a_field",
            Undecodable::NoTime | Undecodable::NoTimeYet => "no_time",
            Undecodable::BadTime(_) => "bad_time",
            Undecodable::Panicked(_) => "panic_in_a_decoder",
        }
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undecodable::TooLong => write!(f, "line is longer than the limit for lines"),
            Undecodable::Binary => write!(f, "line has a NUL byte: binary data, not text"),
            Undecodable::NotUtf8(at) => write!(f, "line is not valid UTF-8 from byte {} on", at + 1),
            Undecodable::NotJson(why) => write!(f, "not one JSON object: {why}"),
            Undecodable::NotSyslog(why) => write!(f, "not a syslog line: expected {why}"),
            Undecodable::NotPairs => write!(f, "no `key=value` pairs in the line"),
            Undecodable::CutOff => write!(f, "the message ends before it is whole"),
            Undecodable::NoCount => write!(f, "a count of bytes was expected before the next message"),
            Undecodable::Unrecognised => write!(f, "neither a JSON object nor a syslog line"),
            Undecodable::Lacks(field) => write!(f, "the record has no usable `{field}`"),
            Undecodable::NoTime => write!(f, "the record has no field with a time, such as `timestamp`"),
            Undecodable::NoTimeYet => {
                write!(
                    f,
                    "the signal has no time, and there is no line before it in this file to take it from"
                )
            }
            Undecodable::Panicked(said) => write!(f, "a mistake in the decoder: {said}"),
            Undecodable::BadTime(found) => write!(f, "expected a time, found `{found}`"),
        }
    }
}

impl std::error::Error for Undecodable {}

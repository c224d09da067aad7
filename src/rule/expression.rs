//! Regular expressions of rules (`re`): linear in the length of the value, and bounded in size.

use regex::RegexBuilder;

use super::required;
use super::room::Room;
use super::texts::shown;
use crate::flow::fault::Fault;

/// The largest compiled expression, in bytes.
const PROGRAM_BYTES: usize = 8 * 1024 * 1024;
/// The limit that is tried first, then eight times as much: the library does not say how large an
/// expression became.
const LEAST_BYTES: usize = PROGRAM_BYTES / 512;
/// What one expression may use while it searches, in bytes.
const CACHE_BYTES: usize = 1024 * 1024;

/// `i`, `m`, `s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    pub insensitive: bool,
    pub multi_line: bool,
    pub dot_all: bool,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    regex: regex::Regex,
    flags: Flags,
    /// See [`Expression::required`].
    required: Option<Box<[Box<str>]>>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.flags == other.flags
    }
}

impl Expression {
    /// Compiles it.
    ///
    /// # Errors
    /// It is none, or there is no room for it.
    pub fn new(text: &str, flags: Flags, room: &Room) -> Result<Expression, Fault> {
        let mut bytes = LEAST_BYTES;
        loop {
            // Also what is refused in the end was work.
            room.expression(bytes)?;
            match Expression::within(text, flags, bytes) {
                Err(regex::Error::CompiledTooBig(_)) if bytes < PROGRAM_BYTES => bytes *= 8,
                built => {
                    let regex = built.map_err(|error| refused(text, &error))?;
                    return Ok(Expression { regex, flags, required: required::texts(text, flags) });
                }
            }
        }
    }

    fn within(text: &str, flags: Flags, bytes: usize) -> Result<regex::Regex, regex::Error> {
        RegexBuilder::new(text)
            .case_insensitive(flags.insensitive)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .size_limit(bytes)
            .dfa_size_limit(CACHE_BYTES)
            .build()
    }

    /// Texts in lower case of which one stands in every value in which it is found, in lower case. `None`
    /// if none are known.
    pub fn required(&self) -> Option<&[Box<str>]> {
        self.required.as_deref()
    }

    /// Whether it is found in the value.
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

fn refused(text: &str, error: &regex::Error) -> Fault {
    if let regex::Error::CompiledTooBig(limit) = error {
        return Fault::new(format!("the expression needs more than {} KiB", limit / 1024))
            .hint("repeat less: each `{n,m}` is written out");
    }
    // The last line says what is wrong, those before it draw the expression.
    let said = error.to_string();
    let said = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let fault = Fault::new(format!("not a usable regular expression: {}", shown(said)));
    if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| text.contains(look)) {
        return Fault::new("look-around in a regular expression is refused")
            .hint("it cannot be matched in linear time; write a second field test, and `and not` it");
    }
    if said.contains("backreferences") {
        return Fault::new("a back-reference in a regular expression is refused")
            .hint("it cannot be matched in linear time");
    }
    fault
}

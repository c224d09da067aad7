//! What is asked of a server, with placeholders for the values of an action.
//!
//! A value stays where its placeholder stands: percent-encoded in one segment of the path or one value of
//! the query (RFC 3986), and as JSON in the body.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Args, SafeText, Value, Word};

/// Everything but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Bytes of a path and its query, at most: servers take about as much.
pub const MAX_TARGET: usize = 8 * 1024;

/// The methods that actions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Every method with its word.
    pub const ALL: [(Method, &'static str); 5] = [
        (Method::Get, "GET"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Patch, "PATCH"),
        (Method::Delete, "DELETE"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or("GET", |(_, name)| name)
    }
}

/// A request before its values are known.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// What is done.
    pub method: Method,
    /// The segments of the path, without the slashes before them.
    pub path: Vec<Word>,
    /// Names and values; one whose value is not given is left out.
    pub query: Vec<(Arc<str>, Word)>,
    /// What is sent as JSON.
    pub body: Option<BodyTree>,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyTree {
    /// As the file has it.
    Fixed(Value),
    /// Text with placeholders.
    Text(Word),
    /// A list; what has no value is left out.
    List(Vec<BodyTree>),
    /// A mapping; what has no value is left out.
    Map(Vec<(Arc<str>, BodyTree)>),
}

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Path and query, beginning with a slash.
    pub target: String,
    /// The body.
    pub body: Option<Value>,
}

/// Why a fixed text cannot be part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// A `?` or `#`.
    Ends,
    /// A character that has to be percent-encoded, or a `%` that begins no such code.
    Unencoded(char),
    /// `.` or `..`, which a server takes for a way through the path.
    Dots,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathFault::Ends => f.write_str("a path ends at `?` and `#`"),
            PathFault::Unencoded(c) => {
                let mut buffer = [0; 4];
                write!(f, "`{}` cannot stand in a path", SafeText(c.encode_utf8(&mut buffer)))
            }
            PathFault::Dots => f.write_str("`.` and `..` lead out of the path"),
        }
    }
}

impl PathFault {
    /// What is wrong with the fixed parts of a segment.
    pub fn of(segment: &Word) -> Option<PathFault> {
        let dots = segment.as_plain().is_some_and(is_dots);
        segment.plain().find_map(PathFault::of_text).or(dots.then_some(PathFault::Dots))
    }

    /// What cannot stand in a path (RFC 3986, `pchar`).
    fn of_text(text: &str) -> Option<PathFault> {
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'?' | b'#' => return Some(PathFault::Ends),
                b'%' => {
                    let code = rest.next().zip(rest.next());
                    if !code.is_some_and(|(a, b)| a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) {
                        return Some(PathFault::Unencoded('%'));
                    }
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
                _ if b"-._~!$&'()*+,;=:@".contains(&byte) => {}
                _ => {
                    let at = text.len() - rest.len() - 1;
                    return Some(PathFault::Unencoded(
                        text.get(at..).and_then(|t| t.chars().next()).unwrap_or('?'),
                    ));
                }
            }
        }
        None
    }
}

/// Whether a segment is `.` or `..`, encoded or not.
fn is_dots(segment: &str) -> bool {
    matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..")
}

impl HttpRequest {
    /// The request with the values in it; `prefix` is what its path begins with.
    ///
    /// # Errors
    /// A value would not stay in its place, or is missing; or the request is too long.
    pub fn render(&self, prefix: &str, args: &Args) -> Result<Rendered, String> {
        let mut target = prefix.to_owned();
        for segment in &self.path {
            target.push('/');
            target.push_str(&within_path(segment, args)?);
        }
        let mut separator = '?';
        for (name, value) in &self.query {
            if let Some(value) = value.fill(args, |_, value| Ok(value))? {
                target.push(separator);
                target.push_str(&encoded(name));
                target.push('=');
                target.push_str(&encoded(&value));
                separator = '&';
            }
        }
        if target.len() > MAX_TARGET {
            return Err(format!(
                "the path and its query have {} bytes, at most {MAX_TARGET} are sent",
                target.len()
            ));
        }
        let body = self.body.as_ref().map(|body| body.render(args)).transpose()?.flatten();
        Ok(Rendered { target, body })
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A segment of a path. A server or proxy on the way may decode it before it looks at slashes and dots:
/// so a value that would then lead elsewhere is refused as well.
fn within_path(segment: &Word, args: &Args) -> Result<String, String> {
    let text = segment.fill(args, |_, value| {
        let shown = || SafeText(&value).cut(60);
        if value.is_empty() {
            return Err("is empty, and stands in a path".to_owned());
        }
        if value.chars().any(char::is_control) {
            return Err(format!("has a control character: `{}`", shown()));
        }
        if value.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return Err(format!("would lead out of its place in the path: `{}`", shown()));
        }
        Ok(encoded(&value))
    })?;
    let Some(text) = text else {
        let missing = segment.names().find(|name| args.get(name).is_none_or(Value::is_null));
        return Err(format!("argument `{}` is missing", missing.map_or("?", |name| name)));
    };
    Ok(text)
}

impl BodyTree {
    fn render(&self, args: &Args) -> Result<Option<Value>, String> {
        Ok(Some(match self {
            BodyTree::Fixed(value) => value.clone(),
            BodyTree::Text(word) => return word.value(args),
            BodyTree::List(items) => {
                let items = items.iter().filter_map(|item| item.render(args).transpose());
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            BodyTree::Map(entries) => {
                let entries = entries.iter().filter_map(|(key, tree)| {
                    let value = tree.render(args).transpose()?;
                    Some(value.map(|value| (key.to_string(), value)))
                });
                Value::Object(entries.collect::<Result<_, _>>()?)
            }
        }))
    }
}

#[cfg(test)]
#[path = "http_request_tests.rs"]
mod tests;

//! STIX 2.1 bundles: the indicators in them whose pattern is a plain comparison, or several of which any may
//! hold. (<https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html>, 4.7 and 9)

use std::borrow::Cow;

use serde::Deserialize;

use super::Kind;

/// A bundle, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Bundle<'a> {
    /// Has to be `bundle`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// What is in it.
    #[serde(default, borrow)]
    pub objects: Vec<Object<'a>>,
}

/// An object of a bundle.
#[derive(Debug, Deserialize)]
pub struct Object<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub id: Cow<'a, str>,
    #[serde(borrow, default)]
    pattern: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pattern_type: Option<Cow<'a, str>>,
    #[serde(default)]
    revoked: bool,
}

impl Object<'_> {
    /// Whether it is an indicator that is still meant.
    pub fn counts(&self) -> bool {
        self.kind == "indicator" && !self.revoked
    }

    /// The values of its pattern. `None` if it asks for more than that one of them is there.
    pub fn values(&self) -> Option<Vec<(Kind, String)>> {
        match self.pattern_type.as_deref() {
            None | Some("stix") => alternatives(self.pattern.as_deref()?),
            Some(_) => None,
        }
    }
}

/// The kind of value that an object path leads to.
fn kind(path: &str) -> Option<Kind> {
    Some(match path {
        "ipv4-addr:value" | "ipv6-addr:value" => Kind::Address,
        "domain-name:value" => Kind::Domain,
        "url:value" | "email-addr:value" | "file:name" => Kind::Text,
        _ => {
            let name = path.strip_prefix("file:hashes.")?;
            let name = name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(name);
            const HASHES: [&str; 5] = ["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-512"];
            HASHES.contains(&name).then_some(Kind::Hash)?
        }
    })
}

#[derive(Debug, PartialEq)]
enum Token<'p> {
    /// `[`, `]`, `(`, `)`, `,` or `=`
    Sign(char),
    /// An object path or a word.
    Word(&'p str),
    Text(String),
}

/// `[ipv4-addr:value = '192.0.2.1' OR domain-name:value IN ('a.example', 'b.example')] OR […]`
fn alternatives(pattern: &str) -> Option<Vec<(Kind, String)>> {
    let mut tokens = tokens(pattern)?.into_iter().peekable();
    let mut values = Vec::new();
    loop {
        (tokens.next()? == Token::Sign('[')).then_some(())?;
        loop {
            let Token::Word(path) = tokens.next()? else { return None };
            let kind = kind(path)?;
            match (tokens.next()?, tokens.next()?) {
                (Token::Sign('='), Token::Text(value)) => values.push((kind, value)),
                // A network in place of an address.
                (Token::Word("ISSUBSET"), Token::Text(value)) if kind == Kind::Address => {
                    values.push((kind, value));
                }
                (Token::Word("IN"), Token::Sign('(')) => loop {
                    let Token::Text(value) = tokens.next()? else { return None };
                    values.push((kind, value));
                    match tokens.next()? {
                        Token::Sign(',') => {}
                        Token::Sign(')') => break,
                        _ => return None,
                    }
                },
                _ => return None,
            }
            match tokens.next()? {
                Token::Word("OR") => {}
                Token::Sign(']') => break,
                _ => return None,
            }
        }
        match tokens.next() {
            None => return Some(values),
            Some(Token::Word("OR")) => {}
            Some(_) => return None,
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = pattern.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '[' | ']' | '(' | ')' | ',' | '=' => {
                tokens.push(Token::Sign(first));
                1
            }
            '\'' => {
                let (text, end) = quoted(rest)?;
                tokens.push(Token::Text(text));
                end
            }
            _ => {
                let end = word(rest);
                tokens.push(Token::Word(rest.get(..end).filter(|word| !word.is_empty())?));
                end
            }
        };
        rest = rest.get(end..)?.trim_start();
    }
    Some(tokens)
}

/// Where a word ends; a path may have a quoted part.
fn word(text: &str) -> usize {
    let mut inside = false;
    let ends = |(_, c): &(usize, char)| {
        inside ^= *c == '\'';
        !inside && (c.is_whitespace() || "[](),=".contains(*c))
    };
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

/// A text in single quotes, in which `\` stands before a quote or itself; and where it ends.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        match chars.next()? {
            (at, '\'') => return Some((value, at + 1)),
            (_, '\\') => value.push(chars.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_comparisons_are_understood() {
        let one = |kind, value: &str| Some(vec![(kind, value.to_owned())]);
        for (pattern, expected) in [
            ("[ipv4-addr:value = '192.0.2.1']", one(Kind::Address, "192.0.2.1")),
            ("  [ domain-name:value='a.example' ] ", one(Kind::Domain, "a.example")),
            ("[file:hashes.'SHA-256' = 'ab']", one(Kind::Hash, "ab")),
            ("[file:hashes.MD5 = 'ab']", one(Kind::Hash, "ab")),
            (r"[file:name = 'it\'s \\ here']", one(Kind::Text, r"it's \ here")),
            ("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", one(Kind::Address, "192.0.2.0/24")),
            (
                "[url:value = 'u' OR domain-name:value IN ('a', 'b')] OR [file:name = 'n']",
                Some(
                    [(Kind::Text, "u"), (Kind::Domain, "a"), (Kind::Domain, "b"), (Kind::Text, "n")]
                        .map(|(kind, value)| (kind, value.to_owned()))
                        .to_vec(),
                ),
            ),
            ("[ipv4-addr:value = '192.0.2.1' AND file:name = 'n']", None),
            ("[ipv4-addr:value != '192.0.2.1']", None),
            ("[ipv4-addr:value LIKE '192.%']", None),
            ("[NOT ipv4-addr:value = '192.0.2.1']", None),
            ("[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'n']", None),
            ("[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES", None),
            ("[process:pid = 5]", None),
            ("[file:hashes.WHAT = 'ab']", None),
            ("[ipv4-addr:value = 'open", None),
            ("ipv4-addr:value = 'x'", None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(alternatives(pattern), expected, "{pattern}");
        }
    }
}

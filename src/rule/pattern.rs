//! Sigma's string values: wildcards `*` and `?`, escapes with `\`, letter case ignored by default.

use std::borrow::Cow;

use memchr::memchr2;

/// A piece of a string value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
}

/// Where in the value the text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It is the whole value.
    Whole,
    /// `startswith`
    Start,
    /// `endswith`
    End,
    /// `contains`
    Anywhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// One text without wildcards.
    Plain(Anchor, Box<str>),
    /// Anything else.
    Glob(Vec<Token>),
}

/// A compiled string value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    shape: Shape,
    cased: bool,
}

impl Pattern {
    /// Compiles a value. `cased` keeps letter case.
    pub fn new(text: &str, anchor: Anchor, cased: bool) -> Pattern {
        let folded = if cased { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) };
        let mut tokens = tokens(&folded);
        if matches!(anchor, Anchor::End | Anchor::Anywhere) {
            tokens.insert(0, Token::Any);
        }
        if matches!(anchor, Anchor::Start | Anchor::Anywhere) {
            tokens.push(Token::Any);
        }
        tokens.dedup_by(|a, b| *a == Token::Any && *b == Token::Any);
        Pattern { shape: shape(tokens), cased }
    }

    /// The text in lower case, if only exactly this text matches: an index can use it.
    pub fn exact(&self) -> Option<&str> {
        match &self.shape {
            Shape::Plain(Anchor::Whole, text) if !self.cased => Some(text),
            _ => None,
        }
    }

    /// Whether a value matches.
    pub fn matches(&self, value: &str) -> bool {
        if let Shape::Plain(anchor, text) = &self.shape {
            match (self.cased, value.is_ascii()) {
                (true, _) => return plain(*anchor, text, value),
                (false, true) => return plain_ascii(*anchor, text.as_bytes(), value.as_bytes()),
                _ => {}
            }
        }
        let lower = |c: char| c.is_uppercase() || (!c.is_ascii() && c.to_lowercase().next() != Some(c));
        let value = match !self.cased && value.chars().any(lower) {
            true => Cow::Owned(value.to_lowercase()),
            false => Cow::Borrowed(value),
        };
        match &self.shape {
            Shape::Plain(anchor, text) => plain(*anchor, text, &value),
            Shape::Glob(tokens) => glob(tokens, &value),
        }
    }
}

/// `\` makes a following `*`, `?` or `\` plain; before anything else it is itself.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let wild = match c {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => {
                plain.push(chars.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\'));
                continue;
            }
            c => {
                plain.push(c);
                continue;
            }
        };
        if !plain.is_empty() {
            tokens.push(Token::Text(std::mem::take(&mut plain)));
        }
        tokens.push(wild);
    }
    if !plain.is_empty() {
        tokens.push(Token::Text(plain));
    }
    tokens
}

fn shape(tokens: Vec<Token>) -> Shape {
    match tokens.as_slice() {
        [] => Shape::Plain(Anchor::Whole, "".into()),
        [Token::Text(text)] => Shape::Plain(Anchor::Whole, text.as_str().into()),
        [Token::Text(text), Token::Any] => Shape::Plain(Anchor::Start, text.as_str().into()),
        [Token::Any, Token::Text(text)] => Shape::Plain(Anchor::End, text.as_str().into()),
        [Token::Any, Token::Text(text), Token::Any] => Shape::Plain(Anchor::Anywhere, text.as_str().into()),
        _ => Shape::Glob(tokens),
    }
}

fn plain(anchor: Anchor, text: &str, value: &str) -> bool {
    match anchor {
        Anchor::Whole => value == text,
        Anchor::Start => value.starts_with(text),
        Anchor::End => value.ends_with(text),
        Anchor::Anywhere => value.contains(text),
    }
}

/// `text` is in lower case, `value` is ASCII in any case.
fn plain_ascii(anchor: Anchor, text: &[u8], value: &[u8]) -> bool {
    let Some(spare) = value.len().checked_sub(text.len()) else { return false };
    let at = |i: usize| value.get(i..i + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text));
    match anchor {
        Anchor::Whole => spare == 0 && at(0),
        Anchor::Start => at(0),
        Anchor::End => at(spare),
        Anchor::Anywhere => {
            let Some(first) = text.first() else { return true };
            let mut start = 0;
            while let Some(skipped) =
                value.get(start..=spare).and_then(|rest| memchr2(*first, first.to_ascii_uppercase(), rest))
            {
                if at(start + skipped) {
                    return true;
                }
                start += skipped + 1;
            }
            false
        }
    }
}

/// Greedy matching that goes back to the last `*` only: linear memory, no recursion.
fn glob(tokens: &[Token], value: &str) -> bool {
    let mut at = 0; // in tokens
    let mut rest = value;
    let mut star: Option<(usize, &str)> = None;
    loop {
        let step = match tokens.get(at) {
            Some(Token::Any) => {
                star = Some((at + 1, rest));
                at += 1;
                continue;
            }
            Some(Token::Text(text)) => rest.strip_prefix(text.as_str()),
            Some(Token::One) => rest.chars().next().and_then(|c| rest.get(c.len_utf8()..)),
            None if rest.is_empty() => return true,
            None => None,
        };
        match (step, star) {
            (Some(left), _) => {
                rest = left;
                at += 1;
            }
            (None, Some((after, from))) => {
                let Some(first) = from.chars().next() else { return false };
                let from = from.get(first.len_utf8()..).unwrap_or_default();
                star = Some((after, from));
                rest = from;
                at = after;
            }
            (None, None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_match_as_sigma_says() {
        use Anchor::*;
        for (text, anchor, value, expected) in [
            ("abc", Whole, "ABC", true),
            ("abc", Whole, "abcd", false),
            ("", Whole, "", true),
            ("", Whole, "x", false),
            ("a*c", Whole, "abbbc", true),
            ("a*c", Whole, "ac", true),
            ("a?c", Whole, "ac", false),
            ("a?c", Whole, "aéc", true),
            ("*", Whole, "", true),
            ("?*", Whole, "", false),
            (r"a\*c", Whole, "a*c", true),
            (r"a\*c", Whole, "abc", false),
            (r"a\\*c", Whole, r"a\xyc", true),
            (r"a\\\*c", Whole, r"a\*c", true),
            (r"C:\Windows\cmd.exe", Whole, r"c:\windows\CMD.EXE", true),
            (r"\\", Whole, r"\", true),
            (r"\\\\", Whole, r"\\", true),
            (r"\\\", Whole, r"\\", true),
            ("wind", Start, "Windows", true),
            ("dows", End, "Windows", true),
            ("NDO", Anywhere, "Windows", true),
            ("x", Anywhere, "Windows", false),
            ("", Anywhere, "", true),
            ("a*z", Anywhere, "..a..Z..", true),
            ("ÄRGER", Anywhere, "viel ärger", true),
            ("ärger", Whole, "ÄRGER", true),
            ("a*b*c*d", Whole, "abcbcd", true),
        ] {
            let pattern = Pattern::new(text, anchor, false);
            assert_eq!(pattern.matches(value), expected, "{text} {anchor:?} {value}");
        }
        assert!(!Pattern::new("abc", Whole, true).matches("ABC"));
        assert!(Pattern::new("aBc", Anywhere, true).matches("xaBcx"));
    }

    /// The definition, by recursion over characters.
    fn naive(pattern: &[char], value: &[char]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some(('*', rest)) => (0..=value.len()).any(|i| naive(rest, &value[i..])),
            Some(('?', rest)) => !value.is_empty() && naive(rest, &value[1..]),
            Some((c, rest)) => value.first() == Some(c) && naive(rest, &value[1..]),
        }
    }

    proptest! {
        #[test]
        fn globs_equal_their_definition(pattern in "[ab*?é]{0,8}", value in "[abAé]{0,10}") {
            let lower: Vec<char> = value.to_lowercase().chars().collect();
            let chars: Vec<char> = pattern.chars().collect();
            prop_assert_eq!(
                Pattern::new(&pattern, Anchor::Whole, false).matches(&value),
                naive(&chars, &lower)
            );
            let inside: Vec<char> = format!("*{pattern}*").chars().collect();
            prop_assert_eq!(
                Pattern::new(&pattern, Anchor::Anywhere, false).matches(&value),
                naive(&inside, &lower)
            );
        }
    }
}

//! Sigma's string values: wildcards `*` and `?`, escapes with `\`, letter case ignored by default.

use std::borrow::Cow;

use memchr::{memchr2, memmem};

use super::literals::{folds_bytewise, usual};
use super::text::{Text, Token};

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

impl Anchor {
    /// Whether the text stands so in the value.
    pub fn places(self, value: &str, text: &str) -> bool {
        match self {
            Anchor::Whole => value == text,
            Anchor::Start => value.starts_with(text),
            Anchor::End => value.ends_with(text),
            Anchor::Anywhere => value.contains(text),
        }
    }
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
    /// `windash`: every character of [`DASHES`] counts as `-`.
    dashes: bool,
}

/// What `windash` takes for one another.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

impl Pattern {
    /// Compiles a value as it is written. `cased` keeps letter case.
    pub fn new(text: &str, anchor: Anchor, cased: bool) -> Pattern {
        Pattern::of(Text::parse(text), anchor, cased, false)
    }

    /// Compiles a value.
    pub fn of(text: Text, anchor: Anchor, cased: bool, dashes: bool) -> Pattern {
        let mut tokens = text.0;
        if matches!(anchor, Anchor::End | Anchor::Anywhere) {
            tokens.insert(0, Token::Any);
        }
        if matches!(anchor, Anchor::Start | Anchor::Anywhere) {
            tokens.push(Token::Any);
        }
        let mut tokens = Text(tokens).joined().0;
        for token in &mut tokens {
            if let Token::Text(text) = token
                && let Cow::Owned(folded) = fold(text, cased, dashes)
            {
                *text = folded;
            }
        }
        Pattern { shape: shape(tokens), cased, dashes }
    }

    /// The text in lower case, if only exactly this text matches: an index can use it.
    pub fn exact(&self) -> Option<&str> {
        match &self.shape {
            Shape::Plain(Anchor::Whole, text) if !self.cased && !self.dashes => Some(text),
            _ => None,
        }
    }

    /// The text in lower case, if exactly the values in which it stands match.
    pub fn anywhere(&self) -> Option<&str> {
        match &self.shape {
            Shape::Plain(Anchor::Anywhere, text) if !self.cased && !self.dashes && !text.is_empty() => {
                Some(text)
            }
            _ => None,
        }
    }

    /// The longest text in lower case that stands in every value that matches, in lower case: an index
    /// can look for it. `None` if there is none.
    pub fn literal(&self) -> Option<Cow<'_, str>> {
        let longest = match &self.shape {
            Shape::Plain(_, text) => self.longest_without_dash(text),
            Shape::Glob(tokens) => tokens
                .iter()
                .filter_map(|token| match token {
                    Token::Text(text) => Some(self.longest_without_dash(text)),
                    Token::Any | Token::One => None,
                })
                .max_by_key(|text| text.len())?,
        };
        (!longest.is_empty()).then(|| fold(longest, false, false))
    }

    /// The text in lower case, from its last separator of paths on, with which every value that matches
    /// ends, in lower case. `None` if there is none.
    pub fn last_component(&self) -> Option<Cow<'_, str>> {
        let ending = match &self.shape {
            Shape::Plain(Anchor::Whole | Anchor::End, text) => &**text,
            Shape::Glob(tokens) => match tokens.last()? {
                Token::Text(text) => text.as_str(),
                Token::Any | Token::One => return None,
            },
            Shape::Plain(..) => return None,
        };
        let at = ending.rfind('\\').or_else(|| ending.rfind('/')).filter(|_| !self.dashes)?;
        let component = ending.get(at..).filter(|component| component.len() > 1)?;
        Some(fold(component, false, false))
    }

    fn longest_without_dash<'t>(&self, text: &'t str) -> &'t str {
        match self.dashes {
            true => text.split('-').max_by_key(|piece| piece.len()).unwrap_or_default(),
            false => text,
        }
    }

    /// Whether a value matches.
    pub fn matches(&self, value: &str) -> bool {
        if let (Shape::Plain(anchor, text), false) = (&self.shape, self.dashes) {
            if self.cased {
                return anchor.places(value, text);
            }
            if value.is_ascii() || (text.is_ascii() && folds_bytewise(value)) {
                return plain_ascii(*anchor, text.as_bytes(), value.as_bytes());
            }
        }
        let value = fold(value, self.cased, self.dashes);
        match &self.shape {
            Shape::Plain(anchor, text) => anchor.places(&value, text),
            Shape::Glob(tokens) => glob(tokens, &value),
        }
    }
}

/// Folds a text to lower case into a buffer that is used again and again: see [`fold`].
pub fn fold_into<'b>(text: &str, folded: &'b mut String) -> &'b str {
    folded.clear();
    match text.is_ascii() {
        true => {
            folded.push_str(text);
            folded.make_ascii_lowercase();
        }
        false => folded.push_str(&fold(text, false, false)),
    }
    folded
}

/// The form in which texts are compared: in lower case (character by character, so that a piece of a
/// text folds as it does within it), and with one dash for all.
pub fn fold(text: &str, cased: bool, dashes: bool) -> Cow<'_, str> {
    if !dashes && text.is_ascii() {
        return match !cased && text.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    let lowers = |c: char| match c.is_ascii() {
        true => c.is_ascii_uppercase(),
        false => c.to_lowercase().next() != Some(c),
    };
    let changes = |c: char| (!cased && lowers(c)) || (dashes && c != '-' && DASHES.contains(&c));
    if !text.chars().any(changes) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if dashes && DASHES.contains(&c) => folded.push('-'),
            c if cased => folded.push(c),
            c => folded.extend(c.to_lowercase()),
        }
    }
    Cow::Owned(folded)
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

/// `text` is in lower case; `value` in any, and its lower case is that of its ASCII letters, as far as
/// `text` can stand in it.
fn plain_ascii(anchor: Anchor, text: &[u8], value: &[u8]) -> bool {
    let Some(spare) = value.len().checked_sub(text.len()) else { return false };
    let at = |i: usize| value.get(i..i + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text));
    match anchor {
        Anchor::Whole => spare == 0 && at(0),
        Anchor::Start => at(0),
        Anchor::End => at(spare),
        Anchor::Anywhere => stands_in(text, value),
    }
}

/// Whether the text, in lower case, stands in a value, the case of whose ASCII letters is ignored. It is
/// looked for by its rarest byte.
pub fn stands_in(text: &[u8], value: &[u8]) -> bool {
    let Some(spare) = value.len().checked_sub(text.len()) else { return false };
    let rarest = text.iter().enumerate().min_by_key(|(_, byte)| usual(**byte));
    let Some((offset, byte)) = rarest else { return true };
    let mut start = 0;
    while let Some(skipped) = value
        .get(start + offset..=spare + offset)
        .and_then(|rest| memchr2(*byte, byte.to_ascii_uppercase(), rest))
    {
        start += skipped;
        if value.get(start..start + text.len()).is_some_and(|there| there.eq_ignore_ascii_case(text)) {
            return true;
        }
        start += 1;
    }
    false
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
                let mut from = from.get(first.len_utf8()..).unwrap_or_default();
                // Where the text behind the `*` does not stand, nothing need be tried.
                if let Some(Token::Text(text)) = tokens.get(after) {
                    let Some(next) = memmem::find(from.as_bytes(), text.as_bytes()) else { return false };
                    from = from.get(next..).unwrap_or_default();
                }
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
        let dashed = Pattern::of(Text::parse(" -E/f"), Anywhere, false, true);
        for (value, expected) in [
            ("cmd -e/F", true),
            ("cmd /e-f", true),
            ("cmd \u{2013}e\u{2015}f", true),
            ("cmd -ef", false),
            ("cmd _e/f", false),
        ] {
            assert_eq!(dashed.matches(value), expected, "{value}");
        }
        assert_eq!(dashed.literal().as_deref(), Some("f"));
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
            if let Some(literal) = Pattern::new(&pattern, Anchor::Whole, false).literal()
                && naive(&chars, &lower)
            {
                prop_assert!(value.to_lowercase().contains(&*literal));
            }
            let inside: Vec<char> = format!("*{pattern}*").chars().collect();
            prop_assert_eq!(
                Pattern::new(&pattern, Anchor::Anywhere, false).matches(&value),
                naive(&inside, &lower)
            );
        }
    }
}

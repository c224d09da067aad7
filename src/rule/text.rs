//! Sigma's string values before they are compiled: wildcards, escapes, and the modifiers that turn
//! one value into others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::flow::fault::Fault;

/// A piece of a string value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
}

/// A string value, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Vec<Token>);

/// How `utf16le` and its like write a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Utf16 {
    /// `utf16le`, `wide`
    Little,
    /// `utf16be`
    Big,
    /// `utf16`: little endian behind a byte order mark
    Marked,
}

impl Text {
    /// `\` makes a following `*`, `?` or `\` plain; before anything else it is itself.
    pub fn parse(text: &str) -> Text {
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
        Text(tokens)
    }

    /// A text in which nothing is special.
    pub fn plain(text: String) -> Text {
        Text(if text.is_empty() { Vec::new() } else { vec![Token::Text(text)] })
    }

    /// The text, if there is no wildcard in it.
    pub fn as_plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        let texts = self.0.iter();
        texts.map(|token| if let Token::Text(text) = token { text.len() } else { 0 }).sum()
    }

    /// Joins neighbouring texts and neighbouring `*`.
    pub fn joined(self) -> Text {
        let mut tokens: Vec<Token> = Vec::with_capacity(self.0.len());
        for token in self.0 {
            match (tokens.last_mut(), token) {
                (Some(Token::Text(before)), Token::Text(text)) => before.push_str(&text),
                (Some(Token::Any), Token::Any) => {}
                (_, token) => tokens.push(token),
            }
        }
        Text(tokens)
    }
}

/// What an encoding works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    Text(Text),
    /// After `wide` and its like, before `base64`.
    Bytes(Vec<u8>),
}

impl Encoded {
    fn bytes(self, modifier: &str) -> Result<Vec<u8>, Fault> {
        match self {
            Encoded::Bytes(bytes) => Ok(bytes),
            Encoded::Text(text) => match text.as_plain() {
                Some(plain) => Ok(plain.as_bytes().to_vec()),
                None => Err(Fault::new(format!("`{modifier}` cannot encode a wildcard")).hint(
                    "write contains, startswith or endswith behind it; `\\*` and `\\?` are plain characters",
                )),
            },
        }
    }

    /// `utf16le`, `utf16be`, `utf16`, `wide`.
    pub fn utf16(self, form: Utf16) -> Result<Encoded, Fault> {
        let bytes = self.bytes("utf16")?;
        let text =
            String::from_utf8(bytes).map_err(|_| Fault::new("the value is encoded as UTF-16 twice"))?;
        let mark: &[u8] = if form == Utf16::Marked { &[0xff, 0xfe] } else { &[] };
        let units = text.encode_utf16().flat_map(|unit| match form {
            Utf16::Big => unit.to_be_bytes(),
            Utf16::Little | Utf16::Marked => unit.to_le_bytes(),
        });
        Ok(Encoded::Bytes(mark.iter().copied().chain(units).collect()))
    }

    /// `base64`.
    pub fn base64(self) -> Result<Encoded, Fault> {
        Ok(Encoded::Text(Text::plain(STANDARD.encode(self.bytes("base64")?))))
    }

    /// `base64offset`: what is common to every text in which the value stands, at each of the three
    /// places that it can have in a group of three bytes. A value of which one or two bytes at an edge
    /// share a character with its neighbours loses that character.
    pub fn base64_offset(self) -> Result<[Encoded; 3], Fault> {
        let bytes = self.bytes("base64offset")?;
        Ok([0, 1, 2].map(|offset| {
            let mut padded = vec![b' '; offset];
            padded.extend_from_slice(&bytes);
            let start = [0, 2, 3].get(offset).copied().unwrap_or_default();
            let cut = match padded.len() % 3 {
                1 => 3,
                2 => 2,
                _ => 0,
            };
            let encoded = STANDARD.encode(&padded);
            let inner = encoded.get(start..encoded.len().saturating_sub(cut)).unwrap_or_default();
            Encoded::Text(Text::plain(inner.to_owned()))
        }))
    }

    /// The text that is compared in the end.
    pub fn into_text(self) -> Result<Text, Fault> {
        match self {
            Encoded::Text(text) => Ok(text),
            Encoded::Bytes(bytes) => String::from_utf8(bytes).map(Text::plain).map_err(|_| {
                Fault::new("the value in UTF-16 is no text").hint("write base64 or base64offset behind it")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Encoded {
        Encoded::Text(Text::plain(text.to_owned()))
    }

    fn shown(encoded: Encoded) -> String {
        encoded.into_text().unwrap().as_plain().unwrap().to_owned()
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(shown(plain("cmd").utf16(Utf16::Little).unwrap()), "c\0m\0d\0");
        assert_eq!(shown(plain("cmd").utf16(Utf16::Big).unwrap()), "\0c\0m\0d");
        assert_eq!(shown(plain("foobar").base64().unwrap()), "Zm9vYmFy");
        let marked = plain("cmd").utf16(Utf16::Marked).unwrap();
        assert_eq!(marked, Encoded::Bytes(b"\xff\xfec\0m\0d\0".to_vec()));
        assert!(marked.clone().into_text().is_err());
        assert_eq!(shown(marked.base64().unwrap()), "//5jAG0AZAA=");
        assert_eq!(plain("foobar").base64_offset().unwrap().map(shown), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        assert!(Encoded::Text(Text::parse("a*")).base64().is_err());
    }

    #[test]
    fn an_offset_value_stands_in_every_text_that_has_the_value() {
        for value in ["a", "ab", "abc", "IEX(New-Object", "http://"] {
            let variants = plain(value).base64_offset().unwrap().map(shown);
            for before in ["", "x", "yy", "zzz"] {
                for after in ["", "1", "22", "333"] {
                    let whole = STANDARD.encode(format!("{before}{value}{after}"));
                    let fits = variants.get(before.len() % 3).unwrap();
                    assert!(whole.contains(fits), "{fits} in {whole}");
                }
            }
        }
    }
}

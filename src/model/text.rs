//! Text from outside, made safe for terminals, logs and reports (C32).

use std::fmt;
use std::fmt::Write as _;

/// Shows untrusted text with everything that could steer a terminal or mislead a reader as a visible
/// escape: C0 and C1 controls, bidirectional overrides, zero-width and other invisible characters.
#[derive(Debug, Clone, Copy)]
pub struct SafeText<'a>(pub &'a str);

impl fmt::Display for SafeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clean = 0;
        for (i, c) in self.0.char_indices() {
            if !is_unsafe(c) {
                continue;
            }
            f.write_str(&self.0[clean..i])?;
            clean = i + c.len_utf8();
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if (c as u32) < 0x100 => write!(f, "\\x{:02x}", c as u32)?,
                c => write!(f, "\\u{{{:x}}}", c as u32)?,
            }
        }
        f.write_str(&self.0[clean..])
    }
}

impl SafeText<'_> {
    /// The text, at most `chars` characters of it, with `…` where it was cut.
    pub fn cut(&self, chars: usize) -> String {
        let mut out = String::new();
        for (n, c) in self.0.chars().enumerate() {
            if n == chars {
                out.push('…');
                break;
            }
            let mut buffer = [0; 4];
            let _ = write!(out, "{}", SafeText(c.encode_utf8(&mut buffer)));
        }
        out
    }
}

/// JSON text with the same characters as `\uXXXX`: what reads it gets them back, and a terminal that
/// shows it is not steered. JSON itself asks only for the escapes of C0 (RFC 8259, section 7).
#[derive(Debug, Clone, Copy)]
pub struct SafeJson<'a>(pub &'a str);

impl fmt::Display for SafeJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            return f.write_str(self.0);
        }
        let mut clean = 0;
        // A string has no control characters of its own: a line break stands between two values.
        for (i, c) in self.0.char_indices().filter(|(_, c)| *c != '\n' && is_unsafe(*c)) {
            f.write_str(&self.0[clean..i])?;
            clean = i + c.len_utf8();
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))?;
        }
        f.write_str(&self.0[clean..])
    }
}

/// Controls, and what Unicode has as Bidi_Control, Default_Ignorable_Code_Point, a separator of lines, or an
/// interlinear annotation: <https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt>.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_escapes_are_visible() {
        for (raw, shown) in [
            ("plain ünï 漢", "plain ünï 漢"),
            ("\u{1b}[2J", "\\x1b[2J"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("a\u{34f}b\u{1d173}", "a\\u{34f}b\\u{1d173}"),
        ] {
            assert_eq!(SafeText(raw).to_string(), shown);
        }
        assert_eq!(SafeText("abc\u{7}def").cut(4), "abc\\x07…");
    }

    #[test]
    fn c32_json_keeps_its_meaning_and_hides_nothing() {
        let raw = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}b\u{200b}\u{e0041}漢\n";
        let json = serde_json::to_string(raw).unwrap();
        let safe = SafeJson(&json).to_string();
        assert_eq!(safe, r#""a\u001b[2J\u009b31m\u007f\u202eb\u200b\udb40\udc41漢\n""#);
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), raw);
        assert_eq!(SafeText(&safe).to_string(), safe);
    }
}

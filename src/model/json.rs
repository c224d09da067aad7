//! JSON text → the flat nodes of a document, in one pass. It reads what is common and gives up on
//! everything else (white space other than blanks, deep nesting, mistakes), which [`super::tape`] then
//! reads or refuses: what it does read is what `serde_json` makes of it.

use std::sync::OnceLock;

use memchr::{memchr, memchr2};

use super::document::{Kind, Late, Node, Slice, Spare, hash};

/// The deepest nesting that is read here.
const DEPTH: u32 = 64;
/// A text with escapes that is at least so long is unescaped when somebody asks for it: few rules ask
/// for the whole message of an event.
const LATE_BYTES: usize = 256;
/// Digits of a whole number that cannot overflow.
const SURE_DIGITS: usize = 18;

/// What was read.
pub(super) struct Read {
    pub(super) side: String,
    pub(super) nodes: Vec<Node>,
    pub(super) late: Vec<Late>,
    /// No character is written as `\u`.
    pub(super) verbatim: bool,
}

/// Reads one object. `None`: it may or may not be one.
pub(super) fn read(line: &str, spare: Spare) -> Option<Read> {
    // One pass that the compiler makes wide; none is left for the many short strings to look for.
    if line.bytes().fold(false, |found, byte| found | (byte < 0x20)) {
        return None;
    }
    let Spare { side, mut nodes, late } = spare;
    nodes.reserve((line.len() / 16).clamp(16, 128));
    let read = Read { side, nodes, late, verbatim: true };
    let mut reader = Reader { line, bytes: line.as_bytes(), at: 0, read };
    reader.blanks();
    reader.expect(b'{')?;
    reader.object(0)?;
    reader.blanks();
    (reader.at == line.len()).then_some(reader.read)
}

struct Reader<'t> {
    line: &'t str,
    bytes: &'t [u8],
    at: usize,
    read: Read,
}

const NO_KEY: (Slice, u32) = (Slice { start: 0, len: 0 }, 0);

impl<'t> Reader<'t> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// The fields of an object, behind its brace.
    fn object(&mut self, depth: u32) -> Option<()> {
        self.blanks();
        if self.expect(b'}').is_some() {
            return Some(());
        }
        loop {
            self.blanks();
            self.expect(b'"')?;
            let key = self.key()?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            self.value(key, depth)?;
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.blanks();
        if self.expect(b']').is_some() {
            return Some(());
        }
        loop {
            self.blanks();
            self.value(NO_KEY, depth)?;
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, (key, hash): (Slice, u32), kind: Kind) {
        self.read.nodes.push(Node { key, hash, kind });
    }

    #[inline(always)]
    fn value(&mut self, key: (Slice, u32), depth: u32) -> Option<()> {
        let kind = match self.peek()? {
            b'"' => {
                self.at += 1;
                self.text()?
            }
            b'{' | b'[' => return self.nested(key, depth + 1),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            _ => self.number()?,
        };
        self.push(key, kind);
        Some(())
    }

    #[inline(never)]
    fn nested(&mut self, key: (Slice, u32), depth: u32) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let object = self.peek() == Some(b'{');
        self.at += 1;
        let at = self.read.nodes.len();
        self.push(key, Kind::Null);
        if object {
            self.object(depth)?
        } else {
            self.array(depth)?
        }
        let end = self.read.nodes.len() as u32;
        self.read.nodes.get_mut(at)?.kind = if object { Kind::Object(end) } else { Kind::Array(end) };
        Some(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<Kind> {
        self.bytes.get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())?;
        Some(kind)
    }

    #[inline(always)]
    fn key(&mut self) -> Option<(Slice, u32)> {
        let start = self.at;
        let end = special(self.bytes, start)?;
        let piece = self.bytes.get(start..end)?;
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Some((slice(start, end), hash(piece)));
        }
        let Kind::Text(slice) = self.escaped(start, end, usize::MAX)? else { return None };
        let key = self.read.side.get(slice.start as usize - self.line.len()..)?;
        Some((slice, hash(key.as_bytes())))
    }

    #[inline(always)]
    fn text(&mut self) -> Option<Kind> {
        let start = self.at;
        let end = special(self.bytes, start)?;
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Some(Kind::Text(slice(start, end)));
        }
        self.escaped(start, end, LATE_BYTES)
    }

    /// A text with escapes, the first of which is at `at`. It is unescaped as it is read; where it is as
    /// long as `late`, when somebody asks for it.
    fn escaped(&mut self, start: usize, mut at: usize, late: usize) -> Option<Kind> {
        let before = self.read.side.len();
        self.read.side.reserve(LATE_BYTES);
        let mut from = start;
        loop {
            let is_late = at - start >= late;
            let character = match self.bytes.get(at + 1)? {
                b'\\' => '\\',
                b'"' => '"',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'/' => '/',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'u' => {
                    self.read.side.truncate(before);
                    return self.coded(start, at);
                }
                _ => return None,
            };
            if !is_late {
                self.read.side.push_str(self.line.get(from..at)?);
                self.read.side.push(character);
            }
            from = at + 2;
            at = special(self.bytes, from)?;
            if self.bytes.get(at) == Some(&b'"') {
                break;
            }
        }
        self.at = at + 1;
        if at - start >= late {
            self.read.side.truncate(before);
            self.read.late.push(Late { slice: slice(start, at), text: OnceLock::new() });
            return Some(Kind::Late(self.read.late.len() as u32 - 1));
        }
        self.read.side.push_str(self.line.get(from..at)?);
        self.aside(before)
    }

    /// A text with characters that are written as numbers, the first of which is at `at`.
    #[cold]
    fn coded(&mut self, start: usize, mut at: usize) -> Option<Kind> {
        self.read.verbatim = false;
        while self.bytes.get(at)? != &b'"' {
            at = special(self.bytes, at + 2)?;
        }
        self.at = at + 1;
        let before = self.read.side.len();
        let quoted = self.line.get(start - 1..at + 1)?;
        self.read.side.push_str(&serde_json::from_str::<String>(quoted).ok()?);
        self.aside(before)
    }

    /// What was put aside from there on.
    fn aside(&self, before: usize) -> Option<Kind> {
        let start = u32::try_from(self.line.len() + before).ok()?;
        Some(Kind::Text(Slice { start, len: (self.read.side.len() - before) as u32 }))
    }

    /// <https://www.rfc-editor.org/rfc/rfc8259#section-6>
    fn number(&mut self) -> Option<Kind> {
        let start = self.at;
        let negative = self.expect(b'-').is_some();
        let first = self.at;
        let mut whole: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - first;
        if digits == 0 || (digits > 1 && self.bytes.get(first) == Some(&b'0')) {
            return None;
        }
        let mut plain = true;
        if self.expect(b'.').is_some() {
            plain = false;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            plain = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if plain && digits <= SURE_DIGITS && !(negative && whole == 0) {
            return Some(if negative { Kind::Negative(-(whole as i64)) } else { Kind::Unsigned(whole) });
        }
        let text = self.line.get(start..self.at)?;
        if plain
            && !negative
            && let Ok(number) = text.parse()
        {
            return Some(Kind::Unsigned(number));
        }
        if plain
            && negative
            && whole != 0
            && let Ok(number) = text.parse()
        {
            return Some(Kind::Negative(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Float)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

#[inline(always)]
fn slice(start: usize, end: usize) -> Slice {
    Slice { start: start as u32, len: (end - start) as u32 }
}

/// Where the next quote or backslash stands.
#[inline(always)]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Most strings end within a few words; the call of the wide search costs more than they do.
    for _ in 0..4 {
        let Some(word) = bytes.get(at..at + 8).and_then(|word| word.try_into().ok()) else { break };
        let word = u64::from_le_bytes(word);
        let (quote, slash) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
        // The lowest bit that is set is exact; those above it need not be.
        let zeros = (quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash);
        if zeros & HIGH != 0 {
            return Some(at + ((zeros & HIGH).trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    far(bytes, at)
}

#[inline(never)]
fn far(bytes: &[u8], at: usize) -> Option<usize> {
    memchr2(b'"', b'\\', bytes.get(at..)?).map(|found| at + found)
}

/// Adds a piece of JSON text without its escapes. They were checked, and there is no `\u`.
pub(super) fn unescape(piece: &str, out: &mut String) {
    out.reserve(piece.len());
    let mut rest = piece;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        out.push(match escape.as_bytes().get(1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'/') => '/',
            Some(b'"') => '"',
            _ => '\\',
        });
        rest = escape.get(2..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{Document, Field, Spare};

    /// Every value with its keys, in order; duplicates too.
    fn shape<'d>(fields: &mut dyn Iterator<Item = (&'d str, Field<'d>)>) -> String {
        let one = |(key, field): (&str, Field<'d>)| {
            let value = match field.scalar() {
                Some(scalar) => format!("{scalar:?}"),
                None if field.items().next().is_some() => {
                    format!("[{}]", shape(&mut field.items().map(|item| ("", item))))
                }
                None => format!("{{{}}}", shape(&mut field.fields())),
            };
            format!("{key:?}:{value}")
        };
        fields.map(one).collect::<Vec<_>>().join(",")
    }

    /// What is read in one pass is what `serde_json` reads; says whether it was.
    fn same(line: &str) -> bool {
        let slow = Document::parse_slowly(line.into());
        let quick = Document::parse_quickly(line.into(), Spare::default());
        if let Ok(quick) = &quick {
            let slow = slow.unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(shape(&mut quick.fields()), shape(&mut slow.fields()), "{line}");
            for (key, _) in slow.fields() {
                let shown = |document: &Document| {
                    document.get(key).map(|field| shape(&mut [("", field)].into_iter()))
                };
                assert_eq!(shown(quick), shown(&slow), "{line}");
            }
        }
        quick.is_ok()
    }

    #[test]
    fn usual_lines_are_read_in_one_pass() {
        let long = format!(r#"{{"m":"{}"}}"#, r#"C:\\Windows\t\"x\"\r\n\/"#.repeat(40));
        for line in [
            r#"{}"#,
            r#" { "a" : 1 , "b":[ ] , "c" : { } } "#,
            r#"{"a":"\\\"\/\b\f\n\r\t\u00e9\ud83d\ude00é","\n":"","k\u0041":1,"kA":2}"#,
            r#"{"a":[0,-0,-1,1.5,1e3,1E-3,18446744073709551615,18446744073709551616,-9223372036854775808,-9223372036854775809]}"#,
            r#"{"a":true,"b":false,"c":null,"a":{"a":[[{"b":{}}],2]}}"#,
            r#"{"a":123456789012345678,"b":1234567890123456789,"c":-1234567890123456789,"d":0.1,"e":-0.0}"#,
            &long,
        ] {
            assert!(same(line), "{line}");
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_the_other_reader() {
        for line in [
            "",
            "{",
            "[]",
            "1",
            "{}x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":1.}"#,
            r#"{"a":.1}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
            r#"{"a":1e999}"#,
            r#"{"a":tru}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"x}"#,
            r#"{"a":"x\"}"#,
            r#"{"a":[1}"#,
            r#"{"a":{]}"#,
            r#"{'a':1}"#,
            r#"{a:1}"#,
            "{\"a\":\"\u{1}\"}",
            r#"{"a":[1,]}"#,
            r#"{"a":nullx}"#,
            r#"{"a":1 2}"#,
        ] {
            assert!(!same(line), "{line}");
            assert!(Document::parse(line.into()).is_err(), "{line}");
        }
    }

    const PIECES: [&str; 40] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "\t",
        "\n",
        "a",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud800",
        "\\n",
        "\\/",
        "\\\\",
        "\\\"",
        "0",
        "1",
        "-",
        "12345678901234567890",
        ".5",
        "e9",
        "E+400",
        "true",
        "false",
        "null",
        "é",
        "\u{1F600}",
        "\u{7f}",
        "\"a\":1",
        "\"b\":\"x\\\\y\"",
        "\"c\":[1,2]",
        "\"d\":{\"e\":null}",
        "abcdefghijklmnopqrstuvwxyz",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn pieces_of_json_are_read_as_serde_json_reads_them(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..20),
        ) {
            same(&pieces.concat());
            same(&format!("{{{}}}", pieces.concat()));
            same(&format!("{{\"k\":\"{}\"}}", pieces.concat()));
            same(&format!("{{\"k\":[{}]}}", pieces.join(",")));
        }

        #[test]
        fn damaged_lines_are_read_as_serde_json_reads_them(at in 0usize..200, byte in 0u8..128, cut in any::<bool>()) {
            let line = r#"{"time":"2026-03-14T10:00:00Z","Image":"C:\\Windows\\System32\\cmd.exe","n":[1,-2.5e3,{"k":"\u00e9\ud83d\ude00"}],"t":true,"z":null,"o":{"a":"b","a":"c"}}"#;
            let mut bytes = line.as_bytes().to_vec();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            same(&String::from_utf8(bytes).unwrap());
        }
    }
}

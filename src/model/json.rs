//! JSON text → the flat nodes of a document, in one pass. It reads what is common and gives up on
//! everything else (white space other than blanks, deep nesting, mistakes), which [`super::tape`] then
//! reads or refuses: what it does read is what `serde_json` makes of it.

use std::sync::OnceLock;

use memchr::{memchr, memchr2};

use super::document::{Kind, Late, Node, Slice, hash};

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
pub(super) fn read(line: &str) -> Option<Read> {
    // One pass that the compiler makes wide; none is left for the many short strings to look for.
    if line.bytes().fold(false, |found, byte| found | (byte < 0x20)) {
        return None;
    }
    let nodes = Vec::with_capacity((line.len() / 16).clamp(16, 128));
    let read = Read { side: String::new(), nodes, late: Vec::new(), verbatim: true };
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
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

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

    fn push(&mut self, (key, hash): (Slice, u32), kind: Kind) {
        self.read.nodes.push(Node { key, hash, kind });
    }

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

    /// A piece of the line up to the closing quote, which is passed; how many escapes it has; whether
    /// one of them is `\u`.
    fn string(&mut self) -> Option<(&'t str, usize, bool)> {
        let start = self.at;
        let (mut escapes, mut coded) = (0, false);
        loop {
            self.at = special(self.bytes, self.at)?;
            if self.peek()? == b'"' {
                let piece = self.line.get(start..self.at)?;
                self.at += 1;
                return Some((piece, escapes, coded));
            }
            match self.bytes.get(self.at + 1)? {
                b'\\' | b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    coded = true;
                    self.read.verbatim = false;
                }
                _ => return None,
            }
            escapes += 1;
            self.at += 2;
        }
    }

    fn key(&mut self) -> Option<(Slice, u32)> {
        let start = self.at;
        let (piece, escapes, coded) = self.string()?;
        if escapes == 0 {
            return Some((Slice { start: start as u32, len: piece.len() as u32 }, hash(piece.as_bytes())));
        }
        let slice = self.unescaped(piece, coded)?;
        let key = self.read.side.get(slice.start as usize - self.line.len()..)?;
        Some((slice, hash(key.as_bytes())))
    }

    fn text(&mut self) -> Option<Kind> {
        let start = self.at;
        let (piece, escapes, coded) = self.string()?;
        let slice = Slice { start: start as u32, len: piece.len() as u32 };
        if escapes == 0 {
            return Some(Kind::Text(slice));
        }
        if coded || piece.len() < LATE_BYTES {
            return self.unescaped(piece, coded).map(Kind::Text);
        }
        self.read.late.push(Late { slice, text: OnceLock::new() });
        Some(Kind::Late(self.read.late.len() as u32 - 1))
    }

    fn unescaped(&mut self, piece: &str, coded: bool) -> Option<Slice> {
        let side = &mut self.read.side;
        let before = side.len();
        match coded {
            true => side.push_str(&serde_json::from_str::<String>(&format!("\"{piece}\"")).ok()?),
            false => unescape(piece, side),
        }
        let start = u32::try_from(self.line.len() + before).ok()?;
        Some(Slice { start, len: (side.len() - before) as u32 })
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

/// Where the next quote or backslash stands.
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

    use crate::model::{Document, Field};

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
        let quick = Document::parse_quickly(line.into());
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

//! How messages are told apart on a connection: by line feeds, or by a count of bytes in front of each
//! (RFC 6587, 3.4). The first message says which for the whole connection, so that the text of a message
//! cannot change it.

use crate::source::Line;
use crate::source::lines::Assembler;

/// Digits of a count, at most.
const DIGITS: usize = 8;

/// How messages are told apart.
#[derive(Debug, PartialEq)]
enum Mode {
    /// Nothing but digits and a space came yet.
    Unknown,
    Lines,
    /// The digits of a count come.
    Count,
    /// So many bytes of a message are to come.
    Body(usize),
}

/// What a piece of a connection led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A message is not whole yet.
    More,
    /// A message is whole: see [`Framer::line`].
    Whole,
    /// The count of a message is larger than the limit: nothing after it can be told apart.
    TooLong,
    /// There is no count where one has to be.
    Broken,
    /// The connection ended within a message.
    CutOff,
}

/// Takes one connection apart.
#[derive(Debug)]
pub struct Framer {
    mode: Mode,
    limit: usize,
    /// What came before it was known how to read it; then the digits of a count.
    head: Vec<u8>,
    /// A message that was counted.
    body: Vec<u8>,
    lines: Assembler,
}

impl Framer {
    /// With a limit for messages, in bytes.
    pub fn new(limit: usize) -> Self {
        let (head, body) = (Vec::new(), Vec::new());
        Framer { mode: Mode::Unknown, limit, head, body, lines: Assembler::new(limit) }
    }

    /// Takes bytes up to the end of a message; says how many it took. `long` is given every byte of a line
    /// that is too long, in pieces. After anything but [`Step::More`] and [`Step::Whole`] the connection
    /// is of no use.
    pub fn push(&mut self, bytes: &[u8], long: &mut dyn FnMut(&[u8])) -> (usize, Step) {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            match self.mode {
                Mode::Unknown => {
                    match self.recognise(*byte) {
                        None => {
                            self.head.push(*byte);
                            taken += 1;
                            continue;
                        }
                        Some(Mode::Lines) => {
                            self.mode = Mode::Lines;
                            self.lines.push(&std::mem::take(&mut self.head), long);
                        }
                        Some(mode) => {
                            self.mode = mode;
                            // The count that was read already; its space too.
                            self.head.pop();
                            if let Some(step) = self.begin() {
                                return (taken, step);
                            }
                        }
                    }
                }
                Mode::Lines => {
                    let (count, whole) = self.lines.push(bytes.get(taken..).unwrap_or_default(), long);
                    return (taken + count, if whole { Step::Whole } else { Step::More });
                }
                Mode::Count => {
                    taken += 1;
                    match byte {
                        b'0'..=b'9' if self.head.len() < DIGITS => self.head.push(*byte),
                        b' ' => {
                            if let Some(step) = self.begin() {
                                return (taken, step);
                            }
                        }
                        // Some put a line feed between.
                        b'\n' | b'\r' if self.head.is_empty() => {}
                        _ => {
                            self.head.clear();
                            return (taken, Step::Broken);
                        }
                    }
                }
                Mode::Body(left) => {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let piece = rest.get(..left).unwrap_or(rest);
                    self.body.extend_from_slice(piece);
                    taken += piece.len();
                    if piece.len() == left {
                        self.mode = Mode::Count;
                        return (taken, Step::Whole);
                    }
                    self.mode = Mode::Body(left - piece.len());
                }
            }
        }
        (taken, Step::More)
    }

    /// What the next byte of the beginning says.
    fn recognise(&self, byte: u8) -> Option<Mode> {
        match (self.head.as_slice(), byte) {
            ([], b'1'..=b'9') => None,
            ([_, ..], b'0'..=b'9' | b' ') if self.head.last() != Some(&b' ') && self.head.len() < DIGITS => {
                None
            }
            ([.., b' '], b'<') => Some(Mode::Count),
            _ => Some(Mode::Lines),
        }
    }

    /// A count is whole: its message begins.
    fn begin(&mut self) -> Option<Step> {
        let digits = std::mem::take(&mut self.head);
        let count: Option<usize> = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
        self.body.clear();
        match count {
            None | Some(0) => Some(Step::Broken),
            Some(count) if count > self.limit => Some(Step::TooLong),
            Some(count) => {
                self.mode = Mode::Body(count);
                None
            }
        }
    }

    /// Nothing follows: what is there is a message, if it can be one.
    pub fn finish(&mut self, long: &mut dyn FnMut(&[u8])) -> Step {
        match self.mode {
            Mode::Unknown if !self.head.is_empty() => {
                self.mode = Mode::Lines;
                self.lines.push(&std::mem::take(&mut self.head), long);
                self.finish(long)
            }
            Mode::Lines if self.lines.finish(long) => Step::Whole,
            Mode::Body(_) => Step::CutOff,
            Mode::Count if !self.head.is_empty() => Step::CutOff,
            _ => Step::More,
        }
    }

    /// Whether a message was begun and is not whole.
    pub fn is_within(&self) -> bool {
        match self.mode {
            Mode::Unknown | Mode::Count => !self.head.is_empty(),
            Mode::Lines => self.lines.is_open(),
            Mode::Body(_) => true,
        }
    }

    /// The message that is whole, or what is there of one.
    pub fn line(&self) -> Line<'_> {
        if self.mode == Mode::Lines { self.lines.line() } else { Line::Bytes(&self.body) }
    }

    /// Whether the message that is whole has nothing but white space.
    pub fn is_blank(&self) -> bool {
        match self.line() {
            Line::Bytes(bytes) => bytes.iter().all(u8::is_ascii_whitespace),
            Line::TooLong(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The messages of a connection that comes in pieces of this size.
    fn messages(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut framer = Framer::new(20);
        let mut found = Vec::new();
        let shown = |framer: &Framer| match framer.line() {
            Line::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Line::TooLong(_) => "TOO LONG".to_owned(),
        };
        for piece in bytes.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (taken, step) = framer.push(rest, &mut |_| {});
                rest = &rest[taken..];
                match step {
                    Step::More => {}
                    Step::Whole => found.push(shown(&framer)),
                    other => {
                        found.push(format!("{other:?}"));
                        return found;
                    }
                }
            }
        }
        match framer.finish(&mut |_| {}) {
            Step::More => {}
            Step::Whole => found.push(shown(&framer)),
            other => found.push(format!("{other:?}")),
        }
        found
    }

    #[test]
    fn messages_are_told_apart_however_they_come() {
        for (bytes, expected) in [
            ("<1>a\n<2>b\r\n<3>c", &["<1>a", "<2>b\r", "<3>c"][..]),
            ("4 <1>a5 <2>bc", &["<1>a", "<2>bc"]),
            ("4 <1>a\n5 <2>bc\n", &["<1>a", "<2>bc"]),
            ("5 <1>\na5 <2>\n\n", &["<1>\na", "<2>\n\n"]),
            ("2026-03-14T10:00 x\n", &["2026-03-14T10:00 x"]),
            ("12 apples\n4 <1>a\n", &["12 apples", "4 <1>a"]),
            ("12", &["12"]),
            ("12 ", &["12 "]),
            ("0 <1>\n", &["0 <1>"]),
            ("123456789 <1>\n", &["123456789 <1>"]),
            ("", &[]),
            // Counts that lie.
            ("3 <1>abc\n4 <2>b", &["<1>", "Broken"]),
            ("9 <1>a", &["CutOff"]),
            ("4 <1>a12", &["<1>a", "CutOff"]),
            ("4 <1>a0 <1>", &["<1>a", "Broken"]),
            ("4 <1>a99999999 <1>", &["<1>a", "TooLong"]),
            ("99 <1>a", &["TooLong"]),
            ("4 <1>a-5 <1>", &["<1>a", "Broken"]),
            // A line that is too long.
            ("<1>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n<2>b\n", &["TOO LONG", "<2>b"]),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(messages(bytes.as_bytes(), piece), expected, "{bytes:?} by {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in proptest::collection::vec(prop_oneof![
            Just(b'\n'), Just(b' '), Just(b'<'), b'0'..=b'9', any::<u8>()
        ], 0..200), piece in 1..20usize) {
            prop_assert_eq!(messages(&bytes, piece), messages(&bytes, 1000));
        }
    }
}

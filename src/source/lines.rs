//! Bytes into lines, piece by piece, in bounded memory.

use super::file::Line;

/// Puts lines together from the pieces in which they arrive.
#[derive(Debug)]
pub struct Assembler {
    line: Vec<u8>,
    limit: usize,
    /// A line was begun and is not whole.
    open: bool,
    /// The line is whole; the next piece begins another one.
    whole: bool,
    too_long: bool,
}

impl Assembler {
    /// With a limit for lines, in bytes.
    pub fn new(limit: usize) -> Self {
        Assembler { line: Vec::new(), limit, open: false, whole: false, too_long: false }
    }

    /// Sets another limit.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Takes bytes up to the next line feed; says how many it took, and whether a line is whole now.
    /// `long` is given every byte of a line that is too long, in pieces.
    pub fn push(&mut self, bytes: &[u8], long: &mut dyn FnMut(&[u8])) -> (usize, bool) {
        if self.whole {
            self.clear();
        }
        if bytes.is_empty() {
            return (0, false);
        }
        self.open = true;
        let feed = memchr::memchr(b'\n', bytes);
        let piece = bytes.get(..feed.unwrap_or(bytes.len())).unwrap_or_default();
        // One byte more than allowed for the carriage return.
        let room = (self.limit + 1).saturating_sub(self.line.len());
        self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if self.too_long {
            long(piece);
        } else if piece.len() > room {
            self.too_long = true;
            long(&self.line);
            long(piece.get(room..).unwrap_or_default());
        }
        if feed.is_some() {
            self.end(long);
        }
        (feed.map_or(bytes.len(), |feed| feed + 1), self.whole)
    }

    /// Nothing follows: what is there is a line, if there is something.
    pub fn finish(&mut self, long: &mut dyn FnMut(&[u8])) -> bool {
        if self.whole || !self.open {
            self.clear();
            return false;
        }
        self.end(long);
        true
    }

    fn end(&mut self, long: &mut dyn FnMut(&[u8])) {
        if !self.too_long && self.line.len() > self.limit && self.line.last() != Some(&b'\r') {
            self.too_long = true;
            long(&self.line);
        }
        (self.whole, self.open) = (true, false);
    }

    /// Forgets the line.
    pub fn clear(&mut self) {
        self.line.clear();
        (self.open, self.whole, self.too_long) = (false, false, false);
    }

    /// Whether a line was begun and is not whole.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The line that is whole.
    pub fn line(&self) -> Line<'_> {
        if self.too_long { Line::TooLong(&self.line) } else { Line::Bytes(&self.line) }
    }

    /// Whether the line that is whole has nothing but white space.
    pub fn is_blank(&self) -> bool {
        !self.too_long && self.line.iter().all(u8::is_ascii_whitespace)
    }
}

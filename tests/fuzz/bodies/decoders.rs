//! Decoders: bytes in any pieces are the same signals, and what a signal has is what its line says.

use std::io::{BufRead, Read};

use quell::model::{Field, Map, Scalar, Signal, Value};
use quell::source::{Decoder, Format, Line, LineReader, Options, Undecodable};

use super::bytes::Bytes;

pub fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let format = bytes.pick(Format::ALL).0;
    let limit = [64, 1024, 1024 * 1024][bytes.below(3)];
    let sizes = [1 + bytes.below(256), 1 + bytes.below(256)];
    let whole = decoded(bytes.0, format, limit);
    let pieces = Pieces { rest: bytes.0, given: 0, sizes };
    assert_eq!(decoded(pieces, format, limit), whole);
    for signal in whole.iter().filter_map(|(_, signal)| signal.as_ref().ok()) {
        check(signal);
    }
}

/// What each line of a stream is, with its number.
fn decoded(input: impl BufRead, format: Format, limit: usize) -> Vec<(u64, Result<Signal, Undecodable>)> {
    let mut reader = LineReader::new(input).limited(limit);
    let mut decoder = Decoder::new(format, Options::default());
    let mut found = Vec::new();
    while let Some((number, line)) = reader.next_line().expect("memory can be read") {
        let signal = match line {
            Line::Bytes(line) => {
                assert!(line.len() <= limit + 1);
                let signal = decoder.decode(line);
                if let Err(error) = &signal {
                    assert!(error.to_string().len() <= 10 * line.len() + 300, "{error}");
                }
                signal
            }
            Line::TooLong(_) => Err(Undecodable::TooLong),
        };
        found.push((number, signal));
    }
    found
}

fn check(signal: &Signal) {
    assert!(signal.weight >= 1);
    let line: &str = signal.raw();
    if !line.starts_with('{') {
        for text in signal.document.texts() {
            assert!(text.len() <= line.len(), "{text:?} of {line:?}");
        }
        return;
    }
    let map: Map = serde_json::from_str(line).expect("it was read as JSON");
    for (key, value) in &map {
        let field = signal.document.get(key).unwrap_or_else(|| panic!("no {key:?} in {line:?}"));
        assert!(same(field, value), "{key:?} in {line:?}");
    }
    // Of a key that comes twice the last one counts.
    assert_eq!(signal.document.to_map(), map);
}

/// Whether a field is this value, by the methods that rules use.
fn same(field: Field<'_>, value: &Value) -> bool {
    match (field.scalar(), value) {
        (Some(Scalar::Text(text)), value) => field.str() == Some(text) && *value == text,
        (Some(scalar), value) => Value::from(scalar) == *value,
        (None, Value::Array(items)) => {
            field.items().count() == items.len()
                && field.items().zip(items).all(|(own, item)| same(own, item))
        }
        (None, Value::Object(map)) => {
            field.fields().all(|(key, _)| map.contains_key(key))
                && map.iter().all(|(key, value)| field.get(key).is_some_and(|own| same(own, value)))
        }
        (None, _) => false,
    }
}

/// The bytes in pieces.
struct Pieces<'a> {
    rest: &'a [u8],
    given: usize,
    sizes: [usize; 2],
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(&self.rest[..self.sizes[self.given % 2].min(self.rest.len())])
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
        self.given += 1;
    }
}

//! Lines that are no signals: counted by reason, the first few kept to be shown, and all of them
//! written to a file, byte for byte, if there is one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use super::decode::Undecodable;
use crate::model::SafeText;

/// How many bad lines are kept as samples, and how much of each is shown, in characters.
pub const SAMPLES: usize = 5;
pub const SAMPLE_CHARS: usize = 120;

/// A bad line, made safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// Why it was given up.
    pub reason: String,
    /// How it begins.
    pub text: String,
}

/// The bad lines of a stream, as people hear of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadLines {
    /// The first of them, in order.
    pub samples: Vec<Sample>,
    /// How many there were of each reason, by [`Undecodable::kind`].
    pub reasons: BTreeMap<&'static str, u64>,
}

impl BadLines {
    /// Counts a line; it is kept if it is among the first.
    pub fn note(&mut self, file: &str, line: u64, why: &Undecodable, bytes: &[u8]) {
        *self.reasons.entry(why.kind()).or_default() += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(sample(file, line, why, bytes));
        }
    }
}

/// The file that bad lines are written to, if there is one.
#[derive(Debug, Default)]
pub struct Quarantine {
    out: Option<BufWriter<File>>,
    failure: Option<io::Error>,
}

impl Quarantine {
    /// Writes to `out`, or nowhere.
    pub fn new(out: Option<File>) -> Self {
        Quarantine { out: out.map(BufWriter::new), failure: None }
    }

    /// A line or a piece of one, with its line feed if it is the last piece.
    pub fn write(&mut self, bytes: &[u8]) {
        let Some(out) = &mut self.out else { return };
        if let Err(error) = out.write_all(bytes) {
            // What was not written yet is given up with the file.
            self.out = None;
            self.failure = Some(error);
        }
    }

    /// Writes what is left. Also says what failed earlier, once.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(&mut self) -> io::Result<()> {
        match (self.failure.take(), &mut self.out) {
            (Some(error), _) => Err(error),
            (None, Some(out)) => out.flush(),
            (None, None) => Ok(()),
        }
    }
}

fn sample(file: &str, line: u64, why: &Undecodable, bytes: &[u8]) -> Sample {
    // A character takes at most four bytes.
    let head = bytes.get(..4 * SAMPLE_CHARS).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    Sample {
        file: SafeText(file).to_string(),
        line,
        reason: SafeText(&why.to_string()).to_string(),
        text: SafeText(text.trim_end()).cut(SAMPLE_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_samples_are_the_first_few_and_safe_to_show() {
        let mut bad = BadLines::default();
        for line in 1..10 {
            bad.note("a\u{1b}.log", line, &Undecodable::Binary, b"\x1b[2J\xff rest\r");
        }
        assert_eq!(bad.samples.len(), SAMPLES);
        assert_eq!(bad.reasons.get("binary"), Some(&9));
        let first = bad.samples.first().unwrap();
        assert_eq!((first.text.as_str(), first.line), ("\\x1b[2J\u{fffd} rest", 1));
        assert_eq!(first.file, "a\\x1b.log");
        let long = sample("a", 1, &Undecodable::TooLong, &vec![b'x'; 10_000]);
        assert_eq!(long.text.chars().count(), SAMPLE_CHARS + 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once_and_at_the_end() {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let mut quarantine = Quarantine::new(Some(full));
        for _ in 0..100 {
            quarantine.write(&[b'x'; 1000]);
        }
        assert!(quarantine.finish().is_err());
        assert!(quarantine.finish().is_ok());
    }
}

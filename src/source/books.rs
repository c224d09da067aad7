//! The books of the intake (C20): what came in, and what became of it. They balance at all times.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::SafeText;

/// Lines that were given up, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// No decoder could read it.
    pub undecodable: u64,
    /// Longer than a line may be.
    pub too_long: u64,
    /// The queue was full and the source could not wait.
    pub overflow: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.undecodable + self.too_long + self.overflow
    }
}

/// Received lines and what became of each. Blank lines are not received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Lines that came in.
    pub received: u64,
    /// Lines that the detector has seen.
    pub processed: u64,
    /// Lines that were read before.
    pub deduplicated: u64,
    /// Lines that were given up.
    pub dropped: Dropped,
    /// Lines that wait.
    pub queued: u64,
    /// Of the processed ones: too old for the windows. Not part of the balance.
    pub late: u64,
}

impl Books {
    /// Whether every received line is somewhere, once.
    pub fn balances(&self) -> bool {
        self.received == self.processed + self.deduplicated + self.dropped.total() + self.queued
    }

    /// The books of two sources as one.
    pub fn add(&mut self, other: &Books) {
        self.received += other.received;
        self.processed += other.processed;
        self.deduplicated += other.deduplicated;
        self.dropped.undecodable += other.dropped.undecodable;
        self.dropped.too_long += other.dropped.too_long;
        self.dropped.overflow += other.dropped.overflow;
        self.queued += other.queued;
        self.late += other.late;
    }
}

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

/// The first bad lines of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    samples: VecDeque<Sample>,
}

impl Quarantine {
    /// Looks at a bad line; it is kept if it is among the first.
    pub fn take(&mut self, file: &str, line: u64, reason: &str, bytes: &[u8]) {
        if self.samples.len() >= SAMPLES {
            return;
        }
        // A character takes at most four bytes.
        let head = bytes.get(..4 * SAMPLE_CHARS).unwrap_or(bytes);
        let text = String::from_utf8_lossy(head);
        let cut = SafeText(&text).cut(SAMPLE_CHARS);
        self.samples.push_back(Sample {
            file: SafeText(file).to_string(),
            line,
            reason: SafeText(reason).to_string(),
            text: cut,
        });
    }

    /// What was kept, in order.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_the_books_balance_only_if_every_line_is_somewhere() {
        let dropped = Dropped { undecodable: 1, too_long: 2, overflow: 3 };
        let mut books = Books { received: 21, processed: 9, deduplicated: 4, dropped, queued: 2, late: 5 };
        assert!(books.balances());
        books.add(&books.clone());
        assert!(books.balances());
        assert_eq!(books.received, 42);
        books.processed -= 1;
        assert!(!books.balances());
    }

    #[test]
    fn c32_samples_are_the_first_few_and_safe_to_show() {
        let mut quarantine = Quarantine::default();
        for line in 1..10 {
            quarantine.take("a\u{1b}.log", line, "why", b"\x1b[2J\xff rest");
        }
        assert_eq!(quarantine.samples().len(), SAMPLES);
        let first = quarantine.samples().next().unwrap();
        assert_eq!((first.text.as_str(), first.line), ("\\x1b[2J\u{fffd} rest", 1));
        assert_eq!(first.file, "a\\x1b.log");
        quarantine = Quarantine::default();
        quarantine.take("a", 1, "why", &vec![b'x'; 10_000]);
        assert_eq!(quarantine.samples().next().unwrap().text.chars().count(), SAMPLE_CHARS + 1);
    }
}

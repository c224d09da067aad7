//! What the runtime needs of a source and of detection: signals in order, and findings in them.

use std::sync::{Arc, Mutex, PoisonError};

use super::gauges::BookTotals;
use crate::detect::{Checkpoint, Detector, Figures};
use crate::model::{Detection, Signal, Timestamp};

/// Signals in the order in which they were recorded. Lines that are no signals are counted by it.
pub trait Stream: Send {
    /// The next signal; `None` at the end.
    fn next(&mut self) -> Option<Signal>;

    /// What it received and what of that it dropped or knew already; the rest is left at zero.
    fn books(&self) -> BookTotals;

    /// The share that was read, 0 to 1, where that is known.
    fn progress(&self) -> Option<f64>;
}

/// Finds things in signals.
pub trait Watch: Send {
    /// Looks at one signal, and adds what it finds.
    fn observe(&mut self, signal: &Signal, found: &mut Vec<Detection>);

    /// Says that time has come this far: what was held back until then is added.
    fn settle(&mut self, now: Timestamp, found: &mut Vec<Detection>);

    /// When [`Watch::settle`] has something to add.
    fn next_due(&self) -> Option<Timestamp>;

    /// Adds what is still held back: the stream has ended.
    fn finish(&mut self, found: &mut Vec<Detection>);

    /// Signals so far that were too old for the windows.
    fn late(&self) -> u64;

    /// What each rule came to, for screens; `None` if it has none.
    fn figures(&self) -> Option<Figures> {
        None
    }

    /// Goes on with other rules; the windows of those that mean the same go on. Call [`Watch::finish`]
    /// before.
    fn renew(&mut self, detector: Detector);

    /// Puts a signal that was looked at before a restart where later ones need it; it finds nothing.
    /// For what has no windows there is nothing to do.
    fn prime(&mut self, _signal: &Signal) {}

    /// What has to survive a restart. Call [`Watch::finish`] before.
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::default()
    }

    /// Signals older than this matter no more.
    fn horizon(&self) -> Timestamp {
        Timestamp(i64::MAX)
    }
}

/// A stream whose first signal was looked at: it says when a recording begins.
pub struct Opened {
    stream: Box<dyn Stream>,
    first: Option<Signal>,
}

impl Opened {
    /// Reads up to the first signal.
    pub fn new(mut stream: Box<dyn Stream>) -> Self {
        let first = stream.next();
        Opened { stream, first }
    }

    /// Nothing to read.
    pub fn empty() -> Self {
        Opened { stream: Box::new(Nothing), first: None }
    }

    /// When the first signal was; `None` if there is none.
    pub fn begins(&self) -> Option<Timestamp> {
        self.first.as_ref().map(|signal| signal.at)
    }

    /// The next signal.
    #[expect(clippy::should_implement_trait, reason = "it is not used as an iterator")]
    pub fn next(&mut self) -> Option<Signal> {
        self.first.take().or_else(|| self.stream.next())
    }

    /// As [`Stream::books`].
    pub fn books(&self) -> BookTotals {
        self.stream.books()
    }

    /// As [`Stream::progress`].
    pub fn progress(&self) -> Option<f64> {
        self.stream.progress()
    }
}

struct Nothing;

impl Stream for Nothing {
    fn next(&mut self) -> Option<Signal> {
        None
    }
    fn books(&self) -> BookTotals {
        BookTotals::default()
    }
    fn progress(&self) -> Option<f64> {
        None
    }
}

/// How far a stream is, as its reading thread last said.
#[derive(Debug, Clone, Default)]
pub struct Reading(Arc<Mutex<(BookTotals, Option<f64>)>>);

impl Reading {
    /// Says how far it is.
    pub fn set(&self, books: BookTotals, progress: Option<f64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (books, progress);
    }

    /// How far it was.
    pub fn get(&self) -> (BookTotals, Option<f64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

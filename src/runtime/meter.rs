//! Keeps the figures of one engine and puts them on the board, a few times a second at most.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::instant;
use super::gauges::{Board, BookTotals, Stage};
use crate::detect::Figures as RuleFigures;
use crate::model::{Span, Timestamp};

/// No figure is older on the board, while something happens.
const REFRESH: Duration = Duration::from_millis(50);
/// How old the figures of rules may be.
const RULES: Duration = Duration::from_secs(1);
/// Seconds of the signal rate that are kept.
const SECONDS: usize = 600;
/// Measurements that wait for the board, at most.
const WAITING: usize = 4096;

/// The figures.
pub struct Meter {
    board: Board,
    processed: u64,
    per_second: VecDeque<u32>,
    /// The second that is counted last, since the epoch.
    second: Option<i64>,
    refreshed: Instant,
    /// When the figures of rules are due again.
    rules_due: Instant,
}

/// What a refresh says beside the meter's own figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// The engine's now.
    pub now: Timestamp,
    /// Received, dropped and deduplicated, as the stream counts.
    pub read: BookTotals,
    /// The share that was read.
    pub progress: Option<f64>,
    /// Signals in the queue, and its size.
    pub queue: (usize, usize),
    /// Signals that were too old for the windows.
    pub late: u64,
    /// Answers that came too late.
    pub stale_answers: u64,
}

impl Meter {
    /// On this board.
    pub fn new(board: Board) -> Self {
        Meter {
            board,
            processed: 0,
            per_second: VecDeque::new(),
            second: None,
            refreshed: instant(),
            rules_due: instant(),
        }
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Counts a signal that went through detection at `now`.
    pub fn processed(&mut self, now: Timestamp) {
        self.processed += 1;
        self.advance(now);
        if let Some(last) = self.per_second.back_mut() {
            *last = last.saturating_add(1);
        }
    }

    /// Opens the counters of the seconds up to `now`.
    fn advance(&mut self, now: Timestamp) {
        let second = now.split().0;
        let gap = self.second.map_or(1, |last| second.saturating_sub(last));
        if gap > 0 {
            let zeros = usize::try_from(gap).unwrap_or(SECONDS).min(SECONDS);
            self.per_second.extend(std::iter::repeat_n(0, zeros));
            self.per_second.drain(..self.per_second.len().saturating_sub(SECONDS));
            self.second = Some(second);
        }
    }

    /// Whether the board is due for a refresh.
    pub fn is_due(&self, measured: usize) -> bool {
        measured >= WAITING || instant().duration_since(self.refreshed) >= REFRESH
    }

    /// Puts the figures of rules on the board, if they are due: they take longer than the others.
    pub fn refresh_rules(&mut self, at_once: bool, figures: impl FnOnce() -> Option<RuleFigures>) {
        if !at_once && instant() < self.rules_due {
            return;
        }
        self.rules_due = instant() + RULES;
        if let Some(figures) = figures() {
            self.board.update(|gauges| gauges.rules = Arc::new(figures));
        }
    }

    /// Puts everything on the board.
    pub fn refresh(&mut self, figures: Figures, measured: &mut Vec<(Stage, Span)>) {
        self.refreshed = instant();
        if self.second.is_some() {
            self.advance(figures.now);
        }
        let mut books = BookTotals { processed: self.processed, late: figures.late, ..figures.read };
        // Whatever was received and is not settled yet waits: in the queue, or in a hand.
        books.queued = books.received.saturating_sub(books.processed + books.deduplicated + books.dropped());
        self.board.update(|gauges| {
            gauges.now = figures.now;
            gauges.books = books;
            gauges.progress = figures.progress;
            gauges.queue = figures.queue;
            gauges.stale_answers = figures.stale_answers;
            gauges.per_second.clear();
            gauges.per_second.extend(&self.per_second);
            for (stage, took) in measured.drain(..) {
                gauges.latencies.record(stage, took);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_the_books_balance() {
        let mut meter = Meter::new(Board::default());
        meter.processed(Timestamp::from_secs(10));
        let read =
            BookTotals { received: 9, undecodable: 2, too_long: 1, deduplicated: 1, ..Default::default() };
        meter.refresh(Figures { read, ..Default::default() }, &mut vec![]);
        let books = meter.board().read().books;
        assert_eq!((books.processed, books.queued), (1, 4));
        assert_eq!(books.received, books.processed + books.deduplicated + books.dropped() + books.queued);
    }

    #[test]
    fn the_rate_is_counted_by_second_of_engine_time() {
        let mut meter = Meter::new(Board::default());
        for second in [10, 10, 12] {
            meter.processed(Timestamp::from_secs(second));
        }
        let mut measured = vec![(Stage::Step, Span(5))];
        meter.refresh(Figures { now: Timestamp::from_secs(14), ..Default::default() }, &mut measured);
        let gauges = meter.board().read();
        assert_eq!(gauges.per_second, [2, 0, 1, 0, 0]);
        assert_eq!((gauges.latencies.stage(Stage::Step).len(), measured.len()), (1, 0));
        meter.refresh(Figures { now: Timestamp::from_secs(9_999), ..Default::default() }, &mut measured);
        assert_eq!(meter.board().read().per_second, [0; SECONDS]);
    }
}

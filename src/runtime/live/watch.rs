//! Detection on live signals: event time is that of the signals, also where they lag behind the clock.
//!
//! What is held back for a second of event time comes out when a second of real time has passed since
//! the last signal; event time goes no further by that, so that a backlog is not late.

use crate::detect::{Checkpoint, Detector, Figures};
use crate::model::{Detection, Signal, Span, Timestamp};
use crate::runtime::clock::Clock;
use crate::runtime::stream::Watch;

/// A detector between event time and the clock.
pub struct LiveWatch {
    detector: Detector,
    clock: Clock,
    /// When the last signal was looked at, by the clock, and what event time was then.
    looked: Timestamp,
    event: Timestamp,
}

impl LiveWatch {
    /// Around a detector.
    pub fn new(detector: Detector, clock: Clock) -> Self {
        LiveWatch { looked: clock.now(), event: detector.now(), detector, clock }
    }

    /// How far the clock is ahead of event time.
    fn lag(&self) -> Span {
        self.looked.since(self.event)
    }
}

impl Watch for LiveWatch {
    fn figures(&self) -> Option<Figures> {
        Some(self.detector.figures())
    }

    fn renew(&mut self, detector: Detector) {
        let before = std::mem::replace(&mut self.detector, detector);
        self.detector.succeed(before);
    }

    fn observe(&mut self, signal: &Signal, found: &mut Vec<Detection>) {
        self.detector.observe(signal, found);
        (self.looked, self.event) = (self.clock.now(), self.detector.now());
    }

    fn settle(&mut self, now: Timestamp, found: &mut Vec<Detection>) {
        while let Some(due) = self.detector.next_due().filter(|due| *due + self.lag() <= now) {
            self.detector.send_held(due, found);
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.detector.next_due().map(|due| due + self.lag())
    }

    fn finish(&mut self, found: &mut Vec<Detection>) {
        self.detector.finish(found);
    }

    fn late(&self) -> u64 {
        self.detector.stats().late
    }

    fn prime(&mut self, signal: &Signal) {
        self.detector.prime(signal);
    }

    fn checkpoint(&self) -> Checkpoint {
        self.detector.checkpoint()
    }

    fn horizon(&self) -> Timestamp {
        self.detector.horizon()
    }
}

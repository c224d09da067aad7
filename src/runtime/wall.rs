//! The clock on the wall, compared with the engine's (C22): the engine's never goes back and does not jump,
//! so what the times in the journal mean has to be said when the other one does.

use std::time::{Duration, Instant};

use crate::model::Timestamp;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Jumps up to this, in microseconds, are those of a clock that is set right a little at a time.
const SMALL: i64 = 5_000_000;

/// Knows how far the two are apart.
#[derive(Debug, Default)]
pub struct WallWatch {
    /// By how many microseconds the wall was ahead when that was said last.
    ahead: i64,
    next: Option<Instant>,
}

impl WallWatch {
    /// Whether it is time to look.
    pub fn is_due(&mut self, instant: Instant) -> bool {
        let due = self.next.is_none_or(|next| next <= instant);
        if due {
            self.next = Some(instant + EVERY);
        }
        due
    }

    /// By how many microseconds the wall jumped since the last jump that was told, and how far ahead of the
    /// engine it is now.
    pub fn look(&mut self, now: Timestamp, wall: Timestamp) -> Option<(i64, i64)> {
        let ahead = wall.0.saturating_sub(now.0);
        let by = ahead.saturating_sub(self.ahead);
        if by.saturating_abs() <= SMALL {
            return None;
        }
        self.ahead = ahead;
        Some((by, ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c22_a_jump_of_more_than_five_seconds_is_told_once() {
        let mut watch = WallWatch::default();
        let second = 1_000_000;
        for (now, wall, told) in [
            (100, 100, None),
            (101, 106, None),
            // Set right a little at a time.
            (200, 204, None),
            (300, 306, Some((6, 6))),
            (301, 307, None),
            (302, 3_908, Some((3_600, 3_606))),
            (303, 3_909, None),
            // Back to where it was.
            (304, 304, Some((-3_606, 0))),
            (305, 205, Some((-100, -100))),
        ] {
            let found = watch.look(Timestamp(now * second), Timestamp(wall * second));
            assert_eq!(found.map(|(by, ahead)| (by / second, ahead / second)), told, "at {now}");
        }
        assert!(watch.look(Timestamp(0), Timestamp(i64::MAX)).is_some());
    }

    #[test]
    fn it_is_looked_at_once_a_second() {
        let (mut watch, now) = (WallWatch::default(), crate::runtime::clock::instant());
        assert!(watch.is_due(now));
        assert!(!watch.is_due(now + Duration::from_millis(999)));
        assert!(watch.is_due(now + EVERY));
    }
}

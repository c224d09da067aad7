//! Keeps several sources together in event time while they catch up, so that none makes the others late.
//!
//! A source that reads a backlog says how far it is; one that is ahead of the slowest by more than the
//! slack waits. One that has nothing to read, or has not moved for a while, holds nobody up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{Span, Timestamp};
use crate::runtime::clock::instant;
use crate::runtime::inbox::Inbox;

/// A source that has not moved for so long holds nobody up.
const STALLED: Duration = Duration::from_secs(2);
/// How often one that waits looks whether it still has to.
const GLANCE: Duration = Duration::from_millis(100);

/// How far a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It reads again what was known before the restart.
    Priming,
    /// It reads lines of this time.
    At(Timestamp),
    /// It has read everything that is there.
    Waiting,
}

/// How far each source is.
#[derive(Debug)]
pub struct Pace {
    sources: Mutex<Vec<(Progress, Instant)>>,
    moved: Condvar,
    slack: Span,
}

/// Whether a source may go on with a line of this time.
fn may_go(own: usize, at: Timestamp, slack: Span, sources: &[(Progress, Instant)], now: Instant) -> bool {
    sources.iter().enumerate().all(|(number, (progress, moved))| {
        number == own
            || now.duration_since(*moved) >= STALLED
            || match progress {
                Progress::Priming => false,
                Progress::At(theirs) => at <= *theirs + slack,
                Progress::Waiting => true,
            }
    })
}

impl Pace {
    /// For so many sources, all of them priming.
    pub fn new(sources: usize, slack: Span) -> Self {
        let sources = Mutex::new(vec![(Progress::Priming, instant()); sources]);
        Pace { sources, moved: Condvar::new(), slack }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Progress, Instant)>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how far a source is.
    pub fn tell(&self, source: usize, progress: Progress) {
        if let Some(place) = self.lock().get_mut(source) {
            *place = (progress, instant());
        }
        self.moved.notify_all();
    }

    /// Waits until a source may go on with a line of this time. False if nobody wants signals any more.
    pub fn go(&self, source: usize, at: Timestamp, inbox: &Inbox) -> bool {
        self.tell(source, Progress::At(at));
        self.go_after(source, at, inbox)
    }

    /// The same for a source that strangers write to: whatever time they say, nobody waits for it.
    pub fn go_after(&self, source: usize, at: Timestamp, inbox: &Inbox) -> bool {
        let mut sources = self.lock();
        if sources.len() < 2 {
            return true;
        }
        while !may_go(source, at, self.slack, &sources, instant()) {
            let waited = self.moved.wait_timeout(sources, GLANCE).unwrap_or_else(PoisonError::into_inner);
            sources = waited.0;
            if !inbox.takes_signals() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c19_who_is_ahead_waits_for_who_catches_up() {
        use Progress::*;
        let now = instant();
        let (fresh, old) = (now, now.checked_sub(STALLED).unwrap_or(now));
        let at = |second| At(Timestamp::from_secs(second));
        for (what, other, moved, second, expected) in [
            ("within the slack", at(100), fresh, 130, true),
            ("beyond it", at(100), fresh, 131, false),
            ("behind the other", at(100), fresh, 5, true),
            ("the other has nothing", Waiting, fresh, 999, true),
            ("the other fills its windows", Priming, fresh, 5, false),
            ("the other does not move", at(100), old, 999, old == now),
            ("the other hangs while it fills its windows", Priming, old, 999, old == now),
        ] {
            let sources = [(at(second), fresh), (other, moved)];
            let stalled = now.duration_since(moved) >= STALLED;
            let expected = expected || stalled;
            let found = may_go(0, Timestamp::from_secs(second), Span::from_secs(30), &sources, now);
            assert_eq!(found, expected, "{what}");
        }
    }
}

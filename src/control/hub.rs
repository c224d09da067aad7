//! What every client looks at: a replica of the state, and the latest records. It is the engine's only
//! subscriber, however many clients there are.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{Record, State};
use crate::model::Seq;
use crate::runtime::feed::{FeedItem, Subscription};

/// Records that are kept for those who follow; older ones are in the journal.
pub const RING: usize = 16_384;
/// How long the feed is waited for at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A replica and the latest records.
#[derive(Debug, Default)]
pub struct Hub {
    view: Mutex<View>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct View {
    state: State,
    ring: VecDeque<Arc<Vec<Record>>>,
    records: usize,
    ended: bool,
}

/// What comes after a record.
#[derive(Debug, Clone, PartialEq)]
pub enum After {
    /// The next ones.
    Records(Vec<Arc<Vec<Record>>>),
    /// They are not here any more: the journal has them.
    InJournal,
    /// Nothing, within the time.
    Nothing,
    /// Nothing, for ever.
    End,
}

impl View {
    fn reset(&mut self, state: State) {
        // After a gap the ring begins anew.
        if state.seq() != self.state.seq() {
            self.ring.clear();
            self.records = 0;
        }
        self.state = state;
    }

    fn add(&mut self, batch: Arc<Vec<Record>>) {
        for record in batch.iter() {
            if let Err(illegal) = self.state.apply(record) {
                // What is shown may be wrong from here on; the engine's own state is not.
                tracing::error!(target: "control", "the replica cannot follow: {illegal}");
                self.ended = true;
                return;
            }
        }
        self.records += batch.len();
        self.ring.push_back(batch);
        while self.records > RING
            && let Some(oldest) = self.ring.pop_front()
        {
            self.records -= oldest.len();
        }
    }

    fn after(&self, seq: Seq) -> After {
        if seq >= self.state.seq() {
            return if self.ended { After::End } else { After::Nothing };
        }
        let first = self.ring.front().and_then(|batch| batch.first()).map(|record| record.seq);
        if first.is_none_or(|first| first > seq + 1) {
            return After::InJournal;
        }
        let last = |batch: &Arc<Vec<Record>>| batch.last().map_or(0, |record| record.seq);
        After::Records(self.ring.iter().filter(|batch| last(batch) > seq).cloned().collect())
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a feed to its end.
    pub fn follow(&self, feed: &Subscription) {
        loop {
            match feed.next_within(PATIENCE) {
                Some(FeedItem::Snapshot(state)) => self.lock().reset(*state),
                Some(FeedItem::Records(batch)) => self.lock().add(batch),
                Some(FeedItem::Lost(_) | FeedItem::End) => break,
                None => continue,
            }
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// What comes after a record; waits up to `patience` for it.
    pub fn after(&self, seq: Seq, patience: Duration) -> After {
        let waits = |view: &mut View| view.after(seq) == After::Nothing;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.after(seq)
    }

    /// Waits until a record can be seen here, up to `patience`; whether it can.
    pub fn reached(&self, seq: Seq, patience: Duration) -> bool {
        let waits = |view: &mut View| view.state.seq() < seq && !view.ended;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.state.seq() >= seq
    }

    /// The number of the last record.
    pub fn last(&self) -> Seq {
        self.lock().state.seq()
    }

    /// Looks at the state.
    pub fn look<T>(&self, see: impl FnOnce(&State) -> T) -> T {
        see(&self.lock().state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::records;
    use crate::runtime::feed::Feed;

    fn seqs(after: &After) -> Vec<Seq> {
        match after {
            After::Records(batches) => batches.iter().flat_map(|b| b.iter().map(|r| r.seq)).collect(),
            _ => vec![],
        }
    }

    #[test]
    fn records_come_in_order_and_end() {
        let (mut feed, hub) = (Feed::default(), Hub::default());
        let subscription = feed.subscribe(&State::new());
        feed.publish(&records(1, 2));
        feed.publish(&records(3, 3));
        drop(feed);
        hub.follow(&subscription);
        let now = Duration::ZERO;
        assert_eq!(seqs(&hub.after(0, now)), [1, 2, 3]);
        assert_eq!(seqs(&hub.after(2, now)), [3]);
        assert_eq!((hub.after(3, now), hub.last()), (After::End, 3));
        assert_eq!((hub.reached(3, now), hub.reached(4, Duration::from_secs(60))), (true, false));
    }

    #[test]
    fn what_the_ring_has_lost_is_in_the_journal() {
        let mut view = View::default();
        view.add(records(1, 10));
        (0..RING as Seq).for_each(|i| view.add(records(i + 11, i + 11)));
        assert_eq!(view.after(0), After::InJournal);
        assert_eq!(view.records, RING);
        assert_eq!(seqs(&view.after(10)).len(), RING);
        let mut ahead = State::new();
        (1..=5).for_each(|seq| ahead.apply(&records(seq, seq)[0]).unwrap());
        view.reset(ahead);
        assert_eq!(view.after(4), After::InJournal);
        assert_eq!(view.after(5), After::Nothing);
    }
}

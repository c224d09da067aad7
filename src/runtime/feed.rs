//! The stream of durable records to everything that shows them: console, `--json`, metrics.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::engine::{Record, State};

/// What a subscriber gets.
#[derive(Debug, Clone)]
pub enum FeedItem {
    /// Begin anew from this state: the first item, and again after the subscriber was too slow.
    Snapshot(Box<State>),
    /// Fold these, in order.
    Records(Arc<Vec<Record>>),
    /// The way to the engine is lost, and why; a snapshot follows once there is one again. Only an engine
    /// in another process can be lost.
    Lost(Arc<str>),
    /// Nothing will follow.
    End,
}

/// Batches that a subscriber may be behind before it is given a snapshot in their place.
pub const SUBSCRIBER_LIMIT: usize = 1024;

/// The giving side. It never waits for a screen; a report that must be complete makes it wait.
#[derive(Debug, Default)]
pub struct Feed {
    subscribers: Vec<Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    sender: SyncSender<FeedItem>,
    /// It gets every record: the giver waits while its queue is full.
    complete: bool,
    /// Its queue was full; it needs a snapshot before it can go on.
    behind: bool,
}

impl Subscriber {
    /// Gives an item. False if nobody takes it any more.
    fn give(&mut self, item: FeedItem) -> bool {
        if self.complete {
            return self.sender.send(item).is_ok();
        }
        match self.sender.try_send(item) {
            Ok(()) => self.behind = false,
            Err(TrySendError::Full(_)) => self.behind = true,
            Err(TrySendError::Disconnected(_)) => return false,
        }
        true
    }
}

impl Feed {
    /// Adds a screen; it starts from `state`, and may miss batches: then it gets a snapshot.
    /// `state` must be durable.
    pub fn subscribe(&mut self, state: &State) -> Subscription {
        self.add(state, false)
    }

    /// Adds one that gets every record. While it does not take them, the engine waits: for reports
    /// of a replay, never for a screen.
    pub fn subscribe_complete(&mut self, state: &State) -> Subscription {
        self.add(state, true)
    }

    fn add(&mut self, state: &State, complete: bool) -> Subscription {
        let (sender, receiver) = sync_channel(SUBSCRIBER_LIMIT);
        let behind = sender.try_send(FeedItem::Snapshot(Box::new(state.clone()))).is_err();
        self.subscribers.push(Subscriber { sender, complete, behind });
        Subscription { receiver }
    }

    /// Hands a batch to everybody who is not behind.
    pub fn publish(&mut self, records: &Arc<Vec<Record>>) {
        self.subscribers.retain_mut(|subscriber| {
            subscriber.behind || subscriber.give(FeedItem::Records(Arc::clone(records)))
        });
    }

    /// Whether somebody needs a snapshot.
    pub fn is_behind(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.behind)
    }

    /// Gives a snapshot to those who are behind, and drops those who are gone. `state` must be
    /// durable, and the state after the last batch that was published.
    pub fn catch_up(&mut self, state: &State) {
        self.subscribers.retain_mut(|subscriber| {
            !subscriber.behind || subscriber.give(FeedItem::Snapshot(Box::new(state.clone())))
        });
    }

    /// Gives everybody a state to begin anew from, because the engine did.
    pub fn restart(&mut self, state: &State) {
        self.subscribers.retain_mut(|s| s.give(FeedItem::Snapshot(Box::new(state.clone()))));
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }
}

/// The taking side.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<FeedItem>,
}

impl Subscription {
    /// A subscription to what is given at the other end, which waits while [`SUBSCRIBER_LIMIT`] items are
    /// not taken.
    pub fn pipe() -> (SyncSender<FeedItem>, Subscription) {
        let (sender, receiver) = sync_channel(SUBSCRIBER_LIMIT);
        (sender, Subscription { receiver })
    }

    /// What is there now, if anything; `End` once the engine is gone.
    pub fn try_next(&self) -> Option<FeedItem> {
        match self.receiver.try_recv() {
            Ok(item) => Some(item),
            Err(std::sync::mpsc::TryRecvError::Empty) => None,
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Some(FeedItem::End),
        }
    }

    /// Waits for the next item, at most `patience`.
    pub fn next_within(&self, patience: Duration) -> Option<FeedItem> {
        match self.receiver.recv_timeout(patience) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(FeedItem::End),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Event, JournalKind};
    use crate::model::Timestamp;

    fn batch() -> Arc<Vec<Record>> {
        let event = Event::JournalOpened { kind: JournalKind::Exercise, version: "0".into(), seed: 1 };
        Arc::new(vec![Record { seq: 1, at: Timestamp(0), event }])
    }

    fn kinds(subscription: &Subscription) -> String {
        let mut kinds = String::new();
        while let Some(item) = subscription.try_next() {
            match item {
                FeedItem::Snapshot(_) => kinds.push('s'),
                FeedItem::Records(_) => kinds.push('r'),
                FeedItem::Lost(_) | FeedItem::End => {
                    kinds.push('e');
                    break;
                }
            }
        }
        kinds
    }

    #[test]
    fn a_slow_screen_gets_a_snapshot_in_place_of_what_it_missed() {
        let (mut feed, state) = (Feed::default(), State::new());
        let screen = feed.subscribe(&state);
        (0..2 * SUBSCRIBER_LIMIT).for_each(|_| feed.publish(&batch()));
        assert!(feed.is_behind());
        feed.catch_up(&state);
        assert!(feed.is_behind(), "there was no room for a snapshot");
        assert_eq!(kinds(&screen), format!("s{}", "r".repeat(SUBSCRIBER_LIMIT - 1)));
        feed.catch_up(&state);
        feed.publish(&batch());
        assert_eq!(kinds(&screen), "sr");
        drop(feed);
        assert_eq!(kinds(&screen), "e");
    }

    #[test]
    fn a_complete_subscriber_misses_nothing() {
        let (mut feed, state) = (Feed::default(), State::new());
        let report = feed.subscribe_complete(&state);
        let giver = std::thread::spawn(move || {
            (0..2 * SUBSCRIBER_LIMIT).for_each(|_| feed.publish(&batch()));
        });
        let mut records = 0;
        while let Some(item) = report.next_within(Duration::from_secs(5)) {
            match item {
                FeedItem::Records(_) => records += 1,
                FeedItem::Snapshot(_) => {}
                FeedItem::Lost(_) | FeedItem::End => break,
            }
        }
        giver.join().unwrap();
        assert_eq!(records, 2 * SUBSCRIBER_LIMIT);
    }

    #[test]
    fn those_who_are_gone_are_dropped() {
        let (mut feed, state) = (Feed::default(), State::new());
        drop((feed.subscribe(&state), feed.subscribe_complete(&state)));
        feed.publish(&batch());
        assert_eq!(feed.subscribers(), 0);
    }
}

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
    /// Nothing will follow.
    End,
}

/// Batches that a subscriber may be behind before it is given a snapshot in their place.
pub const SUBSCRIBER_LIMIT: usize = 1024;

/// The giving side: never waits for a subscriber.
#[derive(Debug, Default)]
pub struct Feed {
    subscribers: Vec<Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    sender: SyncSender<FeedItem>,
    /// Its queue was full; it needs a snapshot before it can go on.
    behind: bool,
}

impl Feed {
    /// Adds a subscriber; it starts from `state`.
    pub fn subscribe(&mut self, state: &State) -> Subscription {
        let (sender, receiver) = sync_channel(SUBSCRIBER_LIMIT);
        let behind = sender.try_send(FeedItem::Snapshot(Box::new(state.clone()))).is_err();
        self.subscribers.push(Subscriber { sender, behind });
        Subscription { receiver }
    }

    /// Hands a batch to everybody. `state` is the state after it, for those who fell behind.
    pub fn publish(&mut self, records: &Arc<Vec<Record>>, state: &State) {
        self.subscribers.retain_mut(|subscriber| {
            let item = if subscriber.behind {
                FeedItem::Snapshot(Box::new(state.clone()))
            } else {
                FeedItem::Records(Arc::clone(records))
            };
            match subscriber.sender.try_send(item) {
                Ok(()) => subscriber.behind = false,
                Err(TrySendError::Full(_)) => subscriber.behind = true,
                Err(TrySendError::Disconnected(_)) => return false,
            }
            true
        });
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

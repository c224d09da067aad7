//! What a console holds of an engine: its feed, its figures, and a way to ask and be answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::feed::Subscription;
use super::gauges::Board;
use crate::engine::{Answer, Request};
use crate::model::{RequestId, Seq};

/// Carries a request to the engine: `(id, what the asker saw, what)`. Returns false if the engine is gone.
pub type Ask = Box<dyn Fn(RequestId, Option<Seq>, Request) -> bool + Send>;

/// An answer to a request, with its place among the records.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The asker's own number.
    pub id: RequestId,
    /// Records up to this one are durable and shown: what the request changed is among them. One who
    /// also reads the feed acts on the answer once it is there.
    pub seq: Seq,
    /// What the engine says.
    pub answer: Answer,
}

/// One console's connection to an engine.
pub struct Link {
    /// Records, from a snapshot on.
    pub feed: Subscription,
    /// The latest figures.
    pub board: Board,
    /// Answers to this console's requests.
    pub answers: Receiver<Answered>,
    /// The way to ask.
    pub asker: Asker,
}

impl Link {
    /// Puts the parts together.
    pub fn new(feed: Subscription, board: Board, answers: Receiver<Answered>, ask: Ask) -> Self {
        Link { feed, board, answers, asker: Asker { ask, next: AtomicU64::new(1) } }
    }
}

/// Sends requests under numbers of its own.
pub struct Asker {
    ask: Ask,
    next: AtomicU64,
}

impl Asker {
    /// Sends a request; `None` if the engine is gone. The answer comes by [`Link::answers`].
    pub fn send(&self, seen: Option<Seq>, request: Request) -> Option<RequestId> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        (self.ask)(id, seen, request).then_some(id)
    }
}

//! What a console holds of an engine: its feed, its figures, what can be started, and a way to ask and be
//! answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use serde::{Deserialize, Serialize};

use super::feed::Subscription;
use super::gauges::Board;
use crate::engine::{Answer, Request, Setup};
use crate::model::{RequestId, Seq, Value, ValueType};
use crate::workflow::{InputSpec, Workflow};

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

/// What a setup lets people start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Its workflows, by name.
    pub workflows: Vec<Offer>,
}

/// A workflow that people can start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name.
    pub name: Arc<str>,
    /// One line for people.
    pub description: Arc<str>,
    /// Its typed inputs.
    pub inputs: Vec<OfferedInput>,
    /// Whether its file asks to be live.
    pub asks_live: bool,
}

/// An input of a workflow, as far as people give it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedInput {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: ValueType,
    /// Whether a run without it is refused.
    pub required: bool,
    /// What it is when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
}

impl Catalogue {
    /// Of a setup.
    pub fn of(setup: &Setup) -> Self {
        let wanted = |input: &InputSpec| OfferedInput {
            name: Arc::clone(&input.name),
            kind: input.kind,
            required: input.required,
            default: input.default.clone(),
            description: input.description.clone(),
        };
        let offer = |workflow: &Arc<Workflow>| Offer {
            name: Arc::clone(&workflow.name),
            description: Arc::from(workflow.description.as_ref()),
            inputs: workflow.inputs.iter().map(wanted).collect(),
            asks_live: workflow.asks_live,
        };
        Catalogue { workflows: setup.workflows.values().map(offer).collect() }
    }

    /// Whether the file of a workflow asks to be live.
    pub fn asks_live(&self, workflow: &str) -> bool {
        self.workflows.iter().any(|offer| offer.asks_live && *offer.name == *workflow)
    }
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
    /// What can be started.
    pub catalogue: Catalogue,
    /// What can be started when the setup was read anew.
    pub news: Receiver<Catalogue>,
}

impl Link {
    /// Of an engine in this process.
    pub fn new(
        feed: Subscription,
        board: Board,
        answers: Receiver<Answered>,
        ask: Ask,
        catalogue: Catalogue,
    ) -> Self {
        Link { feed, board, answers, asker: Asker::new(ask), catalogue, news: channel().1 }
    }
}

/// Sends requests under numbers of its own.
pub struct Asker {
    ask: Ask,
    next: AtomicU64,
}

impl Asker {
    /// Numbers from 1 on.
    pub fn new(ask: Ask) -> Self {
        Asker { ask, next: AtomicU64::new(1) }
    }

    /// Sends a request; `None` if the engine is gone. The answer comes by [`Link::answers`].
    pub fn send(&self, seen: Option<Seq>, request: Request) -> Option<RequestId> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        (self.ask)(id, seen, request).then_some(id)
    }
}

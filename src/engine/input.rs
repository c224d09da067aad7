//! What reaches the engine, and what it wishes done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Actor, AgentKind, Lift, Probe, ProbeOf, Record, Settled};
use crate::model::{
    Action, AgentId, Detection, IncidentId, Map, ObligationId, Outcome, Presence, RequestId, RunId, Seq,
    StepIx, Timestamp,
};

/// Everything that can happen to the engine. A person enters at the same door as everything else.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A rule found something, or found more of it.
    Detection(Detection),
    /// An agent answered.
    StepFinished {
        /// Which run.
        run: RunId,
        /// Which step.
        step: StepIx,
        /// Which attempt; an answer to an old one is ignored.
        attempt: u32,
        /// Whether it is the undo that was answered.
        undo: bool,
        /// The answer.
        outcome: Outcome,
    },
    /// Whether an effect is there, as was asked.
    Probed {
        /// What was asked for.
        of: ProbeOf,
        /// What was found.
        found: Presence,
    },
    /// Somebody asks.
    Request {
        /// Echoed in the answer.
        id: RequestId,
        /// Who.
        by: Actor,
        /// The last change of the object that the asker saw; `None` does not check (C23).
        seen: Option<Seq>,
        /// What.
        request: Request,
    },
    /// Somebody asked for what they may not (C23): it is recorded and answered, not done.
    Refuse {
        /// Echoed in the answer.
        id: RequestId,
        /// Who.
        by: Actor,
        /// What they asked.
        request: Request,
        /// What they are told.
        why: String,
    },
    /// The clock on the wall jumped by so many microseconds, and is so many ahead of the engine's.
    ClockJumped {
        /// How far it jumped.
        by: i64,
        /// How far it is ahead since.
        ahead: i64,
    },
    /// A deadline may have passed.
    Tick,
    /// Start nothing new any more: the engine is about to stop (C18). What is in flight still ends;
    /// what is left goes on at the next start.
    Drain,
}

/// What people may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    /// Start a workflow.
    Trigger { workflow: Arc<str>, inputs: Map },
    /// Hold a run at the next step boundary.
    Pause { run: RunId },
    /// Let a paused run go on.
    Resume { run: RunId },
    /// Stop what runs, then roll back.
    Cancel { run: RunId },
    /// Continue a parked run from the step that is in doubt; of an ended one, start a new run.
    Retry { run: RunId },
    /// Stop everything, undo nothing.
    Abandon { run: RunId },
    /// Say that somebody is on it.
    Acknowledge { incident: IncidentId },
    /// It is over.
    Resolve { incident: IncidentId, reason: String },
    /// Begin nothing any more, and stop what is in flight: the kill switch (C30).
    Halt { reason: String },
    /// Go on after a halt.
    Release,
    /// Undo what is in force.
    Lift {
        what: Lift,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// It was nothing.
    Dismiss { incident: IncidentId, reason: String },
    /// Read the files of the setup anew. Whoever runs the engine reads them: see `Engine::reload`.
    Reload,
    /// Let the runs of a workflow act, as its text is now.
    Arm { workflow: Arc<str> },
    /// Let them only observe.
    Disarm { workflow: Arc<str> },
    /// Say what came of a step, or of its undo, that a person does.
    Answer { run: RunId, step: Arc<str>, undo: bool, done: bool, text: String },
    /// Say yes to what a step would do. `hash` begins the hash that the asker saw; empty is whatever is
    /// asked now. `groups` are those of the asker: whoever takes the request fills them in, they never
    /// come from the asker.
    Approve {
        run: RunId,
        step: Arc<str>,
        hash: String,
        #[serde(skip)]
        groups: Box<[Arc<str>]>,
    },
    /// Say no to it.
    Deny {
        run: RunId,
        step: Arc<str>,
        reason: String,
        #[serde(skip)]
        groups: Box<[Arc<str>]>,
    },
    /// Keep an effect that would be taken back otherwise (C29).
    Confirm { run: RunId, step: Arc<str> },
    /// Say what comes of a step in doubt, or of an undo that failed or waits for its next attempt.
    Settle {
        run: RunId,
        step: Arc<str>,
        #[serde(rename = "as")]
        as_: Settled,
        #[serde(default)]
        reason: String,
    },
}

/// What should be done, once the records before it are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Have an agent perform an action.
    Perform(Task),
    /// Ask whether an effect is there: [`Input::Probed`] is the answer. Changes nothing, so that a halt
    /// does not hold it back.
    Probe(Probe),
    /// Stop an attempt that runs; it answers `Outcome::Stopped` if it did.
    Stop {
        /// Which run.
        run: RunId,
        /// Which step.
        step: StepIx,
        /// Which attempt.
        attempt: u32,
        /// Whether it is an undo.
        undo: bool,
    },
    /// Throw the kill switch at whoever performs: nothing is begun before it is released (C30).
    Halt {
        /// Who asked for it.
        by: Actor,
        /// Why.
        why: Arc<str>,
    },
    /// Release the kill switch.
    Release,
    /// Answer a request.
    Answer {
        /// Which request.
        id: RequestId,
        /// The answer.
        answer: Answer,
    },
}

/// One attempt of one action by one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Which run.
    pub run: RunId,
    /// Which step.
    pub step: StepIx,
    /// Which attempt, from 1. Undo attempts count apart.
    pub attempt: u32,
    /// Whether it is the undo.
    pub undo: bool,
    /// Who performs it.
    pub agent: AgentId,
    /// How it is performed: a drill acts on nothing.
    pub kind: AgentKind,
    /// The idempotency key (C4): stable over attempts and restarts.
    pub key: Arc<str>,
    /// What to do.
    pub action: Arc<Action>,
    /// When the engine gives up on this attempt.
    pub deadline: Timestamp,
    /// Grows with every turn that a run takes at the target; 0 without a target. A lower one than the last
    /// is refused (C16).
    pub epoch: Seq,
    /// Whether its effect is asked for first: if it is there already, nothing is performed.
    pub probe_first: bool,
    /// What it is part of.
    pub context: Context,
}

/// What an attempt is part of, for agents that hand it on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// Name of the workflow.
    pub workflow: Arc<str>,
    /// Id of the step in its workflow's file.
    pub step: Arc<str>,
    /// Name of the agent.
    pub agent: Arc<str>,
    /// The incident that the run answers.
    pub incident: Option<IncidentId>,
    /// What the run's templates see as `detection`.
    pub detection: Option<Arc<Map>>,
    /// That it lifts what another run did.
    pub lifts: Option<Lifts>,
}

/// That a task takes back what another run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifts {
    /// Which entry of the ledger.
    pub obligation: ObligationId,
    /// Whether a person asked for it: then the kill switch does not hold it (C30).
    pub by_hand: bool,
}

impl Task {
    /// Whether it takes back what was done before: as an undo, or as a lift.
    pub fn takes_back(&self) -> bool {
        self.undo || self.context.lifts.is_some()
    }
    /// Whether the kill switch does not hold it: a person asked for it, or is asked to do it (C30).
    pub fn passes_halt(&self) -> bool {
        self.kind == AgentKind::Manual || self.context.lifts.is_some_and(|lifts| lifts.by_hand)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done or under way; the text says what was set off.
    Accepted(String),
    /// It is not done, and why.
    Refused(String),
}

/// What came of one input. Records first: no effect is performed before they are durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// What became true.
    pub records: Vec<Record>,
    /// What should be done about it.
    pub effects: Vec<Effect>,
}

//! What became true. Past tense; the only thing that is stored.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AgentKind, AgentStatus, AskedApproval, Echo, IncidentStatus, Request, Settled};
use crate::model::{
    Action, AgentId, Detection, Digest, Failure, IncidentId, Map, ObligationId, Presence, RunId, Seq,
    Severity, StepIx, Timestamp,
};
use crate::workflow::Plan;

/// One fact with its place and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Place in the journal, from 1.
    pub seq: Seq,
    /// When it became true.
    pub at: Timestamp,
    /// What became true.
    pub event: Event,
}

/// Who ordered something: `quell` for the engine itself, else a person as `NAME (uid N)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub Arc<str>);

impl Actor {
    /// The engine itself.
    pub fn engine() -> Self {
        Actor(Arc::from("quell"))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a journal is for, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalKind {
    /// Only drills and builtins act.
    Exercise,
    /// Actions reach the world.
    Real,
}

/// Why a run is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackCause {
    /// A critical step failed; it ends as `rolled_back`.
    Failure,
    /// A person cancelled it; it ends as `cancelled`.
    Cancel,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepWait {
    /// The delay before the next attempt.
    Retry,
    /// An agent: some fit, none is selectable now.
    Agent,
    /// Its turn: another run acts on the same target.
    Lease,
}

/// A fact. Stored as `{"kind":{…}}`. What is large and rare in it is boxed: a record takes one line
/// of the processor's cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Event {
    /// The first record of every journal.
    JournalOpened { kind: JournalKind, version: Arc<str>, seed: u64 },
    /// A start after a stop or a crash.
    Recovered { version: Arc<str> },
    /// The files of the setup were read anew and are what counts from here on (C17). `digest` is over
    /// their paths and texts.
    SetupLoaded { digest: Box<Digest>, by: Actor },
    /// The clock on the wall jumped by so many microseconds, and is `ahead` of the times in the journal by
    /// so many; both may be negative (C22).
    ClockJumped { by: i64, ahead: i64 },
    /// An agent is there. `agent` is its place in order of joining; joining again under a name keeps it.
    AgentJoined { agent: AgentId, name: Arc<str>, role: Arc<str>, kind: AgentKind, concurrency: u32 },
    /// An agent changed by itself or by order. Executing, Idle and Error follow from steps and are derived.
    AgentChanged { agent: AgentId, to: AgentStatus, why: Arc<str> },
    /// The text of a workflow, once per hash.
    WorkflowRecorded { hash: Box<Digest>, name: Arc<str>, text: Arc<str> },

    /// Its runs act from here on, as long as its text has this hash (C31).
    WorkflowArmed { workflow: Arc<str>, hash: Box<Digest>, by: Actor },
    /// Its runs only observe from here on. Those under way keep their mode.
    WorkflowDisarmed { workflow: Arc<str>, by: Box<Actor>, why: Arc<str> },

    /// Nothing is begun any more, forward or undo, until a person releases it (C30).
    Halted { by: Actor, why: Arc<str> },
    /// Work goes on.
    Released { by: Actor },

    /// A case is open.
    IncidentOpened { incident: IncidentId, detection: Arc<Detection> },
    /// More of the same: `count` is the total of the incident, `detection` the latest (C19).
    IncidentRepeated { incident: IncidentId, count: u64, detection: Arc<Detection> },
    /// A case moved on.
    IncidentChanged {
        incident: IncidentId,
        to: IncidentStatus,
        by: Actor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
    },

    /// A detection comes from quell itself: the workflow is not started by it (C36).
    EchoHeard { incident: IncidentId, workflow: Arc<str>, echo: Box<Echo> },

    /// A run exists and is running.
    RunCreated(Box<NewRun>),
    /// A later trigger joined a live run of the same workflow and key (C15).
    RunJoined { run: RunId, incident: IncidentId },
    /// Held at step boundaries.
    RunPaused { run: RunId, by: Actor },
    /// Going on.
    RunResumed { run: RunId, by: Actor },
    /// Waits for a person.
    RunParked { run: RunId, why: Arc<str> },
    /// A parked run goes on.
    RunUnparked { run: RunId, by: Actor },
    /// Being undone, last step first.
    RollbackStarted { run: RunId, cause: RollbackCause, why: Arc<str>, by: Actor },
    /// Every step is done.
    RunCompleted { run: RunId },
    /// Ended badly, nothing was undone.
    RunFailed { run: RunId, why: Arc<str> },
    /// Everything owed was undone; ends as `rolled_back` or `cancelled`, by cause.
    RollbackCompleted { run: RunId },
    /// Something owed could not be undone: a person is needed.
    RunStuck { run: RunId, why: Arc<str> },
    /// Given up by a person; what is owed stays owed.
    RunAbandoned { run: RunId, by: Actor },

    /// The intent to act (C1). `undo` is what will reverse it.
    StepStarted {
        run: RunId,
        step: StepIx,
        attempt: u32,
        agent: AgentId,
        kind: AgentKind,
        action: Arc<Action>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Arc<Action>>,
        deadline: Timestamp,
    },
    /// Done.
    StepSucceeded {
        run: RunId,
        step: StepIx,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        output: Map,
        /// Its effect was there already: nothing was performed, and nothing is owed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        found: bool,
    },
    /// This attempt failed; with `retry_at` there will be another one.
    StepFailed {
        run: RunId,
        step: StepIx,
        attempt: u32,
        failure: Arc<Failure>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// Nothing to be done now: no agent is selectable. Until when it waits.
    StepWaiting { run: RunId, step: StepIx, until: Timestamp, wait: StepWait },
    /// Its condition did not hold.
    StepSkipped { run: RunId, step: StepIx, why: Arc<str> },
    /// It was stopped, or will not be started. `in_doubt`: it may have acted.
    StepCancelled { run: RunId, step: StepIx, in_doubt: bool },
    /// What a live run would have done here; nothing was. `undo` is what would reverse it. `undecided`:
    /// whether it would be done at all depends on this condition, and on an output that nobody knows.
    StepAssumed {
        run: RunId,
        step: StepIx,
        agent: AgentId,
        action: Arc<Action>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Arc<Action>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undecided: Option<Box<Arc<str>>>,
        /// The entry of the settings that protects its target: a live run would be refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protected: Option<Box<Arc<str>>>,
    },
    /// A person said what came of a step, or of its undo, that a person does. Its outcome follows.
    StepAnswered {
        run: RunId,
        step: StepIx,
        attempt: u32,
        undo: bool,
        done: bool,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        text: Arc<str>,
        by: Box<Actor>,
    },
    /// A person settled a step in doubt, or an undo that was given up or waits. What follows from it has
    /// records of its own, except that `skip` leaves an undo given up, and that `again` lets a stuck run
    /// roll back.
    StepSettled {
        run: RunId,
        step: StepIx,
        attempt: u32,
        undo: bool,
        settled: Settled,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reason: Arc<str>,
        by: Box<Actor>,
    },
    /// An intent without an outcome (C3): after a crash, or with a `failure` that does not say what was done.
    StepInDoubt {
        run: RunId,
        step: StepIx,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Arc<Failure>>,
    },
    /// The action answered "done"; until when it is verified.
    StepPerformed {
        run: RunId,
        step: StepIx,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        output: Map,
        until: Timestamp,
    },
    /// An agent is asked whether the effect of an attempt is there: in doubt, or to verify it.
    StepProbing { run: RunId, step: StepIx, attempt: u32, undo: bool, agent: AgentId, until: Timestamp },
    /// What was found. With `again_at` it is asked once more.
    StepProbed {
        run: RunId,
        step: StepIx,
        attempt: u32,
        undo: bool,
        found: Box<Presence>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_at: Option<Timestamp>,
    },
    /// Its effect is in force already, for as long as it wants it: nothing is performed, and the step holds it too.
    StepJoined {
        run: RunId,
        step: StepIx,
        agent: AgentId,
        action: Arc<Action>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Arc<Action>>,
        obligation: ObligationId,
    },
    /// A step holds an effect no longer. Nothing is performed: others hold it, or it ended before. In a
    /// rollback the step counts as undone.
    LetGo { run: RunId, step: StepIx, obligation: ObligationId, why: Arc<str>, by: Box<Actor> },

    /// The intent to undo.
    UndoStarted {
        run: RunId,
        step: StepIx,
        attempt: u32,
        agent: AgentId,
        kind: AgentKind,
        action: Arc<Action>,
        deadline: Timestamp,
    },
    /// Undone.
    UndoSucceeded { run: RunId, step: StepIx, attempt: u32 },
    /// This undo attempt failed; with `retry_at` there will be another one.
    UndoFailed {
        run: RunId,
        step: StepIx,
        attempt: u32,
        failure: Arc<Failure>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// An undo's intent without an outcome, as [`Event::StepInDoubt`].
    UndoInDoubt {
        run: RunId,
        step: StepIx,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Arc<Failure>>,
    },
    /// The undo answered "done"; until when it is verified that nothing is left.
    UndoPerformed { run: RunId, step: StepIx, attempt: u32, until: Timestamp },

    /// People have to approve a step before it starts; what it would do is settled.
    ApprovalAsked(Box<AskedApproval>),
    /// Somebody approved what has this hash; by `quell` if the time for objections is over.
    ApprovalGiven { run: RunId, step: StepIx, hash: Box<Digest>, by: Box<Actor> },
    /// Somebody denied it. That the step fails follows.
    ApprovalDenied { run: RunId, step: StepIx, hash: Box<Digest>, by: Box<Actor>, reason: Arc<str> },
    /// Somebody confirmed the effect of a step: it lasts as long as it was meant to (C29).
    EffectConfirmed { run: RunId, step: StepIx, by: Box<Actor> },

    /// Somebody asked for what is not permitted.
    RequestRefused { by: Actor, request: Box<Request>, why: Arc<str> },
    /// Its time is over: it has ended by itself.
    ObligationExpired { obligation: ObligationId },
    /// It was asked for, and this was found.
    ObligationProbed { obligation: ObligationId, found: Box<Presence> },
    /// What ended on the ledger long ago and left the state; it stays in the journal.
    ObligationsRetired { obligations: Box<[ObligationId]> },
    /// Finished runs and closed incidents that left the state; they stay in the journal.
    Retired {
        #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
        runs: Box<[RunId]>,
        #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
        incidents: Box<[IncidentId]>,
    },
}

/// What a run began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct NewRun {
    pub run: RunId,
    pub workflow: Arc<str>,
    pub hash: Digest,
    pub plan: Arc<Plan>,
    pub inputs: Arc<Map>,
    pub by: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// What templates see as `detection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Arc<Map>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
    /// Steps that are done already, because they succeeded in `retry_of`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_over: Vec<StepIx>,
    /// What it lifts, in this order: each is a step of it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lifts: Box<[ObligationId]>,
    /// Whether its steps are performed. Left out in a live run.
    #[serde(default, skip_serializing_if = "RunMode::is_live")]
    pub mode: RunMode,
}

/// Whether the steps of a run are performed: decided when it begins, and kept (C31).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// They are.
    #[default]
    Live,
    /// None is: what would have been done is recorded.
    Observe,
}

impl RunMode {
    /// Whether steps are performed.
    pub fn is_live(&self) -> bool {
        *self == RunMode::Live
    }
    /// Its word in files, in JSON and on screens.
    pub fn name(self) -> &'static str {
        match self {
            RunMode::Live => "live",
            RunMode::Observe => "observe",
        }
    }
}

/// A record that cannot follow the ones before it: the journal is damaged or of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalEvent {
    /// Which record.
    pub seq: Seq,
    /// Why it cannot be.
    pub why: String,
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.seq, self.why)
    }
}

impl std::error::Error for IllegalEvent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_one_cache_line() {
        assert!(size_of::<Record>() <= 64, "{}", size_of::<Record>());
    }
}

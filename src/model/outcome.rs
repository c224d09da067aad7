//! What came of an action.

use serde::{Deserialize, Serialize};

use super::Map;

/// The answer of an agent to one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was done; its output is addressable as `steps.ID.output`.
    Succeeded(Map),
    /// Its effect was there already: nothing was done.
    Found(Map),
    /// It was not done.
    Failed(Failure),
    /// It was stopped, because the engine asked for that.
    Stopped,
    /// It was not begun, and nothing was done: everything is halted (C30), or it was stopped before its
    /// turn came. It may be tried again.
    NotBegun,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose failure it is, and what it leaves behind.
    pub kind: FailureKind,
    /// For people: what happened, sanitised.
    pub message: String,
}

/// The kinds of failure: they differ in what is known about the world afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent answered "failed": nothing was changed.
    Answered,
    /// The agent did not answer (it died, the connection broke): the agent is in error, the effect is in doubt.
    NoAnswer,
    /// No answer before the deadline: the agent is in error, the effect is in doubt.
    TimedOut,
    /// It was never sent: arguments could not be resolved, no agent became free, access was refused.
    NotSent,
    /// The agent answered "done", and it was not found to be so: the effect is in doubt.
    Unverified,
    /// It was never sent, since the agent could not be reached at all (no such program): the agent is
    /// in error.
    Unreachable,
}

impl FailureKind {
    /// Whether the effect may have happened all the same, so that its undo is owed (C9).
    pub fn in_doubt(self) -> bool {
        matches!(self, FailureKind::NoAnswer | FailureKind::TimedOut | FailureKind::Unverified)
    }

    /// Whether it puts the agent into error (S1.2).
    pub fn impairs_agent(self) -> bool {
        matches!(self, FailureKind::NoAnswer | FailureKind::TimedOut | FailureKind::Unreachable)
    }
}

//! Those who act: one trait, and what quell brings along.
//!
//! A [`Crew`] is the agents of one engine. Whoever performs holds a crew, and calls it only with tasks
//! whose intent is durable (C1).

pub mod builtin;
pub mod contain;
pub mod drill;
pub mod epochs;
pub mod exec;
pub mod halt;
pub mod http;
pub mod protect;
pub mod slow;

mod blocklist;
mod crew;
mod manual;
mod tools;

pub use crew::{Crew, perform_slowly, probe_slowly};
pub use slow::SlowAgent;
pub use tools::Tools;

use crate::engine::{Probe, Task};
use crate::model::{Failure, FailureKind, Outcome, Presence, Span, Timestamp};

/// One that performs actions and answers as it is called.
pub trait Agent: Send + Sync {
    /// Performs one attempt. `now` is the engine's time: the clock of a replay is virtual.
    fn perform(&self, task: &Task, now: Timestamp) -> Reply;

    /// Says whether the effect of an action is there, and how much of the engine's time that takes.
    /// Changes nothing.
    fn probe(&self, _: &Probe, _now: Timestamp) -> (Span, Presence) {
        (Span::ZERO, Presence::Unknown(NO_PROBE.to_owned()))
    }

    /// Whether it answers at once, without a file or a process: then it needs no thread of its own.
    fn is_instant(&self) -> bool;
}

/// What an agent says that has no way to look.
const NO_PROBE: &str = "its agent has no probe for it";

/// How an agent answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// This, after so much of the engine's time.
    Due {
        /// How long it takes.
        after: Span,
        /// What comes of it.
        outcome: Outcome,
    },
    /// Never: the deadline of the task ends it.
    Never,
}

impl Reply {
    /// This, at once.
    pub fn now(outcome: Outcome) -> Self {
        Reply::Due { after: Span::ZERO, outcome }
    }

    /// A failure, at once.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Reply::now(Outcome::Failed(Failure { kind, message: message.into() }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::AgentKind;
    use crate::model::{Action, AgentId, RunId, StepIx, Value};

    /// A task of run 1, step 0, attempt 1.
    pub(crate) fn task(kind: AgentKind, action: &str, args: &[(&str, &str)]) -> Task {
        let args = args.iter().map(|(k, v)| (Arc::from(*k), Value::from(*v))).collect();
        let action = Action {
            name: action.into(),
            args,
            target: None,
            idempotent: true,
            probe: false,
            question: None,
            expires: None,
        };
        Task {
            run: RunId(1),
            step: StepIx(0),
            attempt: 1,
            undo: false,
            agent: AgentId(0),
            kind,
            key: "run-1/block".into(),
            action: Arc::new(action),
            deadline: Timestamp::from_secs(30),
            epoch: 0,
            probe_first: false,
            context: crate::engine::Context::default(),
        }
    }
}

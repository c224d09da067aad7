//! Whether an effect is there: how an action is asked for it, and what is asked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AgentKind, HttpSpec, Task};
use crate::model::{Action, AgentId, CommandLine, ObligationId, RunId, Span, StepIx, Timestamp};

/// How long an answer to "is it there?" may take, unless the file says otherwise.
pub const PROBE_TIMEOUT: Span = Span::from_secs(10);

/// How it is found out whether the effect of an action is there. Asking changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSpec {
    /// The way; of the agent's kind.
    pub means: ProbeMeans,
    /// How long it may take.
    pub timeout: Span,
}

/// How an agent looks, one way for each kind of agent. A person is asked anyway.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeMeans {
    /// It is pretended.
    Drill(DrillProbe),
    /// Part of quell: it looks into the file that the action writes, for its key.
    Builtin,
    /// A program is run: exit code 0 is present, 1 absent.
    Exec(CommandLine),
    /// A server is asked.
    Http(HttpProbe),
}

/// A request that looks, and what its answers mean. Any other status says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpProbe {
    /// The request.
    pub http: HttpSpec,
    /// Statuses that mean that it is there.
    pub present: Vec<u16>,
    /// Statuses that mean that it is not.
    pub absent: Vec<u16>,
}

/// What a drill says when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillProbe {
    /// It is there, always.
    Present,
    /// It is not, ever.
    Absent,
    /// Nobody can say.
    Unknown,
    /// As its attempts came out: present once one was done, absent once an undo was. Of those that
    /// never answer, half were done.
    Acted,
}

impl DrillProbe {
    /// Every one with its word in files.
    pub const ALL: [(DrillProbe, &'static str); 4] = [
        (DrillProbe::Present, "present"),
        (DrillProbe::Absent, "absent"),
        (DrillProbe::Unknown, "unknown"),
        (DrillProbe::Acted, "acted"),
    ];
}

/// What the answer to a probe is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeOf {
    /// The effect of a step, as it is after an attempt of the step or of its undo.
    Step {
        /// Which run.
        run: RunId,
        /// Which step.
        step: StepIx,
        /// Which attempt; an answer about an old one is ignored.
        attempt: u32,
        /// Whether it is an attempt of the undo.
        undo: bool,
    },
    /// An entry of the ledger.
    Obligation(ObligationId),
}

/// The question whether an effect is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What the answer is about.
    pub of: ProbeOf,
    /// Who is asked.
    pub agent: AgentId,
    /// How that agent acts.
    pub kind: AgentKind,
    /// The forward action whose effect is asked for.
    pub action: Arc<Action>,
    /// The key of that action (C4).
    pub key: Arc<str>,
    /// When the engine gives up waiting for an answer.
    pub deadline: Timestamp,
    /// Whether `action` is a check of its own: it is performed, and its success says "present". Else its
    /// probe is asked, and it is not performed.
    pub check: bool,
}

impl Probe {
    /// The question that comes before an attempt whose effect may be there already.
    pub fn before(task: &Task) -> Probe {
        let Task { run, step, attempt, agent, kind, ref action, ref key, deadline, .. } = *task;
        // What the attempts before this one came to.
        let of = ProbeOf::Step { run, step, attempt: attempt.saturating_sub(1), undo: false };
        Probe { of, agent, kind, action: Arc::clone(action), key: Arc::clone(key), deadline, check: false }
    }

    /// A check as a task: what its agent performs.
    pub fn as_task(&self) -> Task {
        let (run, step, attempt) = match self.of {
            ProbeOf::Step { run, step, attempt, .. } => (run, step, attempt),
            ProbeOf::Obligation(_) => (RunId(0), StepIx(0), 1),
        };
        Task {
            run,
            step,
            attempt,
            undo: false,
            agent: self.agent,
            kind: self.kind,
            key: Arc::clone(&self.key),
            action: Arc::clone(&self.action),
            deadline: self.deadline,
            epoch: 0,
            probe_first: false,
            context: super::Context::default(),
        }
    }
}
